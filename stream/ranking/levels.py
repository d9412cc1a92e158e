"""Bytes of functions that rise or fall all the way, looked up: to compute a logarithm takes several times as long.

Numbers with the same exponent and the same first five bits of the fraction are a *group*: 32 from each power of two to
the next. A table holds the byte of a group's least number, and the number from which on the byte is the next one.
"""

from collections.abc import Callable
from itertools import pairwise
from math import inf, nextafter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SHIFT: Final = 47  # bits of a float64 behind those that name its group


class Levels(NamedTuple):
    """The bytes of one function."""

    first: int  # the lowest group, as its numbers' bits behind `SHIFT`
    bytes: NDArray[np.uint8]  # [groups] of the least number of each
    turns: NDArray[np.float64]  # [groups] the least number with the next byte, inf without one


def tabulate(function: Callable[[float], int], low: int, high: int) -> Levels:
    """Tabulate a function from 2 to the power of `low` to 2 to that of `high`, both included.

    The byte must change by one in any group, and once, at least for the numbers that will be asked for.

    >>> table = tabulate(lambda x: int(10 * x), 0, 1)
    >>> table.bytes[[0, 31, 32]].tolist(), table.turns[:4].tolist()
    ([10, 19, 20], [inf, inf, inf, 1.1])
    """
    least = np.append(2.0**low * np.ldexp(1.0 + np.arange(32) / 32, np.arange(high - low)[:, None]), 2.0**high)
    starts, bytes_ = least.tolist(), [function(number) for number in least.tolist()]
    turns = [_turn(function, one, nextafter(next_, 0.0)) for one, next_ in pairwise(starts)]
    return Levels(int(least.view(np.int64)[0]) >> SHIFT, np.array(bytes_, np.uint8), np.array([*turns, inf]))


def _turn(function: Callable[[float], int], one: float, other: float) -> float:
    """The least number above `one` with the byte of `other`, by bisection."""
    start = function(one)
    if function(other) == start:
        return inf
    while one < (middle := (one + other) / 2) < other:
        one, other = (middle, other) if function(middle) == start else (one, middle)
    return other
