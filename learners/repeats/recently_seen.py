"""What this user came back for."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import INELIGIBLE, Impersonal, Interaction, Query, State, require_known


@njit(cache=True)
def _eligible(
    recent: NDArray[np.int32], size: int, k: int, blocked: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    room = max(0, min(k, len(recent)))
    items = np.empty(room, np.int32)
    scores = np.empty(room, np.float32)
    found = 0
    for rank, item in enumerate(recent):
        if found == room:
            break
        if 0 <= item < size and blocked[item] != INELIGIBLE:
            items[found] = item
            scores[found] = 1.0 / (1.0 + rank)
            found += 1
    return items[:found], scores[:found]


@njit(cache=True)
def _look_up(
    recent: NDArray[np.int32], size: int, ranks: NDArray[np.int32], items: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Note every recent item's rank in `ranks`, all -1 before and after, then read the items' scores."""
    for rank, item in enumerate(recent):
        if 0 <= item < size:
            ranks[item] = rank
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and ranks[item] >= 0:
            scores[n] = 1.0 / (1.0 + ranks[item])
    for item in recent:
        if 0 <= item < size:
            ranks[item] = -1
    return scores


class RecentlySeen(Impersonal):
    r"""The user's own last distinct items, newest first: people come back to what they have looked at.

    $$score(i) = \frac{1}{1 + rank(i)}$$ with rank 0 for the newest. The one source that proposes `TOUCHED` items;
    only `INELIGIBLE` ones are left out. The past is in the query, so there is nothing to learn.

    Parameters
    ----------
    history
        Distinct items proposed at most.

    Examples
    --------
    >>> source = RecentlySeen()
    >>> source.add_item(9)
    >>> query = Query(np.array([4, 7, 2], np.int32), 0.0, np.empty(0, np.int32))
    >>> [column.tolist() for column in source.top_k(query, 2, np.full(10, 2, np.uint8))]
    [[4, 7], [1.0, 0.5]]
    """

    name = "recently_seen"
    proposes_touched = True

    def __init__(self, history: int = 50) -> None:
        self.history = history
        self._size = np.zeros(1, np.int64)
        self._ranks = np.full(16, -1, np.int32)  # scratch, all -1 between calls

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._size[0] = max(self._size[0], item + 1)
        self._ranks = grown(self._ranks, item + 1, fill=-1)

    def learn_one(self, event: Interaction) -> None:
        """Learn nothing: the next query brings the user's past along."""
        require_known(self.name, event.item, int(self._size[0]))

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the user's last items that are not `INELIGIBLE`."""
        listed: tuple[NDArray[np.int32], NDArray[np.float32]] = _eligible(
            query.recent[: self.history], int(self._size[0]), k, blocked
        )
        return listed

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the reciprocal recency rank of each item, 0 for those not seen."""
        scores: NDArray[np.float32] = _look_up(query.recent[: self.history], int(self._size[0]), self._ranks, items)
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the number of known items."""
        return {"size": self._size}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._size = np.array(state["size"], np.int64)
        self._ranks = np.full(max(16, int(self._size[0])), -1, np.int32)
