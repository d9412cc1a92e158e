"""What the same people touched."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known
from learners.links.table import Links, NeighbourTable

_PSEUDO_EVENTS = 3.0  # added to every count: an item seen once must not win every comparison


class Linked(NamedTuple):
    """The table of links and the answer to the last query, for compiled code."""

    links: Links
    sums: NDArray[np.float64]  # [items], 0 where the answer has nothing
    reached: NDArray[np.int32]  # items with a sum
    found: NDArray[np.int64]  # [1] how many these are


@njit(cache=True)
def spread_links(linked: Linked, size: int, recent: NDArray[np.int32]) -> None:
    """Put what each recent item gives its neighbours in place of the last answer."""
    neighbours, weights, counts, units, closeness = linked.links
    sums, reached = linked.sums, linked.reached
    for item in reached[: linked.found[0]]:
        sums[item] = 0.0
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
    linked.found[0] = found


@njit(cache=True)
def propose_linked(
    linked: Linked, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """Return the k best of the answer that are not blocked: by its sum over the root of the item's own events."""
    found, sums, counts, unit = linked.found[0], linked.sums, linked.links.counts, linked.links.unit[0]
    items, scores = np.empty(found, np.int32), np.empty(found, np.float32)
    kept = 0
    for item in linked.reached[:found]:
        if blocked[item] == 0:
            items[kept], scores[kept] = item, sums[item] / np.sqrt(counts[item] / unit + _PSEUDO_EVENTS)
            kept += 1
    return best_first(items[:kept], scores[:kept], k)


@njit(cache=True)
def score_linked(linked: Linked, size: int, items: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
    """Write the score of each item, 0 of those not reached."""
    sums, counts, unit = linked.sums, linked.links.counts, linked.links.unit[0]
    for n, item in enumerate(items):
        scores[n] = 0.0
        if 0 <= item < size and sums[item] > 0.0:
            scores[n] = sums[item] / np.sqrt(counts[item] / unit + _PSEUDO_EVENTS)


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
        reached = np.empty(neighbours * history, np.int32)
        self._linked = Linked(self._table.links, np.zeros(16), reached, np.zeros(1, np.int64))

    @property
    def arrays(self) -> Linked:
        """All that compiled code works with; another tuple when an array has grown."""
        links, sums = self._table.links, self._linked.sums
        if links is not self._linked.links or len(sums) < self._table.size:
            self._linked = self._linked._replace(links=links, sums=grown(sums, self._table.size))
        return self._linked

    @property
    def links(self) -> Links:
        """All that it learns; another tuple when an array has grown."""
        return self._table.links

    @property
    def growth(self) -> float:
        """By which factor the weight of an event exceeds that of the event before."""
        return self._table.growth

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._table.add_item(item)

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
        spread_links(self.arrays, self._table.size, query.recent)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_linked(self.arrays, blocked, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the summed similarity of each item to the user's recent ones."""
        spread_links(self.arrays, self._table.size, query.recent)
        scores = np.empty(len(items), np.float32)
        score_linked(self.arrays, self._table.size, items, scores)
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
        self._linked.found[0] = 0
        self._linked = self._linked._replace(sums=np.zeros(max(16, self._table.size)))
