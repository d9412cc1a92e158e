"""Blocks of cells, of sizes that are powers of two, cut from one array and used again."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def take_block(cells: NDArray[np.int32], free: NDArray[np.int32], used: NDArray[np.int64], size: int) -> int:
    """Return the start of an empty block of 2**size cells; the caller made sure that `cells` has room.

    A free block holds in its first cell the start of the next one of its size, `free` the first: a stack by size.

    >>> cells, free, used = np.zeros(64, np.int32), np.full(32, -1, np.int32), np.zeros(1, np.int64)
    >>> take_block(cells, free, used, 3), take_block(cells, free, used, 2)
    (0, 8)
    >>> return_block(cells, free, 0, 3)
    >>> take_block(cells, free, used, 3), used.tolist()
    (0, [12])
    """
    start = free[size]
    if start >= 0:
        free[size] = cells[start]
        cells[start] = 0
        return int(start)
    start = used[0]
    used[0] += 1 << size
    return int(start)


@njit(cache=True)
def return_block(cells: NDArray[np.int32], free: NDArray[np.int32], start: int, size: int) -> None:
    """Empty a block, for another to take: nothing of what it held stays."""
    cells[start : start + (1 << size)] = 0
    cells[start] = free[size]
    free[size] = start
