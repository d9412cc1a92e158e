"""How sessions like this one went on."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.base import NOBODY, Impersonal, Interaction, Query, State, require_known
from learners.growth import grown
from learners.histories import (
    COUNT,
    LENGTH,
    LINK,
    START,
    Histories,
    cell_of,
    clear_row,
    enlist,
    histories_state,
    no_histories,
    renew,
    restored_histories,
    strike,
    touch,
    with_room,
)
from learners.neighbourhood import Neighbourhood, Scratch, keep_most_similar, spread
from learners.owners import drop_owner, fill_table, find_row, put_row

_DAY_S = 86_400.0
_SESSIONS_AT_MOST = 8_000_000  # cells are numbered in 32 bits
_VANISHES = 104.0  # e^-104 is 0 in float32
SEQUENCE: Final = 0  # column of `last`: number of the session's last event among all, recency without ties
TIME: Final = 1  # column of `last`: when that was, unix seconds


class _Sessions(NamedTuple):
    """All that is learned, for compiled code."""

    kept: Histories  # a row a session; LINK: the same user's session before
    owners: NDArray[np.int64]  # [rows] users
    last: NDArray[np.float64]  # [rows, 2]
    table: NDArray[np.int32]  # users' newest sessions, for `find_row`
    totals: NDArray[np.int64]  # [2] sessions begun, events learned
    counts: NDArray[np.int64]  # [items] events


@njit(cache=True)
def _learn(
    sessions: _Sessions, user: int, item: int, time: float, continues: bool, limits: tuple[int, int, int]
) -> None:
    """Extend the user's newest session, or begin one, and move it to the recent end of the list of each of its items.

    So every list is ordered by the last events of whole sessions. `limits`: sessions, items a session, sessions a list.
    """
    kept, last = sessions.kept, sessions.last
    row = find_row(sessions.table, sessions.owners, user)
    if row < 0 or not continues:
        row = _begin(sessions, user, row, limits[0])
    is_new, dropped = touch(kept, row, item, limits[1])
    if dropped >= 0:
        strike(kept, dropped, row)
    sessions.totals[1] += 1
    sessions.counts[item] += 1
    last[row, SEQUENCE] = sessions.totals[1]
    last[row, TIME] = max(last[row, TIME], time)
    start, count = kept.rows[row, START], kept.rows[row, COUNT]
    for place in range(count - is_new):
        renew(kept, kept.cells[start + 2 * place], row, limits[2])
    if is_new:
        enlist(kept, item, row, limits[2])


@njit(cache=True)
def _begin(sessions: _Sessions, user: int, before: int, max_sessions: int) -> int:
    """Begin a session in the next row, round and round: what began longest ago gives way."""
    row = sessions.totals[0] % max_sessions
    if sessions.totals[0] >= max_sessions:
        owner = sessions.owners[row]
        if find_row(sessions.table, sessions.owners, owner) == row:
            drop_owner(sessions.table, sessions.owners, owner)
        clear_row(sessions.kept, row)
    sessions.totals[0] += 1
    sessions.owners[row] = user
    sessions.last[row] = -np.inf
    sessions.kept.rows[row, LINK] = before if before != row else -1
    put_row(sessions.table, sessions.owners, row)
    return int(row)


@njit(cache=True)
def _forget(sessions: _Sessions, user: int, max_sessions: int) -> None:
    """Empty all rows of a user, from the newest back; a link into a row that another session took has no meaning."""
    row = find_row(sessions.table, sessions.owners, user)
    if row < 0:
        return
    drop_owner(sessions.table, sessions.owners, user)
    age = -1
    while row >= 0 and sessions.owners[row] == user and (sessions.totals[0] - 1 - row) % max_sessions > age:
        age = (sessions.totals[0] - 1 - row) % max_sessions
        before = sessions.kept.rows[row, LINK]
        clear_row(sessions.kept, row)
        sessions.owners[row] = NOBODY
        sessions.last[row] = 0.0
        row = before


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
    sessions: _Sessions, scratch: Scratch, distances: NDArray[np.int64], now: float, fade_s: float, own: int
) -> None:
    """Merge the lists of the marked items from their recent ends: the most recent of all sessions in them, compared.

    A session stands in several lists, but at the head of all of them at the same time.
    """
    kept, last, n_items = sessions.kept, sessions.last, scratch.lengths[0]
    left, heads, recency = np.empty(n_items, np.int64), np.empty(n_items, np.int64), np.empty(n_items)
    norm = math.sqrt(np.sum(scratch.weights[:n_items] ** 2))
    for n in range(n_items):
        left[n] = kept.lists[scratch.past[n], LENGTH]
        _advance(sessions, scratch.past[n], n, left, heads, recency)
    found = 0
    while found < len(scratch.near):
        newest = 0.0
        for n in range(n_items):
            newest = max(newest, recency[n])
        if newest == 0.0:
            break
        row, nearest, dot = -1, -1, 0.0
        for n in range(n_items):
            if recency[n] == newest:
                row = heads[n]
                nearest = n if nearest < 0 else nearest
                dot += scratch.weights[n]
                _advance(sessions, scratch.past[n], n, left, heads, recency)
        if row != own:
            age = max(0.0, now - last[row, TIME])
            scratch.near[found] = row
            scratch.nearest[found] = distances[nearest]
            scratch.factors[found] = dot / (norm * math.sqrt(kept.rows[row, COUNT])) * math.exp(-age / fade_s)
            found += 1
    scratch.lengths[1] = found


@njit(cache=True)
def _advance(
    sessions: _Sessions,
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
    sessions: _Sessions,
    scratch: Scratch,
    user: int,
    past: NDArray[np.int32],
    size: int,
    now: float,
    fade_s: float,
    tables: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    k: int,
    idf: float,
) -> None:
    """Fill `scratch`; `tables`: weights by distance to the query's end, by distance to the match, of the match."""
    by_end, by_match, of_match = tables
    distances = _mark(scratch, past, size, by_end)
    own = -1 if user == NOBODY else find_row(sessions.table, sessions.owners, user)
    _meet(sessions, scratch, distances, now, fade_s, own)
    keep_most_similar(scratch, k)
    for n in range(scratch.lengths[1]):
        scratch.factors[n] *= of_match[scratch.nearest[n]]
    spread(sessions.kept, scratch, by_match)
    for item in scratch.reached[: scratch.lengths[2]]:
        rarity = max(0.0, math.log(sessions.totals[0] / sessions.counts[item]))
        scratch.sums[item] *= 1.0 + idf * rarity


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
        k: int = 1_000,
        sample: int = 2_500,
        position_decay: float = 3.62,
        day_decay: float = 100.0,
        distance_decay: float = 0.4525,
        match_decay: float = 3.62,
        idf: float = 1.0,
        history: int = 50,
        max_sessions: int = 1_000_000,
        items_a_session: int = 64,
    ) -> None:
        if not 0 < max_sessions <= _SESSIONS_AT_MOST:
            raise ValueError(f"`{self.name}`: max_sessions must be in 1..{_SESSIONS_AT_MOST}; got {max_sessions}")
        self.k, self.idf, self.fade_s = k, idf, day_decay * _DAY_S
        self._limits = (max_sessions, items_a_session, sample)
        self._tables = (_decay(position_decay, history), _decay(distance_decay), _decay(match_decay, history))
        self._near = Neighbourhood(history, sample)
        self._sessions = _Sessions(
            no_histories(),
            np.zeros(16, np.int64),
            np.zeros((16, 2)),
            np.full(32, -1, np.int32),
            np.zeros(2, np.int64),
            np.zeros(16, np.int64),
        )

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._near.add_item(item)
        sessions, size = self._sessions, self._near.size
        if size > len(sessions.counts):
            self._sessions = sessions._replace(
                kept=sessions.kept._replace(lists=grown(sessions.kept.lists, size)),
                counts=grown(sessions.counts, size),
            )

    def learn_one(self, event: Interaction) -> None:
        """Add the item to the session under way of the event's user."""
        require_known(self.name, event.item, self._near.size)
        self._near.outdate()
        self._make_room()
        _learn(self._sessions, event.user, event.item, event.time, len(event.session) > 0, self._limits)

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
        _forget(self._sessions, user, self._limits[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return sessions, lists and counts."""
        sessions, rows = self._sessions, self._rows
        return {
            **histories_state(sessions.kept, rows, self._near.size),
            "owners": sessions.owners[:rows],
            "last": sessions.last[:rows],
            "totals": sessions.totals,
            "counts": sessions.counts[: self._near.size],
        }

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._near.outdate()
        if len(state["counts"]):
            self._near.add_item(len(state["counts"]) - 1)
        self._sessions = _Sessions(
            restored_histories(state),
            np.array(state["owners"], np.int64),
            np.array(state["last"], np.float64),
            np.empty(0, np.int32),
            np.array(state["totals"], np.int64),
            np.array(state["counts"], np.int64),
        )
        self._make_table()

    @property
    def _rows(self) -> int:
        return min(int(self._sessions.totals[0]), self._limits[0])

    def _find(self, query: Query) -> None:
        """Answer by the session, or by the user's history where there is none."""
        if self._near.begin(query):
            past = query.session if len(query.session) else query.recent
            _answer(
                self._sessions,
                self._near.scratch,
                query.user,
                past,
                self._near.size,
                query.time,
                self.fade_s,
                self._tables,
                self.k,
                self.idf,
            )

    def _make_room(self) -> None:
        """Make room for what one event may need."""
        sessions, rows = self._sessions, min(self._rows + 1, self._limits[0])
        kept = with_room(sessions.kept, rows, *self._limits[1:])
        if kept is not sessions.kept:
            self._sessions = sessions._replace(
                kept=kept, owners=grown(sessions.owners, rows), last=grown(sessions.last, rows)
            )
            if len(self._sessions.table) < 2 * len(self._sessions.owners):
                self._make_table()

    def _make_table(self) -> None:
        """Note every user's newest session: rows in the order in which they began, without the empty ones."""
        sessions, rows, begun = self._sessions, self._rows, int(self._sessions.totals[0])
        order = np.roll(np.arange(rows, dtype=np.int32), -(begun % rows) if rows else 0)
        order = order[sessions.kept.rows[order, COUNT] > 0]
        table = np.full(1 << max(5, (2 * len(sessions.owners)).bit_length()), -1, np.int32)
        fill_table(table, sessions.owners, order)
        self._sessions = sessions._replace(table=table)


def _decay(length: float, entries: int | None = None) -> NDArray[np.float64]:
    """Return e^(-d / length) for d = 0, 1, ...: so many entries, or until it vanishes."""
    return np.array([math.exp(-d / length) for d in range(entries or math.ceil(_VANISHES * length) + 1)])
