"""What the same people touched."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known
from learners.links.table import NeighbourTable

_PSEUDO_EVENTS = 3.0  # added to every count: an item seen once must not win every comparison


@njit(cache=True)
def _spread(
    held: Any, size: int, recent: NDArray[np.int32], sums: NDArray[np.float64], reached: NDArray[np.int32]
) -> int:
    """Add what each recent item gives its neighbours to `sums`, all 0 before; return how many were reached."""
    neighbours, weights, counts, units, closeness = held.it
    unit, found = units[0], 0
    for n in range(min(len(recent), len(closeness))):
        row = recent[n]
        if row < 0 or row >= size:
            continue
        factor = closeness[n] / (unit * np.sqrt(counts[row] / unit + _PSEUDO_EVENTS))
        for slot in range(neighbours.shape[1]):
            item = neighbours[row, slot]
            if item < 0:
                break
            if weights[row, slot] > 0.0:  # faded links may have underflowed
                if sums[item] == 0.0:
                    reached[found] = item
                    found += 1
                sums[item] += factor * weights[row, slot]
    return found


@njit(cache=True)
def _unblocked(
    counts: NDArray[np.float64],
    unit: NDArray[np.float64],
    sums: NDArray[np.float64],
    reached: NDArray[np.int32],
    blocked: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    items = np.empty(len(reached), np.int32)
    scores = np.empty(len(reached), np.float32)
    kept = 0
    for item in reached:
        if blocked[item] == 0:
            items[kept] = item
            scores[kept] = sums[item] / np.sqrt(counts[item] / unit[0] + _PSEUDO_EVENTS)
            kept += 1
        sums[item] = 0.0
    return items[:kept], scores[:kept]


@njit(cache=True)
def _look_up(
    counts: NDArray[np.float64],
    unit: NDArray[np.float64],
    size: int,
    sums: NDArray[np.float64],
    reached: NDArray[np.int32],
    items: NDArray[np.int32],
) -> NDArray[np.float32]:
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and sums[item] > 0.0:
            scores[n] = sums[item] / np.sqrt(counts[item] / unit[0] + _PSEUDO_EVENTS)
    for item in reached:
        sums[item] = 0.0
    return scores


class CoVisitation(Impersonal):
    r"""Item-to-item similarity from what users touched close together.

    $$score(j) = \sum_{q} e^{-q/5} \frac{w_{i_q j}}{\sqrt{(c_{i_q} + 3)(c_j + 3)}}$$

    over the user's last distinct items $i_0, i_1, \dots$; an event on item $i$ adds $e^{-q/5}$ to $w_{i i_q}$ and to
    $w_{i_q i}$; $c$ counts events. This is item-based collaborative filtering [^1] with a damped cosine.

    Parameters
    ----------
    neighbours
        Neighbours kept an item; a new one replaces the lightest and inherits half its weight.
    history
        Distinct items of the user that are linked and queried.
    half_life
        Events after which a link counts half; None for ever.

    Examples
    --------
    >>> source, nothing = CoVisitation(half_life=None), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> source.learn_one(Interaction(0, 0, 0.0, nothing, nothing))
    >>> source.learn_one(Interaction(1, 0, 1.0, np.array([0], np.int32), nothing))
    >>> query = Query(np.array([0], np.int32), 2.0, nothing)
    >>> [column.tolist() for column in source.top_k(query, 5, np.zeros(2, np.uint8))]
    [[1], [0.25]]

    References
    ----------
    [^1]: Linden, Smith, York: Amazon.com recommendations: item-to-item collaborative filtering.
    IEEE Internet Computing 2003.
    """

    name = "covisitation"

    def __init__(self, neighbours: int = 64, history: int = 10, half_life: float | None = 200_000) -> None:
        # math.exp, as numpy picks its exp by CPU: replicas must agree to the bit
        closeness = np.array([math.exp(-q / 5.0) for q in range(history)])
        self._table = NeighbourTable(neighbours, half_life, closeness, both_directions=True)
        self._sums = np.zeros(16)  # scratch, all 0 between calls
        self._reached = np.empty(neighbours * history, np.int32)  # scratch

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._table.add_item(item)
        self._sums = grown(self._sums, self._table.size)

    def learn_one(self, event: Interaction) -> None:
        """Link the item and the user's recent items in both directions."""
        require_known(self.name, event.item, self._table.size)
        self._table.learn_one(event.item, event.recent)

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        require_all_known(self.name, events.items, self._table.size)
        self._table.learn_many(events, np.diff(events.starts))

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the most similar items to the user's recent ones."""
        links, reached = self._table.links, self._spread(query)
        items, scores = _unblocked(links.counts, links.unit, self._sums, reached, blocked)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, scores, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the summed similarity of each item to the user's recent ones."""
        links, reached = self._table.links, self._spread(query)
        scores: NDArray[np.float32] = _look_up(links.counts, links.unit, self._table.size, self._sums, reached, items)
        return scores

    def set_half_life(self, half_life: float) -> None:
        """Let a link count half after so many events, or as configured if that is sooner, until the next call."""
        self._table.set_half_life(half_life)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the table's arrays."""
        return self._table.state()

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._table.restore(state)
        self._sums = np.zeros(self._table.size)

    def _spread(self, query: Query) -> NDArray[np.int32]:
        found = _spread(self._table.held, self._table.size, query.recent, self._sums, self._reached)
        return self._reached[:found]
