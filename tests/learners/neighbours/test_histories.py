"""Rows of items and lists of rows, against lists kept plainly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.neighbours.histories import (
    COUNT,
    EVENTS,
    LENGTH,
    START,
    Histories,
    cell_of,
    clear_row,
    enlist,
    has_room,
    histories_state,
    no_histories,
    renew,
    restored_histories,
    size_for,
    strike,
    touch,
    with_room,
    with_table,
)
from learners.neighbours.owners import find_row

MOST, LONGEST = 3, 4  # items a row, rows a list


def _row(kept: Histories, row: int) -> list[tuple[int, int]]:
    start, count = kept.rows[row, START], kept.rows[row, COUNT]
    return [(int(kept.cells[start + 2 * n]), int(kept.cells[start + 2 * n + 1])) for n in range(count)]


def _list(kept: Histories, item: int) -> list[int]:
    return [int(kept.cells[cell_of(kept.lists, item, place)]) for place in range(kept.lists[item, LENGTH])]


@pytest.mark.parametrize(("cells", "size"), [(1, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_blocks_are_powers_of_two_from_four_cells_on(cells: int, size: int) -> None:
    assert size_for(cells) == size


def test_a_touch_moves_the_item_to_the_end() -> None:
    kept = with_room(no_histories(), 1, MOST, LONGEST)
    assert [touch(kept, 0, item, MOST) for item in (5, 6, 5, 7)] == [(True, -1), (True, -1), (False, -1), (True, -1)]
    assert _row(kept, 0) == [(6, 1), (5, 2), (7, 3)]
    assert touch(kept, 0, 8, MOST) == (True, 6), "a full row drops its oldest item"
    assert _row(kept, 0) == [(5, 2), (7, 3), (8, 4)]
    assert kept.rows[0, EVENTS] == 5


def test_a_full_list_drops_its_oldest_row() -> None:
    kept = no_histories()
    for row in range(6):
        enlist(kept, 2, row, LONGEST)
    assert _list(kept, 2) == [2, 3, 4, 5]
    renew(kept, 2, 3, LONGEST)
    assert _list(kept, 2) == [2, 4, 5, 3]
    renew(kept, 2, 0, LONGEST)
    assert _list(kept, 2) == [4, 5, 3, 0], "a row dropped before is among the most recent again"
    strike(kept, 2, 5)
    strike(kept, 2, 9)
    assert _list(kept, 2) == [4, 3, 0]


STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 6)), max_size=60)  # row and item; -1: empty the row


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_rows_and_lists_agree_with_plain_ones(steps: list[tuple[int, int]]) -> None:
    kept = no_histories()
    rows: dict[int, dict[int, int]] = {row: {} for row in range(4)}
    events, lists = dict.fromkeys(range(4), 0), {item: list[int]() for item in range(7)}
    for row, item in steps:
        if item < 0:
            clear_row(kept, row)
            rows[row], events[row] = {}, 0
            for listed in lists.values():
                if row in listed:
                    listed.remove(row)
            continue
        if not has_room(kept, 4, MOST, 8):
            kept = with_room(kept, 4, MOST, 8)
        is_new, dropped = touch(kept, row, item, MOST)
        assert is_new == (item not in rows[row])
        rows[row].pop(item, None)
        if len(rows[row]) == MOST:
            oldest = next(iter(rows[row]))
            assert dropped == oldest
            del rows[row][oldest]
            lists[oldest].remove(row)
            strike(kept, oldest, row)
        rows[row][item] = events[row]
        events[row] += 1
        if is_new:
            enlist(kept, item, row, 8)
        else:
            renew(kept, item, row, 8)
            lists[item].remove(row)
        lists[item].append(row)
    for twin in (kept, restored_histories(histories_state(kept, 4, 7))):
        assert [_row(twin, row) for row in range(4)] == [list(rows[row].items()) for row in range(4)]
        assert [_list(twin, item) for item in range(7)] == list(lists.values())


def test_room_is_made_for_one_event_and_keeps_what_is_there() -> None:
    kept = no_histories()
    kept.owners[:] = np.arange(16)
    enlist(kept, 0, 5, LONGEST)
    assert has_room(kept, 16, MOST, LONGEST)
    assert with_room(kept, 16, MOST, LONGEST) is kept
    assert not has_room(kept, 17, MOST, LONGEST)
    larger = with_room(kept, 17, 100, 1_000)
    assert has_room(larger, 17, 100, 1_000)
    assert (len(larger.rows), _list(larger, 0)) == (32, [5])
    assert larger.owners[:16].tolist() == list(range(16))


def test_a_table_holds_the_owners_of_rows_with_items() -> None:
    kept = with_room(no_histories(), 3, MOST, LONGEST)
    kept.owners[:3] = (7, 8, 7)
    for row in (0, 2):
        touch(kept, row, 1, MOST)
    found = with_table(kept, np.arange(3, dtype=np.int32))
    assert [find_row(found.table, found.owners, owner) for owner in (7, 8)] == [2, -1]
