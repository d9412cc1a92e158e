"""The items of the last events: what is drawn from for negatives, and all that a scan has to look at."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.draws import mixed
from learners.base import State

EVENTS, DRAWS = 0, 1  # places in `counters`


@njit(cache=True)
def pick(ring: NDArray[np.int32], counters: NDArray[np.int64], size: int, uniform: float) -> int:
    """Draw an item by its share of the last events, or with probability `uniform` any of `size` items alike."""
    counters[DRAWS] += 1
    bits = mixed(counters[DRAWS])
    kept = min(counters[EVENTS], len(ring))
    place = bits >> np.uint64(32)
    if kept == 0 or float(bits & np.uint64(0xFFFF)) < uniform * 65536.0:
        return int(np.int64(place) % size)
    return int(np.int64(ring[np.int64(place) % kept]))


@njit(cache=True)
def add(ring: NDArray[np.int32], counters: NDArray[np.int64], item: int) -> None:
    """Take in the item of one event."""
    ring[counters[EVENTS] % len(ring)] = item
    counters[EVENTS] += 1


@njit(cache=True)
def distinct(
    ring: NDArray[np.int32], events: int, blocked: NDArray[np.uint8], stamps: NDArray[np.int64], stamp: int
) -> NDArray[np.int32]:
    """Return the eligible items of the ring, each once."""
    found, count = np.empty(len(ring), np.int32), 0
    for item in ring[: min(events, len(ring))]:
        if stamps[item] != stamp and blocked[item] == 0:
            stamps[item] = stamp
            found[count] = item
            count += 1
    return found[:count]


class Arrivals:
    """A ring of the items of the last `reach` events, and how many events and draws there were.

    Attributes
    ----------
    ring : int32[reach]
        Items; the first min(events, reach) are in use.
    counters : int64[2]
        Events taken in by `add`, and draws made by `pick`.
    """

    def __init__(self, reach: int) -> None:
        self.ring = np.zeros(reach, np.int32)
        self.counters = np.zeros(2, np.int64)
        self._stamps = np.zeros(16, np.int64)  # scratch
        self._stamp = 0

    def eligible(self, blocked: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the items of the last events that are not blocked, each once."""
        if len(self._stamps) < len(blocked):
            self._stamps, self._stamp = np.zeros(2 * len(blocked), np.int64), 0
        self._stamp += 1
        items: NDArray[np.int32] = distinct(self.ring, self.counters[EVENTS], blocked, self._stamps, self._stamp)
        return items

    def state(self) -> dict[str, NDArray[Any]]:
        """Return ring and counters."""
        return {"ring": self.ring, "counters": self.counters}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        if state["ring"].shape != self.ring.shape:
            raise ValueError(f"the ring must hold {len(self.ring)} events; got {state['ring'].shape}")
        self.ring = np.array(state["ring"], np.int32)
        self.counters = np.array(state["counters"], np.int64)
