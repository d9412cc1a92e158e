"""Users' last items, the order of their last activity, and who touched an item: for `UserNeighbours`."""

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

# Columns of `Users.order`
BEFORE: Final = 0  # the row active next before, -1: none
AFTER: Final = 1

# Entries of `Users.totals`
ROWS: Final = 0  # ever used
FREE: Final = 1  # first row without a user, -1: none; LINK leads to the next
OLDEST: Final = 2  # row active longest ago
NEWEST: Final = 3  # row active last
BEGUN: Final = 4  # users met; one that was dropped and came back counts again

Limits = tuple[int, int, int]  # users, distinct items a user, users a list


class Users(NamedTuple):
    """All that is learned, for compiled code."""

    kept: Histories  # a row a user
    order: NDArray[np.int32]  # [rows, 2] a chain by last activity
    totals: NDArray[np.int64]  # [5]
    counts: NDArray[np.int64]  # [items] how often the item was new to a user's history


@njit(cache=True)
def learn_touch(users: Users, user: int, item: int, limits: Limits) -> None:
    """Put the item at the end of the user's history, and the user at the recent end of the item's list."""
    row = find_row(users.kept.table, users.kept.owners, user)
    if row < 0:
        row = _begin(users, user, limits[0])
    else:
        _unchain(users, row)
    _chain(users, row)
    is_new, dropped = touch(users.kept, row, item, limits[1])
    if dropped >= 0:
        strike(users.kept, dropped, row)
    if is_new:
        users.counts[item] += 1
        enlist(users.kept, item, row, limits[2])
    else:
        renew(users.kept, item, row, limits[2])


@njit(cache=True)
def learn_touches(users: Users, owners: NDArray[np.int64], items: NDArray[np.int32], limits: Limits) -> int:
    """Learn events for as long as there is room, those without a user are skipped; return how many were read."""
    for n in range(len(items)):
        if owners[n] == NOBODY:
            continue
        rows = min(users.totals[ROWS] + 1, limits[0])
        if not has_room(users.kept, rows, limits[1], limits[2]):
            return n
        learn_touch(users, owners[n], items[n], limits)
    return len(items)


@njit(cache=True)
def forget_history(users: Users, user: int) -> None:
    """Empty the row of a user and free it."""
    row = find_row(users.kept.table, users.kept.owners, user)
    if row >= 0:
        _end(users, row)
        users.kept.rows[row, LINK] = users.totals[FREE]
        users.totals[FREE] = row


@njit(cache=True)
def _begin(users: Users, user: int, max_users: int) -> int:
    """Return a row for a new user: a free one, the next, or that of the user who was active longest ago."""
    totals = users.totals
    row = totals[FREE]
    if row >= 0:
        totals[FREE] = users.kept.rows[row, LINK]
    elif totals[ROWS] < max_users:
        row = totals[ROWS]
        totals[ROWS] += 1
    else:
        row = totals[OLDEST]
        _end(users, row)
    totals[BEGUN] += 1
    users.kept.owners[row] = user
    users.kept.rows[row, LINK] = -1
    put_row(users.kept.table, users.kept.owners, row)
    return int(row)


@njit(cache=True)
def _end(users: Users, row: int) -> None:
    drop_owner(users.kept.table, users.kept.owners, users.kept.owners[row])
    clear_row(users.kept, row)
    _unchain(users, row)
    users.kept.owners[row] = NOBODY
    users.order[row] = 0


@njit(cache=True)
def _unchain(users: Users, row: int) -> None:
    before, after = users.order[row, BEFORE], users.order[row, AFTER]
    if before >= 0:
        users.order[before, AFTER] = after
    else:
        users.totals[OLDEST] = after
    if after >= 0:
        users.order[after, BEFORE] = before
    else:
        users.totals[NEWEST] = before


@njit(cache=True)
def _chain(users: Users, row: int) -> None:
    newest = users.totals[NEWEST]
    users.order[row, BEFORE], users.order[row, AFTER] = newest, -1
    if newest >= 0:
        users.order[newest, AFTER] = row
    else:
        users.totals[OLDEST] = row
    users.totals[NEWEST] = row


def no_users() -> Users:
    """Return room for the first few."""
    return Users(
        no_histories(),
        np.zeros((16, 2), np.int32),
        np.array([0, -1, -1, -1, 0], np.int64),
        np.zeros(16, np.int64),
    )


def with_items(users: Users, items: int) -> Users:
    """Return `users` with room for so many items."""
    if items <= len(users.counts):
        return users
    kept = users.kept._replace(lists=grown(users.kept.lists, items))
    return users._replace(kept=kept, counts=grown(users.counts, items))


def with_user(users: Users, limits: Limits) -> Users:
    """Return `users` with room for one more event, even of a new user."""
    rows = min(int(users.totals[ROWS]) + 1, limits[0])
    kept = with_room(users.kept, rows, *limits[1:])
    if kept is users.kept:
        return users
    longer = len(kept.rows) > len(users.kept.rows)
    users = users._replace(kept=kept, order=grown(users.order, rows))
    return _with_table(users) if longer else users


def users_state(users: Users, items: int) -> dict[str, NDArray[Any]]:
    """Return everything but what follows from it."""
    rows = int(users.totals[ROWS])
    return {
        **histories_state(users.kept, rows, items),
        "order": users.order[:rows],
        "totals": users.totals,
        "counts": users.counts[:items],
    }


def restored_users(state: State) -> Users:
    """Return a copy of what `users_state` gave."""
    users = Users(
        restored_histories(state),
        np.array(state["order"], np.int32),
        np.array(state["totals"], np.int64),
        np.array(state["counts"], np.int64),
    )
    return _with_table(users)


def _with_table(users: Users) -> Users:
    return users._replace(kept=with_table(users.kept, np.arange(int(users.totals[ROWS]), dtype=np.int32)))


def history_of(users: Users, user: int) -> NDArray[np.int32]:
    """The distinct items kept of a user, newest first; none of one who is not known."""
    row = find_row(users.kept.table, users.kept.owners, user)
    if row < 0:
        return np.empty(0, np.int32)
    start, count = users.kept.rows[row, START], users.kept.rows[row, COUNT]
    found: NDArray[np.int32] = users.kept.cells[start : start + 2 * count : 2][::-1].copy()
    return found
