"""Rows by the 64-bit number of their owner: a hash table that holds no keys of its own."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

# 2^64 / golden ratio, as a signed number: Fibonacci hashing (Knuth, TAOCP 3, section 6.4) spreads similar numbers
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _home(table: NDArray[np.int32], owner: int) -> int:
    mixed = np.uint64(owner) * _SPREAD
    mixed ^= mixed >> np.uint64(32)
    return int(np.int64(mixed & np.uint64(len(table) - 1)))


@njit(cache=True)
def find_row(table: NDArray[np.int32], owners: NDArray[np.int64], owner: int) -> int:
    """Return the row that `put_row` noted last for `owner`, -1 without one.

    Parameters
    ----------
    table : int32[power of two], rows or -1; linear probing, at most half full
    owners : int64[rows], the owner of each row: the keys

    >>> owners, table = np.array([7, -5, 7]), empty_table(3)
    >>> put_rows(table, owners, np.arange(3, dtype=np.int32))
    >>> drop_owner(table, owners, -5)
    >>> find_row(table, owners, 7), find_row(table, owners, -5)
    (2, -1)
    """
    place = _home(table, owner)
    while table[place] >= 0:
        if owners[table[place]] == owner:
            return int(table[place])
        place = (place + 1) & (len(table) - 1)
    return -1


@njit(cache=True)
def put_row(table: NDArray[np.int32], owners: NDArray[np.int64], row: int) -> None:
    """Note `row` for its owner instead of what was noted before."""
    place = _home(table, owners[row])
    while table[place] >= 0 and owners[table[place]] != owners[row]:
        place = (place + 1) & (len(table) - 1)
    table[place] = row


@njit(cache=True)
def drop_owner(table: NDArray[np.int32], owners: NDArray[np.int64], owner: int) -> None:
    """Take an owner out, and move the entries behind it up, so that no search ends early."""
    mask = len(table) - 1
    hole = _home(table, owner)
    while table[hole] >= 0 and owners[table[hole]] != owner:
        hole = (hole + 1) & mask
    place = hole
    while table[place] >= 0:
        place = (place + 1) & mask
        if table[place] < 0:
            break
        home = _home(table, owners[table[place]])
        if (place - home) & mask >= (place - hole) & mask:
            table[hole] = table[place]
            hole = place
    table[hole] = -1


@njit(cache=True)
def put_rows(table: NDArray[np.int32], owners: NDArray[np.int64], rows: NDArray[np.int32]) -> None:
    """Note all `rows` in their order."""
    for row in rows:
        put_row(table, owners, row)


def empty_table(owners: int) -> NDArray[np.int32]:
    """Return a table with room for so many owners."""
    return np.full(1 << max(6, (2 * owners - 1).bit_length()), -1, np.int32)
