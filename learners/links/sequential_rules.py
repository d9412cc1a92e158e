"""What usually comes next."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known
from learners.links.table import NeighbourTable

_PSEUDO_EVENTS = 3.0  # added to the count: a rule seen once is not certain


@njit(cache=True)
def _unblocked(
    successors: NDArray[np.int32], weights: NDArray[np.float32], support: float, blocked: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    items = np.empty(len(successors), np.int32)
    scores = np.empty(len(successors), np.float32)
    kept = 0
    for slot, item in enumerate(successors):
        if item < 0:
            break
        if blocked[item] == 0 and weights[slot] > 0.0:
            items[kept] = item
            scores[kept] = weights[slot] / support
            kept += 1
    return items[:kept], scores[:kept]


@njit(cache=True)
def _look_up(
    successors: NDArray[np.int32],
    weights: NDArray[np.float32],
    support: float,
    size: int,
    slots: NDArray[np.int32],
    items: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Note the slot of every successor in `slots`, all -1 before and after, then read the items' scores."""
    for slot, item in enumerate(successors):
        if item >= 0:
            slots[item] = slot
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and slots[item] >= 0:
            scores[n] = weights[slots[item]] / support
    for item in successors:
        if item >= 0:
            slots[item] = -1
    return scores


class SequentialRules(Impersonal):
    r"""Rules "after i comes j" from sessions.

    $$score(j \mid i) = \frac{1}{c_i + 3} \sum_{i \rightarrow j} \frac{1}{distance}$$

    An event on $j$ strengthens the rules from the last items of the session, the nearer the more [^1]. The user's last
    item is asked, the session's if there is one. A repeat is a rule too: its item may follow itself.

    Parameters
    ----------
    successors
        Rules kept an item; a new one replaces the lightest and inherits half its weight.
    history
        Items of the session that are linked to a new event.
    half_life
        Events after which a rule counts half; None for ever.

    Examples
    --------
    >>> source, nothing = SequentialRules(half_life=None), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> source.learn_one(Interaction(0, 0, 0.0, nothing, nothing))
    >>> source.learn_one(Interaction(1, 0, 1.0, nothing, np.array([0], np.int32)))
    >>> query = Query(nothing, 2.0, np.array([0], np.int32))
    >>> [column.tolist() for column in source.top_k(query, 5, np.zeros(2, np.uint8))]
    [[1], [0.25]]

    References
    ----------
    [^1]: Ludewig, Jannach: Evaluation of session-based recommendation algorithms. UMUAI 2018.
    """

    name = "sequential_rules"

    def __init__(self, successors: int = 64, history: int = 10, half_life: float | None = 200_000) -> None:
        self._table = NeighbourTable(successors, half_life, 1.0 / np.arange(1, history + 1), both_directions=False)
        self._slots = np.full(16, -1, np.int32)  # scratch, all -1 between calls

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._table.add_item(item)
        self._slots = grown(self._slots, self._table.size, fill=-1)

    def learn_one(self, event: Interaction) -> None:
        """Strengthen the rules from the session's items to the event's."""
        require_known(self.name, event.item, self._table.size)
        self._table.learn_one(event.item, event.session)

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        require_all_known(self.name, events.items, self._table.size)
        self._table.learn_many(events, events.sessions)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the strongest successors of the user's last item."""
        last = self._last(query)
        if last < 0:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        links = self._table.links
        items, scores = _unblocked(links.items[last], links.weights[last], self._support(last), blocked)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, scores, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the strength of the rule from the user's last item to each item."""
        last = self._last(query)
        if last < 0:
            return np.zeros(len(items), np.float32)
        links = self._table.links
        scores: NDArray[np.float32] = _look_up(
            links.items[last], links.weights[last], self._support(last), self._table.size, self._slots, items
        )
        return scores

    def set_half_life(self, half_life: float) -> None:
        """Let a rule count half after so many events, or as configured if that is sooner, until the next call."""
        self._table.set_half_life(half_life)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the table's arrays."""
        return self._table.state()

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._table.restore(state)
        self._slots = np.full(self._table.size, -1, np.int32)

    def _last(self, query: Query) -> int:
        past = query.session if len(query.session) else query.recent
        last = int(past[0]) if len(past) else -1
        return last if last < self._table.size else -1

    def _support(self, item: int) -> float:
        """Return what turns a stored weight into a score: the item's events, in the unit of the weights."""
        return float(self._table.links.counts[item] + _PSEUDO_EVENTS * self._table.links.unit[0])
