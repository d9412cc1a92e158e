"""Caps and pins in plain words, and three lists to fill slates from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits import Constraints

SLOTS = 3
# Overlapping lists, one short, one exhausted; 0 and 3 share a brand with 6, all odd ones are of one category.
LISTS = np.array([[1, 3, 5, 2, 6], [3, 1, 0, -1, -1], [7, -1, -1, -1, -1]], np.int32)
SHORT = np.array([[1, 3, 5, 7, -1], [3, 1, -1, -1, -1], [-1, -1, -1, -1, -1]], np.int32)


class Cap(NamedTuple):
    """A cap in plain words: group of an item is its remainder, at most so many among the first slots."""

    modulus: int
    at_most: int
    first: int


def constraints_of(lists: NDArray[np.int32], caps: list[Cap], pins: dict[int, int]) -> Constraints:
    """`pins` are items by slot."""
    slots = sorted(pins)
    used = np.zeros((len(caps), 8), np.int32)
    for c, cap in enumerate(caps):
        for slot, item in pins.items():
            used[c, item % cap.modulus] += slot < cap.first
    return Constraints(
        np.array([lists % cap.modulus for cap in caps], np.int32).reshape(len(caps), *lists.shape),
        np.array([cap.at_most for cap in caps], np.int32),
        np.array([cap.first for cap in caps], np.int32),
        used,
        np.array([pins[slot] for slot in slots], np.int32),
        np.array(slots, np.int32),
    )
