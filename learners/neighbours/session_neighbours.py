"""How sessions like this one went on."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.handle import Handle
from learners.base import NOBODY, Impersonal, Interaction, Query, State
from learners.interactions import Interactions, require_all_known
from learners.neighbours.histories import LENGTH, cell_of
from learners.neighbours.neighbourhood import Neighbourhood, Scratch, decays, keep_most_similar, spread
from learners.neighbours.owners import find_row
from learners.neighbours.sessions import (
    ROOT,
    SEQUENCE,
    TIME,
    Limits,
    Sessions,
    forget_sessions,
    learn_clicks,
    no_sessions,
    restored_sessions,
    sessions_state,
    with_items,
    with_session,
)

_DAY_S = 86_400.0
_KNOWN = 4096  # numbers whose logarithms are looked up
_NEAR = 5e-4
_MAX_SESSIONS = 8_000_000  # cells are numbered in 32 bits


@njit(cache=True)
def _mark(scratch: Scratch, past: NDArray[np.int32], size: int, closeness: NDArray[np.float64]) -> NDArray[np.int64]:
    """Note the distinct items of a session and their weights; return how far from its end each occurred last."""
    distances = np.empty(len(closeness), np.int64)
    found = 0
    for distance in range(min(len(past), len(closeness))):
        item = past[distance]
        if 0 <= item < size and scratch.places[item] < 0:
            scratch.past[found] = item
            scratch.weights[found] = closeness[distance]
            scratch.places[item] = found
            distances[found] = distance
            found += 1
    scratch.lengths[0] = found
    return distances


@njit(cache=True)
def _meet(
    sessions: Sessions, scratch: Scratch, distances: NDArray[np.int64], now: float, fade_s: float, own: int
) -> None:
    """Merge the lists of the marked items from their recent ends: the most recent of all sessions in them, compared.

    A session stands in several lists, but at the head of all of them at the same time. One that was active shortly
    before the other has faded a little less: the exponential need not be worked out anew.
    """
    kept, last, n_items = sessions.kept, sessions.last, scratch.lengths[0]
    left, heads, recency = np.empty(n_items, np.int64), np.empty(n_items, np.int64), np.empty(n_items)
    norm = math.sqrt(np.sum(scratch.weights[:n_items] ** 2))
    for n in range(n_items):
        left[n] = kept.lists[scratch.past[n], LENGTH]
        _advance(sessions, scratch.past[n], n, left, heads, recency)
    found, at, faded = 0, now, 1.0
    while found < len(scratch.near):
        newest, nearest = 0.0, -1
        for n in range(n_items):
            if recency[n] > newest:
                newest, nearest = recency[n], n
        if nearest < 0:
            break
        row, dot = heads[nearest], 0.0
        for n in range(nearest, n_items):
            if recency[n] == newest:
                dot += scratch.weights[n]
                _advance(sessions, scratch.past[n], n, left, heads, recency)
        if row != own:
            time = min(now, last[row, TIME])
            faded *= _decay((at - time) / fade_s)
            at = time
            scratch.near[found] = row
            scratch.nearest[found] = distances[nearest]
            scratch.factors[found] = dot * faded / (norm * last[row, ROOT])
            found += 1
    scratch.lengths[1] = found


@njit(cache=True)
def _decay(x: float) -> float:
    """e^-x; near 0 by the first terms of its series, which are exact to 1e-16 there."""
    if -_NEAR < x < _NEAR:
        return 1.0 - x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0)))
    return math.exp(-x)


@njit(cache=True)
def _advance(
    sessions: Sessions,
    item: int,
    n: int,
    left: NDArray[np.int64],
    heads: NDArray[np.int64],
    recency: NDArray[np.float64],
) -> None:
    """Step to the next older session of the n-th list; 0 is older than all."""
    recency[n] = 0.0
    if left[n] > 0:
        left[n] -= 1
        heads[n] = sessions.kept.cells[cell_of(sessions.kept.lists, item, left[n])]
        recency[n] = sessions.last[heads[n], SEQUENCE]


@njit(cache=True)
def _answer(
    learned: Any, room: Any, decayed: Any, user: int, now: float, past: NDArray[np.int32], size: int, fade_s: float,
    k: int, idf: float,
) -> None:  # fmt: skip
    """Find neighbours and scores of a user, a time, a session, and among so many items. The first three are handles.

    `decayed`: weights by distance to the session's end, to the match in the neighbour, of the match to the end; and
    logarithms of whole numbers.
    """
    sessions, scratch, tables = learned.it, room.it, decayed.it
    distances = _mark(scratch, past, size, tables[0])
    own = -1 if user == NOBODY else find_row(sessions.table, sessions.owners, user)
    _meet(sessions, scratch, distances, now, fade_s, own)
    keep_most_similar(scratch, k)
    for n in range(scratch.lengths[1]):
        scratch.factors[n] *= tables[2][scratch.nearest[n]]
    spread(sessions.kept, scratch, tables[1])
    begun = math.log(sessions.totals[0])
    for item in scratch.reached[: scratch.lengths[2]]:
        count = sessions.counts[item]
        rarity = begun - (tables[3][count] if count < len(tables[3]) else math.log(count))
        scratch.sums[item] *= 1.0 + idf * max(0.0, rarity)


@njit(cache=True)
def _learn_many(
    learned: Any, users: NDArray[np.int64], items: NDArray[np.int32], times: NDArray[np.float64],
    before: NDArray[np.int64], limits: Limits,
) -> int:  # fmt: skip
    return learn_clicks(learned.it, users, items, times, before, limits)


class SessionNeighbours(Impersonal):
    r"""What came next in sessions like this one: incremental VSTAN [^1], a nearest-neighbour method.

    The session asked about has the items of positions $1 \dots n$; an item counts at its last occurrence $p_i$ and
    weighs $w_i = e^{(p_i - n) / \lambda_{spw}}$. Of the kept sessions that contain any of them, the `sample` that were
    active last are compared,

    $$sim(r) = \frac{\sum_{i \in s \cap r} w_i}{\sqrt{\sum_{i \in s} w_i^2} \sqrt{|r|}} e^{-(t - t_r) / \lambda_{snh}}$$

    ($|r|$ distinct items, $t_r$ its last event), and the `k` most similar say what is liked:

    $$score(j) = (1 + \lambda_{idf} \, idf_j) \sum_{r \ni j} sim(r) \,
    e^{(q_r - n) / \lambda_{ipw} - |p^r_j - p^r| / \lambda_{inh}}$$

    with $q_r$ the last position in $s$ of what both share, $p^r$ the last such in $r$, $p^r_j$ the last of $j$, and
    $idf_j = \max(0, \ln(sessions / events_j))$ over all that was ever learned. Sums run from the most recent neighbour
    to the oldest. Equal similarity: the session with the later last event (in order of learning) goes first.

    It learns event by event: an `Interaction` with an empty `session` begins a session of its `user`, others continue
    his newest one; events of nobody count as one user's. The lists from items to sessions are always in the order of
    the sessions' last events, so that learning item by item equals a batch over whole sessions, and a query reads
    only the recent ends. The newest session of the asking user is left out: it is the one under way.

    Parameters
    ----------
    k
        Neighbours that score, > 0.
    sample
        Sessions compared, and kept an item, >= `k`.
    position_decay
        $\lambda_{spw}$, positions, > 0.
    day_decay
        $\lambda_{snh}$, days, > 0.
    distance_decay
        $\lambda_{inh}$, positions, > 0.
    match_decay
        $\lambda_{ipw}$, positions, > 0.
    idf
        $\lambda_{idf}$, >= 0.
    history
        Positions of the asked session that are looked at, from its end.
    max_sessions
        Sessions kept; the one that began first gives way. Room is taken as it is needed, about 120 bytes a session.
    items_a_session
        Distinct items kept a session, the newest.

    Notes
    -----
    One setting has to do everywhere. The defaults are those tuned on RetailRocket, the slow forgetting of a shop: `k`
    and `position_decay` from STAN [^2], all others from VSTAN [^1], two settings of equal quality there. On sessions
    of two more shops (REES46; Taobao, cut at 30 minutes) STAN's `position_decay` gave a better MRR@20 of the next item
    (.440 instead of .430, and the same) at no loss of hits; 100 to 1,500 neighbours of 500 to 10,000 sessions made no
    difference there, as hardly an item is in more.

    Examples
    --------
    >>> source, nothing = SessionNeighbours(), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> source.learn_one(Interaction(0, 0, 0.0, nothing, nothing, user=7))
    >>> source.learn_one(Interaction(1, 0, 9.0, nothing, np.array([0], np.int32), user=7))
    >>> query = Query(nothing, 9.0, np.array([0], np.int32), user=8)
    >>> [column.tolist() for column in source.top_k(query, 1, np.array([2, 0], np.uint8))]
    [[1], [0.0776]]

    References
    ----------
    [^1]: Ludewig, Mauro, Latifi, Jannach: Empirical analysis of session-based recommendation algorithms. UMUAI 2021.
    [^2]: Garg, Gupta, Malhotra, Vig, Shroff: Sequence and time aware neighborhood for session-based recommendations.
    SIGIR 2019.
    """

    name = "session_neighbours"

    def __init__(
        self,
        k: int = 500,
        sample: int = 2_500,
        position_decay: float = 1.81,
        day_decay: float = 100.0,
        distance_decay: float = 0.4525,
        match_decay: float = 3.62,
        idf: float = 1.0,
        history: int = 50,
        max_sessions: int = 1_000_000,
        items_a_session: int = 64,
    ) -> None:
        if not 0 < max_sessions <= _MAX_SESSIONS:
            raise ValueError(f"`{self.name}`: max_sessions must be in 1..{_MAX_SESSIONS}; got {max_sessions}")
        self.k, self.idf, self.fade_s = k, idf, day_decay * _DAY_S
        self._limits = (max_sessions, items_a_session, sample)
        self._tables = (
            decays(position_decay, history), decays(distance_decay), decays(match_decay, history),
            np.log(np.maximum(1.0, np.arange(_KNOWN))),
        )  # fmt: skip
        self._near = Neighbourhood(history, sample)
        self._sessions = no_sessions()
        self._learned, self._decayed = Handle(), Handle()

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._near.add_item(item)
        self._sessions = with_items(self._sessions, self._near.size)

    def learn_one(self, event: Interaction) -> None:
        """Add the item to the session under way of the event's user."""
        self._learn(
            np.array([event.user]), np.array([event.item], np.int32), np.array([event.time], np.float64),
            np.array([len(event.session)]),
        )  # fmt: skip

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        self._learn(events.users, events.items, events.times, events.sessions)

    def _learn(
        self, users: NDArray[np.int64], items: NDArray[np.int32], times: NDArray[np.float64], before: NDArray[np.int64]
    ) -> None:
        require_all_known(self.name, items, self._near.size)
        self._near.outdate()
        done = 0
        while done < len(items):
            self._sessions = with_session(self._sessions, self._limits)
            learned = self._learned.of(self._sessions)
            done += _learn_many(learned, users[done:], items[done:], times[done:], before[done:], self._limits)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return what similar sessions liked most."""
        self._find(query)
        return self._near.top_k(k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how much similar sessions liked each item; those of the query too."""
        self._find(query)
        return self._near.score_many(items)

    def why(self, query: Query, item: int) -> list[int]:
        """Return the items of the query that pulled `item`, strongest first: they share in what neighbours gave."""
        self._find(query)
        return self._near.why(self._sessions.kept, self._tables[1], item)

    def forget(self, user: int) -> None:
        """Drop the user's sessions; numbers of events stay."""
        self._near.outdate()
        forget_sessions(self._sessions, user, self._limits[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return sessions, lists and counts."""
        return sessions_state(self._sessions, self._limits, self._near.size)

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._near.restart(len(state["counts"]))
        self._sessions = restored_sessions(state, self._limits)

    def _find(self, query: Query) -> None:
        """Answer by the session, or by the user's history where there is none."""
        if self._near.begin(query):
            past = query.session if len(query.session) else query.recent
            _answer(
                self._learned.of(self._sessions), self._near.held, self._decayed.of(self._tables), query.user,
                query.time, past, self._near.size, self.fade_s, self.k, self.idf,
            )  # fmt: skip
