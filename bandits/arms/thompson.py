"""Thompson sampling (1933): every arm as often as it is believed to be the best. The probabilities are worked out."""

import numpy as np
import scipy  # imports `special` at its first use

from bandits.arms.base import Arms, Floats, Pull
from bandits.arms.gaussian import best_of_normals

POINTS = 1_000  # of the sum over beta densities; the error of a probability stays below 1e-4


class GaussianThompson(Arms):
    r"""Rewards of any range: each arm's mean is believed to be normal.

    Prior N(0, s^2) and rewards of deviation s, so after n plays the belief is N(R / (n + 1), s^2 / (n + 1)). The
    probabilities are those of `best_of_normals`, right to 1e-4.

    Parameters
    ----------
    scale
        Standard deviation s of an arm's rewards, in units of reward.
    """

    name = "thompson"

    def __init__(self, arms: int, *, scale: float = 1.0, floor: float = 0.05) -> None:
        super().__init__(arms, floor=floor)
        self.scale = scale

    def _choice(self, x: Floats | None) -> Floats:
        return best_of_normals(self.rewards / (self.pulls + 1.0), self.scale / np.sqrt(self.pulls + 1.0))


class BernoulliThompson(Arms):
    r"""Rewards of 0 or 1: each arm's chance is believed to be Beta(1 + successes, 1 + failures).

    $$P(a) = \int f_a(z) \prod_{b \ne a} F_b(z) \, dz$$ summed over a grid of [0, 1]; right to 1e-4.

    Examples
    --------
    >>> BernoulliThompson(4, floor=0.0).pmf().round(6).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    name = "bernoulli_thompson"

    def learn_one(self, pull: Pull) -> None:
        """Learn from one play."""
        if not 0.0 <= pull.reward <= 1.0:
            raise ValueError(f"bandit 'bernoulli_thompson': reward must be in [0, 1]; got {pull.reward}")
        super().learn_one(pull)

    def _choice(self, x: Floats | None) -> Floats:
        edges = np.linspace(0.0, 1.0, POINTS + 1)
        won, lost = 1.0 + self.rewards, 1.0 + self.pulls - self.rewards
        below = scipy.special.betainc(won[:, None], lost[:, None], edges)  # [arms, edges]
        mass = np.diff(below, axis=1)
        middle = np.log(np.maximum((below[:, 1:] + below[:, :-1]) / 2.0, 1e-300))
        others = middle.sum(axis=0) - middle
        found = (mass * np.exp(others)).sum(axis=1)
        return np.asarray(found / found.sum())
