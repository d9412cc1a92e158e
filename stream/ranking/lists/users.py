"""Which users a weighted set of items points to: those who may want an item, and those who are like somebody."""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.state.user_block import ROWS, columns

NEWEST: Final = 50  # items of a user that are looked at
_PSEUDO_ITEMS = 5.0  # of every history: one item in common with nothing else is no great likeness


@njit(cache=True)
def weigh(
    block: NDArray[np.uint8], known: NDArray[np.int32], weights: NDArray[np.float64], without: int
) -> tuple[float, int]:
    r"""How much a user's newest items weigh, and which one weighs most; 0 and -1 if they have `without` already.

    $$\frac{\sum_{i \in u} w_i}{\sqrt{|u| + 5}}$$

    Parameters
    ----------
    block : of the user
    known : the model's number of each item of the shard, see `ItemNumbers.indices`; ids that were reused are left out
    weights : float64[items], by the model's number
    without : the model's number of an item, or -1
    """
    at = columns(block)
    total, most, through, n = 0.0, 0.0, -1, 0
    for row in range(at.ints[ROWS] - 1, -1, -1):
        item = known[at.items[row]]
        if item < 0 or item >= len(weights):
            continue
        if item == without:
            return 0.0, -1
        if n < NEWEST:
            total += weights[item]
            if weights[item] > most:
                most, through = weights[item], item
            n += 1
    return total / math.sqrt(n + _PSEUDO_ITEMS), through
