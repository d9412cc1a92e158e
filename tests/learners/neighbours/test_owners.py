"""Rows by owner: the hash table against a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.neighbours.owners import drop_owner, empty_table, find_row, put_row, put_rows

OWNERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20)


@settings(max_examples=200, deadline=None)
@given(st.lists(OWNERS, min_size=1, max_size=32), st.lists(st.tuples(st.booleans(), st.integers(0, 31)), max_size=80))
def test_the_table_is_a_dictionary(numbers: list[int], steps: list[tuple[bool, int]]) -> None:
    owners, table, plain = np.array(numbers, np.int64), empty_table(len(numbers)), dict[int, int]()
    for puts, place in steps:
        row = place % len(numbers)
        if puts:
            put_row(table, owners, row)
            plain[numbers[row]] = row
        else:
            drop_owner(table, owners, numbers[row])
            plain.pop(numbers[row], None)
    assert {owner: find_row(table, owners, owner) for owner in numbers} == {o: plain.get(o, -1) for o in numbers}
    assert np.count_nonzero(table >= 0) == len(plain)


def test_of_two_rows_of_an_owner_the_last_counts() -> None:
    owners, table = np.array([7, 7, 8], np.int64), empty_table(3)
    put_rows(table, owners, np.array([1, 2, 0], np.int32))
    assert (find_row(table, owners, 7), find_row(table, owners, 8), find_row(table, owners, 9)) == (0, 2, -1)


@pytest.mark.parametrize(("owners", "places"), [(1, 64), (32, 64), (33, 128), (1_000, 2_048)])
def test_a_table_is_at_most_half_full(owners: int, places: int) -> None:
    assert len(empty_table(owners)) == places
