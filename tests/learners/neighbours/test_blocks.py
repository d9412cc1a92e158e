"""Blocks of cells: used again by size, emptied when returned, never overlapping."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners.neighbours.blocks import return_block, take_block

Cells = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]


def _empty(cells: int) -> Cells:
    return np.zeros(cells, np.int32), np.full(32, -1, np.int32), np.zeros(1, np.int64)


def test_returned_blocks_of_a_size_are_taken_last_in_first_out() -> None:
    cells, free, used = _empty(64)
    starts = [take_block(cells, free, used, 2) for _ in range(3)]
    assert starts == [0, 4, 8]
    cells[0:12] = 7
    return_block(cells, free, 0, 2)
    return_block(cells, free, 8, 2)
    assert take_block(cells, free, used, 3) == 12, "another size"
    assert [take_block(cells, free, used, 2) for _ in range(3)] == [8, 0, 20]
    assert cells[0:4].tolist() == cells[8:12].tolist() == [0, 0, 0, 0]
    assert cells[4:8].tolist() == [7, 7, 7, 7]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=60))
def test_blocks_in_use_never_overlap(steps: list[tuple[bool, int]]) -> None:
    cells, free, used = _empty(2_000)
    taken: list[tuple[int, int]] = []
    for number, (takes, size) in enumerate(steps, 1):
        if takes or not taken:
            start = take_block(cells, free, used, size)
            assert not cells[start : start + (1 << size)].any(), "a new block is empty"
            cells[start : start + (1 << size)] = number
            taken.append((start, size))
        else:
            start, size = taken.pop(size % len(taken))
            assert len(set(cells[start : start + (1 << size)].tolist())) == 1, "no other block wrote into it"
            return_block(cells, free, start, size)
    places = [place for start, size in taken for place in range(start, start + (1 << size))]
    assert len(set(places)) == len(places)
