"""What sources offer: cursors by hand, and against a plain reading of their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits import EXHAUSTED, OTHER
from bandits.slates.offers import (
    check_lists,
    check_record,
    first_unplaced,
    item_propensity,
    rank_bucket,
    read_offers,
    seek_offers,
    shown_probability,
)

LISTS = np.array([[4, 7, 2], [7, 4, -1], [9, -1, -1]], np.int32)
PMF = np.array([0.5, 0.3, 0.2])


def test_buckets_grow_by_powers_of_two() -> None:
    assert [rank_bucket(rank) for rank in range(9)] == [0, 1, 1, 2, 2, 2, 2, 3, 3]


def test_the_first_item_that_is_not_shown() -> None:
    row = np.array([[4, 7, 2, -1, 5]], np.int32)
    shown = np.array([7, 4], np.int32)
    assert first_unplaced(row, 0, shown, 0, 0) == 0
    assert first_unplaced(row, 0, shown[1:], len(shown) - 1, 0) == 1
    assert first_unplaced(row, 0, shown, len(shown), 0) == 2
    assert first_unplaced(row, 0, np.array([4, 7, 2], np.int32), 3, 0) == row.size, "a negative number ends the list"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.permutations(range(5)), min_size=1, max_size=3), st.permutations(range(5)))
def test_cursors_follow_the_slots_above(rows: list[list[int]], shown: list[int]) -> None:
    lists, cursor = np.array(rows, np.int32)[:, :4], np.zeros(len(rows), np.int64)
    for slot in range(len(shown)):
        live = seek_offers(lists, np.array(shown, np.int32), slot, cursor)
        expected = [next((n for n, item in enumerate(row[:4]) if item not in shown[:slot]), 4) for row in rows]
        assert cursor.tolist() == expected
        assert live == sum(rank < 4 for rank in expected)


def test_sources_that_offer_the_same_item_share_its_propensity() -> None:
    cursor = np.array([1, 0, 0])
    assert item_propensity(LISTS, cursor, PMF, 7) == pytest.approx(0.8)
    assert item_propensity(LISTS, cursor, PMF, 9) == pytest.approx(0.2)
    assert item_propensity(LISTS, np.array([1, 0, 3]), PMF, 9) == 0.0, "an exhausted source offers nothing"


def test_a_recorded_slot_is_read_back() -> None:
    record, cursor = np.array([1, OTHER + 2, EXHAUSTED], np.uint8), np.zeros(3, np.int64)
    assert read_offers(record, cursor, 3) == 2
    assert cursor.tolist() == [1, 2, 3]
    assert shown_probability(record, PMF) == 0.5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="one row for each source"):
        check_lists(LISTS, 2)
    with pytest.raises(ValueError, match="at most 127 columns"):
        check_lists(np.zeros((1, 128), np.int32), 1)
    with pytest.raises(ValueError, match="one row for each slot and one column for each source"):
        check_record(np.zeros((2, 3), np.uint8), np.zeros(2, np.uint8), 5, 4)
    with pytest.raises(ValueError, match="at most as many slots"):
        check_record(np.zeros((2, 3), np.uint8), np.zeros(2, np.uint8), 1, 3)
