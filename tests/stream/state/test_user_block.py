"""The layout of a user's block."""

import numpy as np
import pytest

from stream.state.user_block import (
    COLUMNS_AT,
    EVENT_IDS,
    IDS,
    IDS_ROOM,
    ROWS,
    ROWS_ROOM,
    SEEN_ITEMS,
    SESSION,
    SESSION_ITEMS,
    columns,
    grown,
    new_block,
)


@pytest.mark.parametrize(("rows", "ids"), [(0, 0), (1, 1), (3, 8), (SEEN_ITEMS, EVENT_IDS)])
def test_columns_lie_behind_one_another_and_none_reaches_into_another(rows: int, ids: int) -> None:
    block = new_block(rows, ids)
    at = columns(block)
    lengths = {name: len(column) for name, column in at._asdict().items() if name not in ("floats", "ints")}
    assert lengths == {
        "event_ids": ids, "session": min(ids, SESSION_ITEMS), "times": rows, "bought": rows, "items": rows,
        "counts": rows, "kinds": rows,
    }  # fmt: skip
    for n, name in enumerate(lengths, 1):
        getattr(at, name)[:] = n
    assert [set(getattr(at, name).tolist()) <= {n} for n, name in enumerate(lengths, 1)] == [True] * len(lengths)
    assert not block[64:COLUMNS_AT].any(), "nor into the profile"
    assert not [column for column in at if column.ctypes.data % column.itemsize], "each is aligned"


def test_one_known_item_takes_few_bytes() -> None:
    assert len(new_block(1, 1)) == COLUMNS_AT + 8 + 25 + 4


@pytest.mark.parametrize(("rows", "ids", "session"), [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_the_columns_that_are_full_grow_and_what_was_there_stays(rows: int, ids: int, session: int) -> None:
    block = new_block(8, 8)
    before = columns(block)
    before.ints[[ROWS, IDS, SESSION]] = 7 + rows, 7 + ids, 7 + session
    for name in ("event_ids", "times", "bought", "items", "counts", "session", "kinds"):
        getattr(before, name)[:] = np.arange(1, 9)
    after = columns(grown(block))
    assert after.ints[ROWS_ROOM] == (16 if rows else 8)
    assert after.ints[IDS_ROOM] == (16 if ids or session else 8)
    assert after.ints[:ROWS_ROOM].tolist() == before.ints[:ROWS_ROOM].tolist()
    for name, used in (("times", ROWS), ("items", ROWS), ("event_ids", IDS), ("session", SESSION), ("kinds", ROWS)):
        n = after.ints[used]
        assert getattr(after, name)[:n].tolist() == list(range(1, n + 1)), name


def test_room_ends_at_the_bounds() -> None:
    block = new_block(SEEN_ITEMS - 1, EVENT_IDS - 1)
    columns(block).ints[[ROWS, IDS]] = SEEN_ITEMS - 1, EVENT_IDS - 1
    at = columns(grown(block))
    assert (len(at.times), len(at.event_ids), len(at.session)) == (SEEN_ITEMS, EVENT_IDS, SESSION_ITEMS)
