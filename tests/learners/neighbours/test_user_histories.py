"""Users' histories: which user is replaced, free rows, and what is skipped."""

import numpy as np

from learners import NOBODY
from learners.neighbours.histories import COUNT, START
from learners.neighbours.owners import find_row
from learners.neighbours.user_histories import (
    AFTER,
    BEGUN,
    OLDEST,
    ROWS,
    Limits,
    Users,
    forget_history,
    learn_touch,
    learn_touches,
    no_users,
    restored_users,
    users_state,
    with_items,
    with_user,
)

LIMITS: Limits = (3, 4, 5)  # users, items a user, users a list


def _learned(touches: list[tuple[int, int]]) -> Users:
    users = with_items(no_users(), 10)
    for user, item in touches:
        users = with_user(users, LIMITS)
        learn_touch(users, user, item, LIMITS)
    return users


def _items(users: Users, user: int) -> list[int] | None:
    row = find_row(users.kept.table, users.kept.owners, user)
    if row < 0:
        return None
    start, count = users.kept.rows[row, START], users.kept.rows[row, COUNT]
    return [int(item) for item in users.kept.cells[start : start + 2 * count : 2]]


def _by_activity(users: Users) -> list[int]:
    found, row = list[int](), int(users.totals[OLDEST])
    while row >= 0:
        found.append(int(users.kept.owners[row]))
        row = int(users.order[row, AFTER])
    return found


def test_the_user_active_longest_ago_is_replaced() -> None:
    users = _learned([(7, 1), (8, 2), (9, 3), (7, 4)])
    assert _by_activity(users) == [8, 9, 7]
    users = with_user(users, LIMITS)
    learn_touch(users, 6, 5, LIMITS)
    assert _by_activity(users) == [9, 7, 6]
    assert (_items(users, 8), _items(users, 7), _items(users, 6)) == (None, [1, 4], [5])


def test_forgotten_rows_are_used_before_others() -> None:
    users = _learned([(7, 1), (8, 2), (9, 3)])
    forget_history(users, 8)
    forget_history(users, 8)
    assert _by_activity(users) == [7, 9]
    users = with_user(users, LIMITS)
    learn_touch(users, 6, 5, LIMITS)
    assert (_items(users, 6), _items(users, 7), _items(users, 9)) == ([5], [1], [3])
    assert (users.totals[ROWS], users.totals[BEGUN]) == (3, 4)


def test_an_item_counts_when_it_is_new_to_a_history() -> None:
    users = _learned([(7, 1), (7, 1), (8, 1), (7, 2)])
    assert users.counts[:3].tolist() == [0, 2, 1]


def test_many_touches_are_learned_one_by_one_without_those_of_no_user() -> None:
    touches = [(n % 5, n % 10) for n in range(300)]  # user 0 is `NOBODY`
    owners, items = (np.array(part) for part in zip(*touches, strict=True))
    users, done = with_items(no_users(), 10), 0
    while done < 300:
        users = with_user(users, LIMITS)
        done += learn_touches(users, owners[done:], items[done:].astype(np.int32), LIMITS)
    expected = users_state(_learned([touch for touch in touches if touch[0] != NOBODY]), 10)
    assert {name: array.tolist() for name, array in users_state(users, 10).items()} == {
        name: array.tolist() for name, array in expected.items()
    }


def test_restored_users_continue_alike() -> None:
    users = _learned([(7, 1), (8, 2), (9, 3), (7, 4)])
    restored = restored_users(users_state(users, 10))
    for twin in (users, restored):
        twin = with_user(twin, LIMITS)
        learn_touch(twin, 6, 5, LIMITS)
        assert _by_activity(twin) == [9, 7, 6]
        assert _items(twin, 7) == [1, 4]
