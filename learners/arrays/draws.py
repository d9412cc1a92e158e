"""Numbers that look random and follow from a counter: a learner that draws them is still a fold."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def mixed(number: int) -> np.uint64:
    """Return 64 well mixed bits of a number: one step of SplitMix64 [^1] from it.

    >>> int(mixed(0)), int(mixed(1)) >> 60
    (16294208416658607535, 9)

    [^1]: Steele, Lea, Flood: Fast splittable pseudorandom number generators. OOPSLA 2014.
    """
    bits = np.uint64(number) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@njit(cache=True)
def draw(row: NDArray[np.float32], number: int, scale: float) -> None:
    """Fill a row with values in [-scale, scale) that follow from `number` and from nothing else."""
    for axis in range(len(row)):
        high = mixed(int(mixed(number) ^ np.uint64(axis))) >> np.uint64(11)
        row[axis] = scale * (2.0 * (float(high) / 9007199254740992.0) - 1.0)  # 2 ** 53
