"""Sessions under way: when one begins, which one is replaced, and what is forgotten."""

import numpy as np

from learners.neighbours.histories import COUNT, START
from learners.neighbours.owners import find_row
from learners.neighbours.sessions import (
    TIME,
    Limits,
    Sessions,
    forget_sessions,
    learn_click,
    learn_clicks,
    no_sessions,
    restored_sessions,
    rows_of,
    sessions_state,
    with_items,
    with_session,
)

LIMITS: Limits = (3, 4, 5)  # sessions, items a session, sessions a list
Click = tuple[int, int, bool]  # user, item, whether it continues a session


def _learned(clicks: list[Click]) -> Sessions:
    sessions = with_items(no_sessions(), 10)
    for n, (user, item, continues) in enumerate(clicks):
        sessions = with_session(sessions, LIMITS)
        learn_click(sessions, user, item, float(n), continues, LIMITS)
    return sessions


def _items(sessions: Sessions, row: int) -> list[int]:
    start, count = sessions.kept.rows[row, START], sessions.kept.rows[row, COUNT]
    return [int(item) for item in sessions.kept.cells[start : start + 2 * count : 2]]


def _newest(sessions: Sessions, user: int) -> int:
    return int(find_row(sessions.kept.table, sessions.kept.owners, user))


def test_a_click_continues_the_users_newest_session_or_begins_one() -> None:
    sessions = _learned([(7, 1, False), (8, 2, False), (7, 3, True), (7, 4, False)])
    assert [_items(sessions, row) for row in range(3)] == [[1, 3], [2], [4]]
    assert (_newest(sessions, 7), _newest(sessions, 8), _newest(sessions, 9)) == (2, 1, -1)
    assert sessions.totals.tolist() == [3, 4]
    assert sessions.last[:3, TIME].tolist() == [2.0, 1.0, 3.0]


def test_a_click_of_an_unknown_user_begins_a_session_even_if_it_continues() -> None:
    assert _items(_learned([(9, 5, True)]), 0) == [5]


def test_the_session_that_began_first_is_replaced() -> None:
    sessions = _learned([(7, 1, False), (8, 2, False), (9, 3, False), (6, 4, False), (7, 5, True)])
    assert [_items(sessions, row) for row in range(3)] == [[4], [5], [3]], "those of 7 and then 8 were replaced"
    assert (_newest(sessions, 7), _newest(sessions, 8)) == (1, -1)
    assert rows_of(sessions, LIMITS) == 3


def test_all_sessions_of_a_user_are_forgotten_and_no_others() -> None:
    sessions = _learned([(7, 1, False), (8, 2, False), (7, 3, False)])
    forget_sessions(sessions, 7, LIMITS[0])
    assert [_items(sessions, row) for row in range(3)] == [[], [2], []]
    assert _newest(sessions, 7) == -1
    assert 7 not in sessions.kept.owners[:3].tolist()
    forget_sessions(sessions, 7, LIMITS[0])
    assert _items(sessions, 1) == [2]


def test_many_clicks_at_once_stop_where_room_ends() -> None:
    clicks = [(n % 4, n % 10, n % 3 > 0) for n in range(200)]
    columns = (np.array(part) for part in zip(*clicks, strict=True))
    users, items, before = (
        part.astype(kind) for part, kind in zip(columns, (np.int64, np.int32, np.int64), strict=True)
    )
    times, sessions, done, calls = np.arange(200.0), with_items(no_sessions(), 10), 0, 0
    while done < 200:
        sessions = with_session(sessions, LIMITS)
        done += learn_clicks(sessions, users[done:], items[done:], times[done:], before[done:], LIMITS)
        calls += 1
    assert calls < 20
    one_by_one = sessions_state(_learned(clicks), LIMITS, 10)
    assert {name: array.tolist() for name, array in sessions_state(sessions, LIMITS, 10).items()} == {
        name: array.tolist() for name, array in one_by_one.items()
    }


def test_a_restored_table_has_the_newest_session_of_each_user() -> None:
    sessions = _learned([(7, 1, False), (8, 2, False), (7, 3, False), (8, 4, False)])
    restored = restored_sessions(sessions_state(sessions, LIMITS, 10), LIMITS)
    assert (_newest(sessions, 7), _newest(sessions, 8)) == (2, 0)
    assert (_newest(restored, 7), _newest(restored, 8)) == (2, 0)
