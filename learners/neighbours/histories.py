"""What each of many owners touched, in bounded rows, and the rows that hold each item: arrays that grow with use."""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import State
from learners.neighbours.blocks import return_block, take_block
from learners.neighbours.owners import empty_table, put_rows

# Columns of `Histories.rows`
START: Final = 0  # of the row's block
COUNT: Final = 1  # distinct items in the row
EVENTS: Final = 2  # of the owner so far: the next position
LINK: Final = 3  # another row of the same user or chain, -1 at its end

# Columns of `Histories.lists`
HEAD: Final = 0  # start of the list's block
OLDEST: Final = 1  # place in the block
LENGTH: Final = 2
SIZE: Final = 3  # log2 of the block's cells, 0: no block

_SMALLEST = 2  # log2 of the cells of the smallest block


class Histories(NamedTuple):
    """Rows of (item, position) for owners, oldest touch first; and for every item its owners, the most recent last.

    Attributes
    ----------
    cells : int32[cells], blocks of which the rows and lists are made, 0 where unused
    free : int32[32], first free block by log2 of its size, -1: none
    used : int64[1], cells ever used
    rows : int32[rows, 4], columns START, COUNT, EVENTS, LINK
    lists : int32[items, 4], columns HEAD, OLDEST, LENGTH, SIZE: a ring each
    owners : int64[rows], the owner of each row
    table : int32[power of two], rows by their owner, for `find_row`
    """

    cells: NDArray[np.int32]
    free: NDArray[np.int32]
    used: NDArray[np.int64]
    rows: NDArray[np.int32]
    lists: NDArray[np.int32]
    owners: NDArray[np.int64]
    table: NDArray[np.int32]


@njit(cache=True)
def size_for(cells: int) -> int:
    """Return log2 of the smallest block with room for that many cells."""
    size = _SMALLEST
    while (1 << size) < cells:
        size += 1
    return size


@njit(cache=True)
def touch(kept: Histories, row: int, item: int, most: int) -> tuple[bool, int]:
    """Put `item` at the end of a row of at most `most` items; return whether it is new, and the item dropped or -1."""
    cells, rows = kept.cells, kept.rows
    start, count = rows[row, START], rows[row, COUNT]
    place, dropped = count - 1, -1
    while place >= 0 and cells[start + 2 * place] != item:
        place -= 1
    is_new = place < 0
    if is_new:
        if count == most:
            dropped, place = cells[start], 0
        else:
            start = _lengthen_row(kept, row)
            place = count
            count += 1
    for cell in range(start + 2 * place, start + 2 * count - 2):
        cells[cell] = cells[cell + 2]
    cells[start + 2 * count - 2] = item
    cells[start + 2 * count - 1] = rows[row, EVENTS]
    rows[row, EVENTS] += 1
    return is_new, dropped


@njit(cache=True)
def _lengthen_row(kept: Histories, row: int) -> int:
    """Make room for one more item; return the row's start. A block's size follows from the count."""
    cells, rows = kept.cells, kept.rows
    start, count = rows[row, START], rows[row, COUNT]
    before, after = size_for(2 * count), size_for(2 * count + 2)
    if count == 0 or after > before:
        larger = take_block(cells, kept.free, kept.used, after)
        cells[larger : larger + 2 * count] = cells[start : start + 2 * count]
        if count > 0:
            return_block(cells, kept.free, start, before)
        rows[row, START] = start = larger
    rows[row, COUNT] = count + 1
    return int(start)


@njit(cache=True)
def clear_row(kept: Histories, row: int) -> None:
    """Take the owner of a row out of all lists, and empty the row."""
    cells, rows = kept.cells, kept.rows
    start, count = rows[row, START], rows[row, COUNT]
    for place in range(count):
        strike(kept, cells[start + 2 * place], row)
    if count > 0:
        return_block(cells, kept.free, start, size_for(2 * count))
    rows[row, START] = rows[row, COUNT] = rows[row, EVENTS] = 0
    rows[row, LINK] = -1


@njit(cache=True)
def enlist(kept: Histories, item: int, row: int, longest: int) -> None:
    """Put `row` at the recent end of the item's list, where it was not; a full list drops its oldest row."""
    cells, lists = kept.cells, kept.lists
    length, size = lists[item, LENGTH], lists[item, SIZE]
    if length == longest:
        cells[cell_of(lists, item, 0)] = 0
        lists[item, OLDEST] = (lists[item, OLDEST] + 1) & ((1 << size) - 1)
        length -= 1
    elif size == 0 or length == 1 << size:
        _resize_list(kept, item, size_for(length + 1))
    lists[item, LENGTH] = length + 1
    cells[cell_of(lists, item, length)] = row


@njit(cache=True)
def renew(kept: Histories, item: int, row: int, longest: int) -> None:
    """Move `row` to the recent end of the item's list.

    A row dropped before comes back if the list is full (then it is among the most recent again) or its block has room;
    one learned event must not make many lists grow, as room is made ahead.
    """
    cells, lists = kept.cells, kept.lists
    length, size = lists[item, LENGTH], lists[item, SIZE]
    place = length - 1
    while place >= 0 and cells[cell_of(lists, item, place)] != row:
        place -= 1
    if place < 0:
        if length == longest or (size > 0 and length < 1 << size):
            enlist(kept, item, row, longest)
        return
    while place < length - 1:
        cells[cell_of(lists, item, place)] = cells[cell_of(lists, item, place + 1)]
        place += 1
    cells[cell_of(lists, item, place)] = row


@njit(cache=True)
def strike(kept: Histories, item: int, row: int) -> None:
    """Take `row` out of the item's list; the row to remove is usually the oldest."""
    cells, lists = kept.cells, kept.lists
    length, size = lists[item, LENGTH], lists[item, SIZE]
    place = 0
    while place < length and cells[cell_of(lists, item, place)] != row:
        place += 1
    if place == length:
        return
    while place > 0:
        cells[cell_of(lists, item, place)] = cells[cell_of(lists, item, place - 1)]
        place -= 1
    cells[cell_of(lists, item, 0)] = 0
    lists[item, OLDEST] = (lists[item, OLDEST] + 1) & ((1 << size) - 1)
    lists[item, LENGTH] = length - 1
    if length == 1:
        return_block(cells, kept.free, lists[item, HEAD], size)
        lists[item] = 0
    elif 4 * length <= 1 << size and kept.free[size - 1] >= 0:  # room is not made ahead for what only saves room
        _resize_list(kept, item, size - 1)


@njit(cache=True)
def cell_of(lists: NDArray[np.int32], item: int, place: int) -> int:
    """Return which cell holds the place-th oldest of the item's list."""
    return int(lists[item, HEAD] + ((lists[item, OLDEST] + place) & ((1 << lists[item, SIZE]) - 1)))


@njit(cache=True)
def _resize_list(kept: Histories, item: int, size: int) -> None:
    cells, lists = kept.cells, kept.lists
    block = take_block(cells, kept.free, kept.used, size)
    for place in range(lists[item, LENGTH]):
        cells[block + place] = cells[cell_of(lists, item, place)]
    if lists[item, SIZE] > 0:
        return_block(cells, kept.free, lists[item, HEAD], lists[item, SIZE])
    lists[item, HEAD], lists[item, OLDEST], lists[item, SIZE] = block, 0, size


def no_histories() -> Histories:
    """Return histories without rows and items."""
    return Histories(
        np.zeros(64, np.int32),
        np.full(32, -1, np.int32),
        np.zeros(1, np.int64),
        np.zeros((16, 4), np.int32),
        np.zeros((16, 4), np.int32),
        np.zeros(16, np.int64),
        empty_table(16),
    )


@njit(cache=True)
def has_room(kept: Histories, rows: int, most: int, longest: int) -> bool:
    """Whether `with_room` has nothing to do."""
    cells = kept.used[0] + (1 << size_for(2 * most)) + (1 << size_for(longest))
    return bool(rows <= len(kept.rows) and cells <= len(kept.cells))


def with_room(kept: Histories, rows: int, most: int, longest: int) -> Histories:
    """Return `kept` with room for that many rows and for all that one event takes: one row and one list that grow.

    Where there is room for more owners than before the table is empty: see `with_table`.
    """
    cells = int(kept.used[0]) + (1 << size_for(2 * most)) + (1 << size_for(longest))
    if rows > len(kept.rows):
        owners = grown(kept.owners, rows)
        kept = kept._replace(rows=grown(kept.rows, rows), owners=owners, table=empty_table(len(owners)))
    return kept._replace(cells=grown(kept.cells, cells)) if cells > len(kept.cells) else kept


def with_table(kept: Histories, rows: NDArray[np.int32]) -> Histories:
    """Return `kept` with a table of the owners of those of `rows` that hold items; the last row of an owner counts."""
    table = empty_table(len(kept.owners))
    put_rows(table, kept.owners, rows[kept.rows[rows, COUNT] > 0])
    return kept._replace(table=table)


def histories_state(kept: Histories, rows: int, items: int) -> dict[str, NDArray[Any]]:
    """Return the parts in use, without the table, which follows from them."""
    return {
        "cells": kept.cells[: int(kept.used[0])],
        "free": kept.free,
        "used": kept.used,
        "rows": kept.rows[:rows],
        "lists": kept.lists[:items],
        "owners": kept.owners[:rows],
    }


def restored_histories(state: State) -> Histories:
    """Return a copy of what `histories_state` gave, the table empty."""
    dtypes = (np.int32, np.int32, np.int64, np.int32, np.int32, np.int64)
    arrays = [np.array(state[name], dtype) for name, dtype in zip(Histories._fields, dtypes)]
    return Histories._make([*arrays, empty_table(len(arrays[-1]))])
