"""What is liked more now than it used to be."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known

_UNIT_LIMIT = 2.0**512  # a power of two rescales exactly
_PSEUDO_EVENTS = 1.0  # expected of every item besides: one event of a rare one scores less than 1
_NO_EVENT = -1  # number of the newest event of an item without one


@njit(cache=True)
def _risen(
    counts: NDArray[np.float64], scale: tuple[float, float], last: NDArray[np.int64], ring: NDArray[np.int32],
    events: int, blocked: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """Items of the last events that are not blocked, each once: where the ring holds its newest event."""
    items = np.empty(len(ring), np.int32)
    scores = np.empty(len(ring), np.float32)
    found = 0
    for number in range(events - 1, max(0, events - len(ring)) - 1, -1):  # about best first: cheaper to select from
        item = ring[number & (len(ring) - 1)]
        if last[item] == number and blocked[item] == 0:
            items[found] = item
            scores[found] = counts[item, 0] * scale[0] / (counts[item, 1] * scale[1] + _PSEUDO_EVENTS)
            found += 1
    return items[:found], scores[:found]


@njit(cache=True)
def _look_up(
    counts: NDArray[np.float64], scale: tuple[float, float], last: NDArray[np.int64], size: int, oldest: int,
    items: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and last[item] >= oldest:
            scores[n] = counts[item, 0] * scale[0] / (counts[item, 1] * scale[1] + _PSEUDO_EVENTS)
    return scores


class Trending(Impersonal):
    r"""How many times its usual share of the events an item has now, the same list for every user.

    $$score(i) = \frac{F_i}{\rho S_i + 1}$$

    $F$ and $S$ are the item's counts with a fast and a slow decay, $\rho$ is the ratio of their sums over all items:
    $\rho S_i$ is what the fast count would be if the item's share never changed. Popular items that stay so score
    about 1, and so does a single event of a rare one, for the pseudo-event below the line (as in [^1]).

    Only items of about the last four fast half-lives score. A query looks at all of those, so the list is exact, its
    cost is bounded, and an event costs a few additions.

    Parameters
    ----------
    fast, slow
        Half-lives in events of all users; 0 < fast < slow.

    Examples
    --------
    >>> source, nothing = Trending(fast=2, slow=1_000), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> for item in (0, 0, 0, 0, 1, 1):
    ...     source.learn_one(Interaction(item, 0, 0.0, nothing, nothing))
    >>> [column.tolist() for column in source.top_k(Query(nothing, 0.0, nothing), 5, np.zeros(2, np.uint8))]
    [[1, 0], [0.85, 0.43]]

    References
    ----------
    [^1]: Schubert, Weiler, Kriegel: SigniTrend: scalable detection of emerging topics in textual streams by hashed
    significance thresholds. KDD 2014 (recent frequency against a decayed average, with a bias term against rare words).
    """

    name = "trending"

    def __init__(self, fast: float = 100, slow: float = 3_000) -> None:
        if not 0 < fast < slow:
            raise ValueError(f"`trending`: half-lives must hold 0 < fast < slow; got fast={fast}, slow={slow}")
        self.fast, self.slow = fast, slow
        self._growth = np.array([2.0 ** (1.0 / fast), 2.0 ** (1.0 / slow)])
        self._size = 0
        self._counts = np.zeros((16, 2))  # [items, fast and slow]
        self._units = np.ones(2)  # weight of an event of now
        self._sums = np.zeros(2)  # of the counts over all items
        self._last = np.full(16, _NO_EVENT, np.int64)  # number of the item's newest event
        window = 1 << math.ceil(math.log2(max(16, 4 * fast)))  # a power of two, for a cheap remainder
        self._ring = np.zeros(window, np.int32)  # the item of event n at n modulo the length
        self._events = np.zeros(1, np.int64)

    def __repr__(self) -> str:
        return f"Trending(fast={self.fast}, slow={self.slow})"

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._counts = grown(self._counts, item + 1)
        self._last = grown(self._last, item + 1, fill=_NO_EVENT)
        self._size = max(self._size, item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Count one event."""
        require_known(self.name, event.item, self._size)
        self._units *= self._growth
        self._counts[event.item] += self._units
        self._sums += self._units
        number = int(self._events[0])
        self._ring[number % len(self._ring)] = event.item
        self._last[event.item] = number
        self._events[0] = number + 1
        for column in (0, 1):
            if self._units[column] >= _UNIT_LIMIT:
                self._counts[:, column] *= 1.0 / _UNIT_LIMIT
                self._sums[column] *= 1.0 / _UNIT_LIMIT
                self._units[column] *= 1.0 / _UNIT_LIMIT

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items that have risen most."""
        items, scores = _risen(self._counts, self._scale(), self._last, self._ring, int(self._events[0]), blocked)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, scores, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return by how much each item has risen; 0 for those without an event in the window."""
        oldest = int(self._events[0]) - len(self._ring)
        scores: NDArray[np.float32] = _look_up(
            self._counts, self._scale(), self._last, self._size, max(0, oldest), items
        )
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return counts, their units and sums, and the last events."""
        return {
            "counts": self._counts[: self._size], "units": self._units, "sums": self._sums,
            "last": self._last[: self._size], "ring": self._ring, "events": self._events,
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._size = len(state["counts"])
        self._counts = np.array(state["counts"], np.float64)
        self._units = np.array(state["units"], np.float64)
        self._sums = np.array(state["sums"], np.float64)
        self._last = np.array(state["last"], np.int64)
        self._ring = np.array(state["ring"], np.int32)
        self._events = np.array(state["events"], np.int64)

    def _scale(self) -> tuple[float, float]:
        """What turns stored counts into events of now, the slow ones into those that are expected of the fast ones."""
        fast, slow = self._units.tolist()
        fast_sum, slow_sum = self._sums.tolist()
        return 1.0 / fast, (fast_sum / fast / slow_sum if slow_sum > 0 else 1.0 / slow)
