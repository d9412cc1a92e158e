"""Exp3 (Auer, Cesa-Bianchi, Freund and Schapire 2002): for rewards that an adversary may choose."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.arms.base import Arms, Floats, Pull

LARGEST = 500.0  # of a log-weight above the smallest one that matters: exp stays finite


class Exp3(Arms):
    r"""$$\pi(a) \propto w_a, \quad w_a \mathrel{*}= \exp(\gamma \hat r / K), \quad \hat r = r / p$$ for the arm played.

    The paper's gamma is the floor as well as the rate. The reward is divided by the propensity of the pull, so late
    feedback weighs what it must.

    Parameters
    ----------
    scale
        Width of the rewards' range: weights are stated for rewards in [0, 1].
    """

    name = "exp3"

    def __init__(self, arms: int, *, scale: float = 1.0, floor: float = 0.1) -> None:
        super().__init__(arms, floor=floor)
        if floor <= 0:
            raise ValueError("bandit 'exp3': the floor is its gamma and must be above 0; got 0")
        self.scale = scale
        self.log_weights = np.zeros(arms)

    def learn_one(self, pull: Pull) -> None:
        """Learn from one play."""
        super().learn_one(pull)
        self.log_weights[pull.arm] += self.floor * pull.reward / (self.scale * pull.propensity * len(self))
        self.log_weights -= self.log_weights.max()
        np.maximum(self.log_weights, -LARGEST, out=self.log_weights)

    def add_arm(self) -> int:
        """Make room for one more arm, which starts at the mean weight of the others."""
        mean = float(np.log(np.exp(self.log_weights).mean()))
        arm = super().add_arm()
        self.log_weights[arm] = mean
        return arm

    def _choice(self, x: Floats | None) -> Floats:
        weights = np.exp(self.log_weights - self.log_weights.max())
        return np.asarray(weights / weights.sum())

    def state(self) -> dict[str, NDArray[Any]]:
        """Sums and log-weights."""
        return {**super().state(), "log_weights": self.log_weights}
