"""Ridge regression for every arm: what LinUCB and LinTS believe."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.arms.base import Arms, Floats, Pull


class LinearArms(Arms):
    r"""Reward of arm a is $x \cdot \theta_a$ plus noise; $A_a = I + \sum x x^T$, $\theta_a = A_a^{-1} \sum r x$.

    The inverse is kept up to date by the formula of Sherman and Morrison: features squared per play.

    Parameters
    ----------
    features
        Length of `x`.
    width
        What a standard deviation of the prediction counts, alpha in the papers.
    """

    contextual = True

    def __init__(self, arms: int, *, features: int, width: float = 1.0, floor: float = 0.05) -> None:
        super().__init__(arms, floor=floor)
        self.features, self.width = features, width
        self.inverse = np.repeat(np.eye(features)[None], arms, axis=0)
        self.sums = np.zeros((arms, features))

    def learn_one(self, pull: Pull) -> None:
        """Learn from one play."""
        x = self._checked(pull.x)
        super().learn_one(pull)
        inverse = self.inverse[pull.arm]
        turned = inverse @ x
        inverse -= np.outer(turned, turned) / (1.0 + x @ turned)
        self.sums[pull.arm] += pull.reward * x

    def add_arm(self) -> int:
        """Make room for one more arm, of which nothing is known."""
        arm = super().add_arm()
        self.inverse[arm] = np.eye(self.features)
        return arm

    def predictions(self, x: Floats | None) -> tuple[Floats, Floats]:
        """Mean and standard deviation of every arm's prediction, both ``[arms]``."""
        x = self._checked(x)
        turned = self.inverse @ x
        means = (self.sums * turned).sum(axis=1)
        return means, np.sqrt(np.maximum(turned @ x, 0.0))

    def state(self) -> dict[str, NDArray[Any]]:
        """Sums, inverses, and reward-weighted features."""
        return {**super().state(), "inverse": self.inverse, "sums": self.sums}

    def _checked(self, x: Floats | None) -> Floats:
        if x is None or x.shape != (self.features,):
            got = "none" if x is None else str(x.shape)
            raise ValueError(f"bandit {self.name!r}: needs x of shape ({self.features},); got {got}")
        return x
