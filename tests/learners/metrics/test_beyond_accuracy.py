"""Popularity, novelty, diversity and Gini, worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.metrics.beyond_accuracy import describe_list, gini

COUNTS = np.array([8, 4, 4, 0], np.int64)
CATEGORY = np.array([1, 1, 2, 0], np.int32)


def described(*items: int) -> tuple[float, float, float]:
    found: tuple[float, float, float] = describe_list(np.array(items, np.int32), COUNTS, 16, 8, CATEGORY)
    return found


def test_a_list_by_hand() -> None:
    assert described(0, 1, 2) == pytest.approx(((1 + 0.5 + 0.5) / 3, (1 + 2 + 2) / 3, 2 / 3))


def test_an_item_without_events_is_as_novel_as_one_event_and_not_popular() -> None:
    assert described(3) == pytest.approx((0.0, 4.0, 0.0))


def test_unknown_categories_are_similar_to_none() -> None:
    same = describe_list(np.array([0, 1], np.int32), COUNTS, 16, 8, np.array([0, 0, 0, 0], np.int32))
    assert same[2] == 1.0
    assert described(0, 1)[2] == 0.0


def test_nothing_listed_and_nothing_known() -> None:
    assert described() == (0.0, 0.0, 0.0)
    assert describe_list(np.array([1], np.int32), np.zeros(4, np.int64), 0, 0, CATEGORY) == (0.0, 0.0, 0.0)


def test_gini_by_hand() -> None:
    assert gini(np.array([4, 4, 4])) == 0.0
    assert gini(np.array([0, 0, 0, 0, 7])) == pytest.approx(4 / 5)
    assert gini(np.array([1, 2, 3])) == pytest.approx(2 / 9)
    assert gini(np.zeros(3, np.int64)) == gini(np.empty(0, np.int64)) == 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_gini_is_half_the_mean_difference_by_the_mean(counts: list[int]) -> None:
    array = np.array(counts, np.int64)
    found = gini(array)
    assert 0 <= found < 1
    assert found == gini(array[::-1]), "order does not matter"
    if array.sum():
        differences = np.abs(array[:, None] - array[None, :]).mean()
        assert found == pytest.approx(differences / (2 * array.mean()))
