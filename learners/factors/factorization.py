"""Users and items as vectors whose product says how well they fit, moved a little by every event."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.draws import draw
from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.arrays.top_k import best_first
from learners.base import NOBODY, Interaction, Query, State, require_known
from learners.factors.arrivals import Arrivals, add, pick

_SCALE = 0.1  # of first vectors, as the paper's standard deviation
_UNIFORM = 0.5  # share of negatives drawn from all items alike
_ITEM_NUMBERS = 1 << 62  # keeps the first vectors of items apart from those of users of small numbers


class _Factors(NamedTuple):
    """What a step reads and changes besides the user's vector, for compiled code."""

    items: NDArray[np.float32]  # [items, dimensions]
    ring: NDArray[np.int32]  # these two: see `Arrivals`
    counters: NDArray[np.int64]
    negatives: int
    rate: float
    shrinkage: float


@njit(cache=True)
def _move(
    user: NDArray[np.float32], item: NDArray[np.float32], target: float, rate: float, shrinkage: float
) -> None:  # fmt: skip
    """Take one step of both vectors down the squared error, short enough never to overshoot."""
    error, squares = target, 0.0
    for axis in range(len(user)):
        error -= user[axis] * item[axis]
        squares += user[axis] * user[axis] + item[axis] * item[axis]
    error /= 1.0 + rate * squares
    for axis in range(len(user)):
        of_user = user[axis]
        user[axis] += rate * (error * item[axis] - shrinkage * of_user)
        item[axis] += rate * (error * of_user - shrinkage * item[axis])


@njit(cache=True)
def _learn(held: Any, size: int, user: NDArray[np.float32], item: int) -> None:
    items, ring, counters, negatives, rate, shrinkage = held.it
    _move(user, items[item], 1.0, rate, shrinkage)
    for _ in range(negatives):
        other = pick(ring, counters, size, _UNIFORM)
        if other != item:
            _move(user, items[other], 0.0, rate, shrinkage)
    add(ring, counters, item)


@njit(cache=True)
def _mean(
    items: NDArray[np.float32], counts: NDArray[np.int64], size: int, recent: NDArray[np.int32],
    into: NDArray[np.float32],
) -> None:  # fmt: skip
    """Write the mean vector of those of `recent` that have been learned."""
    into[:] = 0.0
    found = 0
    for item in recent:
        if 0 <= item < size and counts[item] > 0:
            into += items[item]
            found += 1
    if found:
        into /= np.float32(found)


@njit(cache=True)
def _scores(
    user: NDArray[np.float32], vectors: NDArray[np.float32], counts: NDArray[np.int64], size: int,
    items: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and counts[item] > 0:
            dot = 0.0
            for axis in range(len(user)):
                dot += user[axis] * vectors[item, axis]
            scores[n] = max(0.0, dot)
    return scores


class Factorization:
    r"""Incremental matrix factorisation for events that are all positive (ISGD [^1]), with a few drawn negatives.

    Every event of user $u$ on item $i$ takes one step of both vectors down

    $$(1 - p_u \cdot q_i)^2 + \sum_{n} (p_u \cdot q_n)^2 + \lambda (\lVert p \rVert^2 + \lVert q \rVert^2)$$

    A step is divided by $1 + \eta (\lVert p \rVert^2 + \lVert q \rVert^2)$: unlike the published one it cannot
    overshoot and grow without end. Items drawn from the last `reach` events, or half of the time from all alike, count
    as zeros and keep the vectors from agreeing on 1 for everything. First vectors follow from the numbers of user and
    item, so they need not be kept. The score is $\max(0, p_u \cdot q_i)$, 0 for an item without an event. A user
    without a vector (new, forgotten, evicted or `NOBODY`) is given the mean vector of their last items.

    Candidates of `top_k` are the items of the last `reach` events; as a baseline, `all_items` scans the catalogue,
    which costs more as it grows.

    Parameters
    ----------
    dimensions
        Length of a vector.
    negatives
        Drawn for every event; >= 0.
    learning_rate, shrinkage
        $\eta$ and $\lambda$.
    max_users
        Users with a vector; a new one replaces the user with the oldest last event.
    history
        Last distinct items that stand for a user without a vector.
    reach
        Events that negatives and candidates are taken from.
    all_items
        Rank the whole catalogue.

    Examples
    --------
    >>> source, nothing = Factorization(), np.empty(0, np.int32)
    >>> source.add_item(3)
    >>> for n in range(2_000):
    ...     source.learn_one(Interaction(n % 4, 0, 0.0, nothing, nothing, user=1 + n % 4 // 2))
    >>> query = Query(np.array([2], np.int32), 0.0, nothing, user=2)
    >>> source.top_k(query, 1, np.array([0, 0, 2, 0], np.uint8))[0].tolist()
    [3]

    References
    ----------
    [^1]: Vinagre, Jorge, Gama: Fast incremental matrix factorization for recommendation with positive-only feedback.
    UMAP 2014.
    """

    name = "factorization"
    proposes_touched = False

    def __init__(
        self, dimensions: int = 32, negatives: int = 3, learning_rate: float = 0.5, shrinkage: float = 0.01,
        max_users: int = 100_000, history: int = 10, reach: int = 2_048, *, all_items: bool = False,
    ) -> None:  # fmt: skip
        self._max_users, self._history, self._all_items = max_users, history, all_items
        self._size = 0
        self._arrivals = Arrivals(reach)
        self._factors = _Factors(
            np.zeros((16, dimensions), np.float32), self._arrivals.ring, self._arrivals.counters, negatives,
            learning_rate, shrinkage,
        )  # fmt: skip
        self._handle = Handle()
        self._counts = np.zeros(16, np.int64)  # events of every item
        self._users = np.zeros((16, dimensions), np.float32)
        self._rows: OrderedDict[int, int] = OrderedDict()  # of users by their last event, the newest at the end
        self._free: list[int] = []  # rows of users that were forgotten
        self._guest = np.zeros(dimensions, np.float32)  # scratch: vector of a user without one

    def describe(self, item: int, about: object) -> None:
        """Ignore the catalogue."""

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        if item >= len(self._factors.items):
            self._factors = self._factors._replace(items=grown(self._factors.items, item + 1))
        self._counts = grown(self._counts, item + 1)
        for new in range(self._size, item + 1):
            draw(self._factors.items[new], _ITEM_NUMBERS + new, _SCALE)
        self._size = max(self._size, item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Move the vectors of user and item towards each other."""
        require_known(self.name, event.item, self._size)
        if event.user == NOBODY:
            user = self._guest
            self._mean(event.recent)
        else:
            row = self._row(event.user)  # may move all users to a larger array
            user = self._users[row]
        _learn(self._handle.of(self._factors), self._size, user, event.item)
        self._counts[event.item] += 1

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items of the last events, or of all, that fit the user best."""
        items = np.flatnonzero(blocked == 0).astype(np.int32) if self._all_items else self._arrivals.eligible(blocked)
        scores = self.score_many(query, items)
        found = scores > 0.0
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items[found], scores[found], k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how well each item fits the user."""
        row = self._rows.get(query.user)
        if row is None:
            self._mean(query.recent)
        user = self._guest if row is None else self._users[row]
        scores: NDArray[np.float32] = _scores(user, self._factors.items, self._counts, self._size, items)
        return scores

    def forget(self, user: int) -> None:
        """Drop the user's vector."""
        row = self._rows.pop(user, None)
        if row is not None:
            self._free.append(row)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return vectors and counts of the items, users by their last event with their vectors, the last events."""
        rows = np.fromiter(self._rows.values(), np.int64, len(self._rows))
        return {
            "items": self._factors.items[: self._size], "counts": self._counts[: self._size],
            "users": np.fromiter(self._rows, np.int64, len(self._rows)), "vectors": self._users[rows],
            **self._arrivals.state(),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        if state["items"].shape[1:] != self._guest.shape:
            raise ValueError(f"vectors must have {len(self._guest)} dimensions; got {state['items'].shape[1:]}")
        self._arrivals.restore(state)
        self._factors = self._factors._replace(
            items=np.array(state["items"], np.float32), ring=self._arrivals.ring, counters=self._arrivals.counters
        )
        self._counts = np.array(state["counts"], np.int64)
        self._size = len(self._counts)
        self._users = np.array(state["vectors"], np.float32)
        self._rows = OrderedDict((user, row) for row, user in enumerate(state["users"].tolist()))
        self._free = []

    def _row(self, user: int) -> int:
        """Return the row of a user, now the newest; a new user gets a free row, or that of the oldest."""
        row = self._rows.pop(user, None)
        if row is None:
            row = self._free.pop() if self._free else len(self._rows)
            if len(self._rows) >= self._max_users:
                _, row = self._rows.popitem(last=False)
            self._users = grown(self._users, row + 1)
            draw(self._users[row], user, _SCALE)
        self._rows[user] = row
        return row

    def _mean(self, recent: NDArray[np.int32]) -> None:
        _mean(self._factors.items, self._counts, self._size, recent[: self._history], self._guest)
