"""Sessions that grow event by event, their users, and which ones hold an item: for `SessionNeighbours`."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import NOBODY, State
from learners.neighbours.histories import (
    COUNT,
    LINK,
    START,
    Histories,
    clear_row,
    enlist,
    has_room,
    histories_state,
    no_histories,
    renew,
    restored_histories,
    strike,
    touch,
    with_room,
    with_table,
)
from learners.neighbours.owners import drop_owner, find_row, put_row

SEQUENCE: Final = 0  # column of `last`: number of the session's last event among all, recency without ties
TIME: Final = 1  # column of `last`: when that was, unix seconds
ROOT: Final = 2  # column of `last`: square root of the number of distinct items, beside what is read with it

Limits = tuple[int, int, int]  # sessions, distinct items a session, sessions a list


class Sessions(NamedTuple):
    """All that is learned, for compiled code."""

    kept: Histories  # a row a session, owned by its user; `table`: the newest; LINK: the same user's session before
    last: NDArray[np.float64]  # [rows, 4], columns SEQUENCE, TIME, ROOT: half a cache line
    totals: NDArray[np.int64]  # [2] sessions begun, events learned
    counts: NDArray[np.int64]  # [items] events


@njit(cache=True)
def learn_click(sessions: Sessions, user: int, item: int, time: float, continues: bool, limits: Limits) -> None:
    """Extend the user's newest session, or begin one, and move it to the recent end of the list of each of its items.

    So every list is ordered by the last events of whole sessions. `limits`: sessions, items a session, sessions a list.
    """
    kept, last = sessions.kept, sessions.last
    row = find_row(sessions.kept.table, sessions.kept.owners, user)
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
    last[row, ROOT] = math.sqrt(count)
    for place in range(count - is_new):
        renew(kept, kept.cells[start + 2 * place], row, limits[2])
    if is_new:
        enlist(kept, item, row, limits[2])


@njit(cache=True)
def learn_clicks(
    sessions: Sessions, users: NDArray[np.int64], items: NDArray[np.int32], times: NDArray[np.float64],
    before: NDArray[np.int64], limits: Limits,
) -> int:  # fmt: skip
    """Learn events for as long as there is room, those with none `before` begin a session; return how many were."""
    for n in range(len(items)):
        rows = min(sessions.totals[0] + 1, limits[0])
        if not has_room(sessions.kept, rows, limits[1], limits[2]):
            return n
        learn_click(sessions, users[n], items[n], times[n], before[n] > 0, limits)
    return len(items)


@njit(cache=True)
def _begin(sessions: Sessions, user: int, before: int, max_sessions: int) -> int:
    """Begin a session in the next row, round and round: it replaces the session that began first."""
    row = sessions.totals[0] % max_sessions
    if sessions.totals[0] >= max_sessions:
        owner = sessions.kept.owners[row]
        if find_row(sessions.kept.table, sessions.kept.owners, owner) == row:
            drop_owner(sessions.kept.table, sessions.kept.owners, owner)
        clear_row(sessions.kept, row)
    sessions.totals[0] += 1
    sessions.kept.owners[row] = user
    sessions.last[row] = -np.inf
    sessions.kept.rows[row, LINK] = before if before != row else -1
    put_row(sessions.kept.table, sessions.kept.owners, row)
    return int(row)


@njit(cache=True)
def forget_sessions(sessions: Sessions, user: int, max_sessions: int) -> None:
    """Empty all rows of a user, from the newest back; a link into a row that another session took has no meaning."""
    row = find_row(sessions.kept.table, sessions.kept.owners, user)
    if row < 0:
        return
    drop_owner(sessions.kept.table, sessions.kept.owners, user)
    age = -1
    while row >= 0 and sessions.kept.owners[row] == user and (sessions.totals[0] - 1 - row) % max_sessions > age:
        age = (sessions.totals[0] - 1 - row) % max_sessions
        before = sessions.kept.rows[row, LINK]
        clear_row(sessions.kept, row)
        sessions.kept.owners[row] = NOBODY
        sessions.last[row] = 0.0
        row = before


def no_sessions() -> Sessions:
    """Return room for the first few."""
    return Sessions(
        no_histories(),
        np.zeros((16, 4)),
        np.zeros(2, np.int64),
        np.zeros(16, np.int64),
    )


def rows_of(sessions: Sessions, limits: Limits) -> int:
    """Return how many rows are in use, or were until their users were forgotten."""
    return min(int(sessions.totals[0]), limits[0])


def with_items(sessions: Sessions, items: int) -> Sessions:
    """Return `sessions` with room for so many items."""
    if items <= len(sessions.counts):
        return sessions
    kept = sessions.kept._replace(lists=grown(sessions.kept.lists, items))
    return sessions._replace(kept=kept, counts=grown(sessions.counts, items))


def with_session(sessions: Sessions, limits: Limits) -> Sessions:
    """Return `sessions` with room for one more event, even one that begins a session."""
    rows = min(rows_of(sessions, limits) + 1, limits[0])
    kept = with_room(sessions.kept, rows, *limits[1:])
    if kept is sessions.kept:
        return sessions
    longer = len(kept.rows) > len(sessions.kept.rows)
    sessions = sessions._replace(kept=kept, last=grown(sessions.last, rows))
    return _with_table(sessions, limits) if longer else sessions


def sessions_state(sessions: Sessions, limits: Limits, items: int) -> dict[str, NDArray[Any]]:
    """Return everything but what follows from it."""
    rows = rows_of(sessions, limits)
    return {
        **histories_state(sessions.kept, rows, items),
        "last": sessions.last[:rows],
        "totals": sessions.totals,
        "counts": sessions.counts[:items],
    }


def restored_sessions(state: State, limits: Limits) -> Sessions:
    """Return a copy of what `sessions_state` gave."""
    sessions = Sessions(
        restored_histories(state),
        np.array(state["last"], np.float64),
        np.array(state["totals"], np.int64),
        np.array(state["counts"], np.int64),
    )
    return _with_table(sessions, limits)


def _with_table(sessions: Sessions, limits: Limits) -> Sessions:
    """Note every user's newest session: rows in the order in which they began."""
    rows = rows_of(sessions, limits)
    order = np.roll(np.arange(rows, dtype=np.int32), -(int(sessions.totals[0]) % rows) if rows else 0)
    return sessions._replace(kept=with_table(sessions.kept, order))
