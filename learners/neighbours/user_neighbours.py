"""What people with a history like this one liked."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import NOBODY, Impersonal, Interaction, Query, State
from learners.interactions import Interactions, require_all_known
from learners.neighbours.histories import COUNT, LENGTH, cell_of
from learners.neighbours.neighbourhood import Neighbourhood, Scratch, clear, decays, keep_most_similar, spread
from learners.neighbours.owners import find_row
from learners.neighbours.user_histories import (
    BEGUN,
    Limits,
    Users,
    forget_history,
    learn_touches,
    no_users,
    restored_users,
    users_state,
    with_items,
    with_user,
)

_MAX_USERS = 4_000_000  # cells are numbered in 32 bits


class NearUsers(NamedTuple):
    """The users, how they are scored and the answer to the last query, for compiled code."""

    users: Users
    scratch: Scratch
    closeness: NDArray[np.float64]  # [history] weight of the query's items, by their place
    distance: NDArray[np.float64]  # [reach + 1] weight of a neighbour's items, by events from the match
    dots: NDArray[np.float64]  # [rows] scratch, all 0 between calls
    k: int  # neighbours that score


@njit(cache=True)
def _rarity(users: int, count: int) -> float:
    return math.log(1.0 + users / count)


@njit(cache=True)
def _mark(users: Users, scratch: Scratch, recent: NDArray[np.int32], size: int, closeness: NDArray[np.float64]) -> None:
    """Note those of the user's last items that have events, and their weights."""
    found = 0
    for n in range(min(len(recent), len(closeness))):
        item = recent[n]
        if 0 <= item < size and scratch.places[item] < 0 and users.counts[item] > 0:
            scratch.past[found] = item
            scratch.weights[found] = closeness[n] * _rarity(users.totals[BEGUN], users.counts[item])
            scratch.places[item] = found
            found += 1
    scratch.lengths[0] = found


@njit(cache=True)
def _meet(users: Users, scratch: Scratch, dots: NDArray[np.float64], own: int) -> None:
    """Add up what each user shares with the query; `dots` is all 0 before and after."""
    cells, lists, rows, weights, near, found = (
        users.kept.cells, users.kept.lists, users.kept.rows, scratch.weights, scratch.near, 0
    )  # fmt: skip
    for n in range(scratch.lengths[0]):
        item = scratch.past[n]
        for place in range(lists[item, LENGTH] - 1, -1, -1):
            row = cells[cell_of(lists, item, place)]
            if row != own:
                if dots[row] == 0.0:
                    near[found] = row
                    found += 1
                dots[row] += weights[n]
    norm = math.sqrt(np.sum(weights[: scratch.lengths[0]] ** 2))
    for n in range(found):
        scratch.factors[n] = dots[near[n]] / (norm * math.sqrt(rows[near[n], COUNT]))
        dots[near[n]] = 0.0
    scratch.lengths[1] = found


@njit(cache=True)
def find_users(near: NearUsers, user: int, recent: NDArray[np.int32], size: int) -> None:
    """Find neighbours and scores of a user with recent items, among so many items; they replace the last answer."""
    users, scratch, closeness, distance, dots, k = near
    clear(scratch)
    _mark(users, scratch, recent, size, closeness)
    _meet(users, scratch, dots, -1 if user == NOBODY else find_row(users.kept.table, users.kept.owners, user))
    keep_most_similar(scratch, k)
    spread(users.kept, scratch, distance)
    for item in scratch.reached[: scratch.lengths[2]]:
        scratch.sums[item] *= _rarity(users.totals[BEGUN], users.counts[item])


class UserNeighbours(Impersonal):
    r"""What the most similar users touched: user-based collaborative filtering [^1] that learns event by event.

    The asking user's last distinct items $i_0, i_1, \dots$ weigh $w_q = e^{-q / \lambda_q} \, idf_{i_q}$. The
    users who touched any of them last are compared by a cosine,

    $$sim(v) = \frac{\sum_{q: i_q \in v} w_q}{\sqrt{\sum_q w_q^2} \sqrt{|v|}}$$

    ($|v|$ distinct items kept of $v$), and the `k` most similar score the items near what they share:

    $$score(j) = idf_j \sum_{v \ni j,\, |p^v_j - p^v| \le reach} sim(v) \, e^{-|p^v_j - p^v| / \lambda_d}$$

    with $p^v_j$ the position, in events, of $v$'s last touch of $j$, $p^v$ the last such position of any $i_q$, and
    $idf_j = \ln(1 + users / n_j)$ over all that was ever learned, $n_j$ how often $j$ was new to a history. Of equally
    similar users the one who shares the newer item of the query goes first, then the one who touched it last.

    The asking user is left out. An event without a user teaches nothing.

    Parameters
    ----------
    k
        Neighbours that score, > 0.
    users_an_item
        Users kept, and compared, for each item: those who touched it last.
    history
        Distinct items of the asking user that are looked at.
    query_decay
        $\lambda_q$, items, > 0.
    distance_decay
        $\lambda_d$, events, > 0.
    reach
        Events either side of the match.
    max_users
        Users kept; a new one replaces the user active longest ago. Memory is taken as it is needed.
    items_a_user
        Distinct items kept a user, the newest; 1 KB at 128.

    Attributes
    ----------
    users : Users
        All that it learns; another tuple when an array has grown.

    Examples
    --------
    >>> source, nothing = UserNeighbours(), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> for item in (0, 1):
    ...     source.learn_one(Interaction(item, 0, 0.0, nothing, nothing, user=7))
    >>> query = Query(np.array([0], np.int32), 9.0, nothing, user=8)
    >>> [column.tolist() for column in source.top_k(query, 1, np.array([2, 0], np.uint8))]
    [[1], [0.4435]]

    References
    ----------
    [^1]: Resnick, Iacovou, Suchak, Bergstrom, Riedl: GroupLens: an open architecture for collaborative filtering of
    netnews. CSCW 1994.
    """

    name = "user_neighbours"

    def __init__(
        self,
        k: int = 100,
        users_an_item: int = 200,
        history: int = 20,
        query_decay: float = 5.0,
        distance_decay: float = 10.0,
        reach: int = 20,
        max_users: int = 1_000_000,
        items_a_user: int = 128,
    ) -> None:
        if not 0 < max_users <= _MAX_USERS:
            raise ValueError(f"`{self.name}`: max_users must be in 1..{_MAX_USERS}; got {max_users}")
        self.limits: Limits = (max_users, items_a_user, users_an_item)
        self._near = Neighbourhood(history, history * users_an_item)
        self.users = no_users()
        self._arrays = NearUsers(
            self.users, self._near.scratch, decays(query_decay, history), decays(distance_decay, reach + 1),
            np.zeros(16), k,
        )  # fmt: skip

    @property
    def arrays(self) -> NearUsers:
        """All that compiled code works with; another tuple when an array has grown."""
        arrays = self._arrays
        if arrays.users is not self.users or arrays.scratch is not self._near.scratch:
            self._arrays = arrays = arrays._replace(
                users=self.users, scratch=self._near.scratch, dots=grown(arrays.dots, len(self.users.kept.owners))
            )
        return arrays

    def make_ready(self) -> None:
        """Expect that compiled code answers other queries with the arrays."""
        self._near.outdate()

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._near.add_item(item)
        self.users = with_items(self.users, self._near.size)

    def learn_one(self, event: Interaction) -> None:
        """Add the item to its user's history."""
        self._learn(np.array([event.user]), np.array([event.item], np.int32))

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        self._learn(events.users, events.items)

    def _learn(self, users: NDArray[np.int64], items: NDArray[np.int32]) -> None:
        require_all_known(self.name, items, self._near.size)
        self._near.outdate()
        done = 0
        while done < len(items):
            self.users = with_user(self.users, self.limits)
            done += learn_touches(self.users, users[done:], items[done:], self.limits)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return what similar users liked most."""
        self._find(query)
        return self._near.top_k(k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how much similar users liked each item; those of the query too."""
        self._find(query)
        return self._near.score_many(items)

    def why(self, query: Query, item: int) -> list[int]:
        """Return the items of the query that `item` was recommended for, by their part in its score."""
        self._find(query)
        return self._near.why(self.users.kept, self._arrays.distance, item)

    def forget(self, user: int) -> None:
        """Drop the user's history; numbers of events stay."""
        self._near.outdate()
        forget_history(self.users, user)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return histories, lists and counts."""
        return users_state(self.users, self._near.size)

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._near.restart(len(state["counts"]))
        self.users = restored_users(state)

    def _find(self, query: Query) -> None:
        if self._near.begin(query):
            find_users(self.arrays, query.user, query.recent, self._near.size)
