"""Size of a site's rewards: the unit in which a policy states its prior beliefs.

A site may reward a click with 2 or with 200, so a constant of 0.1 would be cautious at one and bold at the other.
Beliefs are therefore stated in the mean reward of an examined slot, and doubts in its mean square, both estimated from
the credited rewards. Multiply all rewards by c > 0, and all values are multiplied by c, all variances by c ** 2, and
every choice stays: exactly, if c is a power of two.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import PINNED

FORGETTING = 1e-4  # share of the sums that one slate replaces: the last 10,000 slates count


@njit(cache=True)
def count_reward(
    sums: NDArray[np.float64], theta: NDArray[np.float64], sources: NDArray[np.uint8], hit: int, reward: float
) -> None:
    """Add one settled slate to ``sums`` (size of the rewards, their squares, examined slots), without pinned slots."""
    sums *= 1.0 - FORGETTING
    for j in range(sources.size):
        if sources[j] == PINNED:
            continue
        sums[2] += theta[j]
        if j == hit:
            sums[0] += abs(reward)
            sums[1] += reward * reward


class RewardScale:
    """Mean and mean square of an examined slot's reward, over about the last 10,000 slates; 0 before any reward.

    Examples
    --------
    >>> scale = RewardScale()
    >>> theta, sources = np.array([1.0, 0.5]), np.zeros(2, np.uint8)
    >>> for hit in (0, -1, -1, -1):
    ...     scale.learn_one(theta, sources, hit, reward=3.0 if hit == 0 else 0.0)
    >>> mean, mean_square = scale.moments()
    >>> round(mean, 3), round(mean_square, 3)
    (0.5, 1.5)
    """

    def __init__(self) -> None:
        self.sums = np.zeros(3)  # of |reward|, reward ** 2, examination

    def learn_one(self, theta: NDArray[np.float64], sources: NDArray[np.uint8], hit: int, reward: float) -> None:
        """Count a settled slate: examination of the slots, sources drawn, slot of the hit or -1, its reward."""
        count_reward(self.sums, theta, sources, hit, reward)

    def moments(self) -> tuple[float, float]:
        """Mean size and mean square of an examined slot's reward, in units of reward and of reward squared."""
        size, square, examined = self.sums.tolist()
        return (size / examined, square / examined) if examined > 0.0 else (0.0, 0.0)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The array that learning changes, live."""
        return {"reward_scale": self.sums}
