"""What usually comes next."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known
from learners.links.table import Links, NeighbourTable

_PSEUDO_EVENTS = 3.0  # added to the count: a rule seen once is not certain


class Ruled(NamedTuple):
    """The table of rules, for compiled code."""

    links: Links
    slots: NDArray[np.int32]  # [items] scratch, all -1 between calls


@njit(cache=True)
def last_of(session: NDArray[np.int32], recent: NDArray[np.int32], size: int) -> int:
    """Return the item whose rules are asked, the session's if there is one; -1 without one."""
    past = session if len(session) > 0 else recent
    return int(past[0]) if len(past) > 0 and past[0] < size else -1


@njit(cache=True)
def _support(links: Links, item: int) -> float:
    """What turns a stored weight into a score: the item's events, in the unit of the weights."""
    return float(links.counts[item] + _PSEUDO_EVENTS * links.unit[0])


@njit(cache=True)
def propose_ruled(
    ruled: Ruled, last: int, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the strongest successors of an item that are not blocked; nothing of -1."""
    successors, weights = ruled.links.items, ruled.links.weights
    width, support = (successors.shape[1], _support(ruled.links, last)) if last >= 0 else (0, 1.0)
    items, scores = np.empty(width, np.int32), np.empty(width, np.float32)
    kept = 0
    for slot in range(width):
        item = successors[last, slot]
        if item < 0:
            break
        if blocked[item] == 0 and weights[last, slot] > 0.0:
            items[kept], scores[kept] = item, weights[last, slot] / support
            kept += 1
    return best_first(items[:kept], scores[:kept], k)


@njit(cache=True)
def score_ruled(ruled: Ruled, last: int, size: int, items: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
    """Write the strength of the rule from an item to each item; 0 without one."""
    slots = ruled.slots
    scores[:] = 0.0
    if last < 0:
        return
    successors, weights, support = ruled.links.items[last], ruled.links.weights[last], _support(ruled.links, last)
    for slot, item in enumerate(successors):
        if item >= 0:
            slots[item] = slot
    for n, item in enumerate(items):
        if 0 <= item < size and slots[item] >= 0:
            scores[n] = weights[slots[item]] / support
    for item in successors:
        if item >= 0:
            slots[item] = -1


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
        self._ruled = Ruled(self._table.links, np.full(16, -1, np.int32))

    @property
    def arrays(self) -> Ruled:
        """All that compiled code works with; another tuple when an array has grown."""
        links, slots = self._table.links, self._ruled.slots
        if links is not self._ruled.links or len(slots) < self._table.size:
            self._ruled = Ruled(links, grown(slots, self._table.size, fill=-1))
        return self._ruled

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
        """Strengthen the rules from the session's items to the event's."""
        require_known(self.name, event.item, self._table.size)
        self._table.learn_one(event.item, event.session)

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        require_all_known(self.name, events.items, self._table.size)
        self._table.learn_many(events, events.sessions)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the strongest successors of the user's last item."""
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_ruled(
            self.arrays, last_of(query.session, query.recent, self._table.size), blocked, k
        )
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the strength of the rule from the user's last item to each item."""
        last, scores = last_of(query.session, query.recent, self._table.size), np.empty(len(items), np.float32)
        score_ruled(self.arrays, last, self._table.size, items, scores)
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
