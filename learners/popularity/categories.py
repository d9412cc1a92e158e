"""What is liked in the categories that the user looks at."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known

_UNIT_LIMIT = 2.0**512  # a power of two rescales exactly
_STEP = 0.8  # how much less each older item counts
_UNUSED = 0.1  # worth of an item without events, in events: it may be proposed, after the others


class Shelves(NamedTuple):
    """What is counted by category, for compiled code."""

    weights: NDArray[np.float64]  # [items]
    unit: NDArray[np.float64]  # [1] weight of an event of now
    category: NDArray[np.int32]  # [items]
    top: NDArray[np.int32]  # [categories, listed], best first, -1: free
    history: int  # last items of a user that are looked at


@njit(cache=True)
def _ahead(weights: NDArray[np.float64], a: int, b: int) -> bool:
    return bool(b < 0 or weights[a] > weights[b] or (weights[a] == weights[b] and a < b))


@njit(cache=True)
def _enlist(weights: NDArray[np.float64], row: NDArray[np.int32], item: int) -> None:
    """Move `item`, new or just grown, to its place in its category's list (-1: free)."""
    place = len(row)
    for n in range(len(row)):
        if row[n] == item or row[n] < 0:
            place = n
            break
    if place == len(row):
        place -= 1
        if not _ahead(weights, item, row[place]):
            return
    while place > 0 and _ahead(weights, item, row[place - 1]):
        row[place] = row[place - 1]
        place -= 1
    row[place] = item


@njit(cache=True)
def count_on_shelves(shelves: Shelves, growth: float, items: NDArray[np.int32]) -> None:
    """Count events on known items."""
    weights, unit, category, top, _ = shelves
    for item in items:
        unit[0] *= growth
        weights[item] += unit[0]
        _enlist(weights, top[category[item]], item)
        if unit[0] >= _UNIT_LIMIT:  # order within the lists stays; underflow makes ties, which keep their order
            weights *= 1.0 / _UNIT_LIMIT
            unit *= 1.0 / _UNIT_LIMIT


@njit(cache=True)
def _strike(row: NDArray[np.int32], item: int) -> None:
    """Take `item` off a list."""
    for n in range(len(row)):
        if row[n] == item:
            row[n:-1] = row[n + 1 :].copy()
            row[-1] = -1
            return


@njit(cache=True)
def _shares(
    category: NDArray[np.int32], recent: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Categories of the user's last items, each once, and the share of each."""
    names, shares = np.full(len(recent), -1, np.int32), np.zeros(len(recent))
    found, weight, total = 0, 1.0, 0.0
    for item in recent:
        if not 0 <= item < size:
            continue
        n = 0
        while n < found and names[n] != category[item]:
            n += 1
        names[n] = category[item]
        found = max(found, n + 1)
        shares[n] += weight
        total += weight
        weight *= _STEP
    return names[:found], shares[:found] / max(total, 1.0)


@njit(cache=True)
def propose_shelved(
    shelves: Shelves, recent: NDArray[np.int32], size: int, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k best of the recent items' categories that are not blocked."""
    weights, unit, top = shelves.weights, shelves.unit[0], shelves.top
    names, shares = _shares(shelves.category, recent[: shelves.history], size)
    items, scores = np.empty(len(names) * top.shape[1], np.int32), np.empty(len(names) * top.shape[1], np.float32)
    found = 0
    for n in range(len(names)):
        for item in top[names[n]]:
            if item < 0:
                break
            if blocked[item] == 0:
                items[found], scores[found] = item, shares[n] * (weights[item] / unit + _UNUSED)
                found += 1
    return best_first(items[:found], scores[:found], k)


@njit(cache=True)
def score_shelved(
    shelves: Shelves, recent: NDArray[np.int32], size: int, items: NDArray[np.int32], scores: NDArray[np.float32]
) -> None:
    """Write the score of each item, 0 outside the recent items' categories."""
    weights, unit, category = shelves.weights, shelves.unit[0], shelves.category
    names, shares = _shares(category, recent[: shelves.history], size)
    for n, item in enumerate(items):
        scores[n] = 0.0
        if 0 <= item < size:
            for m in range(len(names)):
                if names[m] == category[item]:
                    scores[n] = shares[m] * (weights[item] / unit + _UNUSED)


class Categories(Impersonal):
    """The most popular items of the user's recent categories: reaches items without events by similar users.

    An item scores its decayed count times the share that its category has among the user's last items, the newest
    counting most. Items of which nothing is known share category 0.

    Parameters
    ----------
    half_life
        Events, of all users, after which an event counts half; > 0.
    listed
        Items listed per category.
    history
        Last distinct items of the user that are looked at.

    Examples
    --------
    >>> source, nothing = Categories(), np.empty(0, np.int32)
    >>> for item, category in ((0, 1), (1, 2), (2, 1)):
    ...     source.add_item(item)
    ...     source.put(item, category)
    >>> source.learn_one(Interaction(0, 0, 0.0, nothing, nothing))
    >>> source.top_k(Query(np.array([0], np.int32), 0.0, nothing), 5, np.array([2, 0, 0], np.uint8))[0].tolist()
    [2]
    """

    name = "categories"

    def __init__(self, half_life: float = 3_000, listed: int = 50, history: int = 10) -> None:
        self._half_life = half_life
        self.growth = 2.0 ** (1.0 / half_life)  # of the unit, an event
        self._size = 0
        self._shelves = Shelves(
            np.zeros(16), np.ones(1), np.zeros(16, np.int32), np.full((1, listed), -1, np.int32), history
        )

    @property
    def arrays(self) -> Shelves:
        """All that compiled code works with; another tuple when an array has grown."""
        return self._shelves

    def listed(self, category: int) -> NDArray[np.int32]:
        """The items of a category with the most events, the first most; those without any may be among them.

        >>> Categories().listed(7).tolist()
        []
        """
        top = self._shelves.top
        row = top[category] if 0 <= category < len(top) else top[0, :0]
        return row[row >= 0]

    def add_item(self, item: int) -> None:
        """Make room for `item`; it is in category 0 until it is put elsewhere."""
        shelves = self._shelves
        if item >= len(shelves.weights):
            self._shelves = shelves = shelves._replace(
                weights=grown(shelves.weights, item + 1), category=grown(shelves.category, item + 1)
            )
        for new in range(self._size, item + 1):
            _enlist(shelves.weights, shelves.top[0], new)
        self._size = max(self._size, item + 1)

    def put(self, item: int, category: int) -> None:
        """Put an item into a category, a number >= 0."""
        require_known(self.name, item, self._size)
        shelves = self._shelves
        if category == shelves.category[item]:
            return
        if category >= len(shelves.top):
            self._shelves = shelves = shelves._replace(top=grown(shelves.top, category + 1, fill=-1))
        _strike(shelves.top[shelves.category[item]], item)
        shelves.category[item] = category
        _enlist(shelves.weights, shelves.top[category], item)

    def learn_one(self, event: Interaction) -> None:
        """Count one event."""
        require_known(self.name, event.item, self._size)
        count_on_shelves(self._shelves, self.growth, np.array([event.item], np.int32))

    def learn_many(self, events: Interactions) -> None:
        """Count events."""
        require_all_known(self.name, events.items, self._size)
        count_on_shelves(self._shelves, self.growth, events.items)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the best of the user's categories."""
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_shelved(
            self._shelves, query.recent, self._size, blocked, k
        )
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the item's decayed count times its category's share of the user's interest."""
        scores = np.empty(len(items), np.float32)
        score_shelved(self._shelves, query.recent, self._size, items, scores)
        return scores

    def set_half_life(self, half_life: float) -> None:
        """Let an event count half after so many events, or as configured if that is sooner, until the next call."""
        self.growth = 2.0 ** (1.0 / min(self._half_life, half_life))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights, their unit, every item's category and the lists."""
        weights, unit, category, top, _ = self._shelves
        return {"weights": weights[: self._size], "unit": unit, "category": category[: self._size], "top": top}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._shelves = Shelves(
            np.array(state["weights"], np.float64), np.array(state["unit"], np.float64),
            np.array(state["category"], np.int32), np.array(state["top"], np.int32), self._shelves.history,
        )  # fmt: skip
        self._size = len(self._shelves.weights)
