"""Co-visitation against answers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import CoVisitation, Query
from tests.support.visits import items_of, visit

ALL_FREE = np.zeros(10, np.uint8)


def test_scores_by_hand() -> None:
    source = CoVisitation(half_life=None)
    visit(source, 0, 1, 2)  # links 01: 1, 12: 1, 02: e^-0.2; every count 1
    near, far = 1.0, math.exp(-0.2)
    # asked by 2 (closeness 1) and 1 (closeness e^-0.2); sqrt((1 + 3) (1 + 3)) = 4
    expected = {0: (far + far * near) / 4, 1: near / 4, 2: far * near / 4}
    query = Query(items_of(2, 1), 0.0, items_of())
    items, scores = source.top_k(query, 10, ALL_FREE)
    assert items.tolist() == sorted(expected, key=lambda item: -expected[item])
    assert scores == pytest.approx([expected[item] for item in items.tolist()])


def test_counts_damp_popularity() -> None:
    source = CoVisitation(half_life=None)
    visit(source, 0, 1)
    visit(source, 0, 2)
    for _ in range(5):
        visit(source, 2)
    scores = source.score_many(Query(items_of(0), 0.0, items_of()), items_of(1, 2))
    assert scores == pytest.approx([1 / math.sqrt(5 * 4), 1 / math.sqrt(5 * 9)])


def test_equal_scores_are_ordered_by_lower_index() -> None:
    source = CoVisitation(half_life=None)
    for other in (5, 3, 4):
        visit(source, 0, other)
    items, scores = source.top_k(Query(items_of(0), 0.0, items_of()), 10, ALL_FREE)
    assert items.tolist() == [3, 4, 5]
    assert len(set(scores.tolist())) == 1


def test_an_item_is_never_linked_to_itself() -> None:
    source = CoVisitation()
    visit(source, 1, 1, 1)
    assert source.top_k(Query(items_of(1), 0.0, items_of()), 10, ALL_FREE)[0].tolist() == []


def test_links_decay_by_events() -> None:
    source = CoVisitation(half_life=1)
    visit(source, 0, 1)
    query = Query(items_of(0), 0.0, items_of())
    before = source.score_many(query, items_of(1))[0]
    visit(source, 2, 2)  # two half-lives
    assert before == pytest.approx(1 / math.sqrt(3.5 * 4))
    assert source.score_many(query, items_of(1))[0] == pytest.approx(0.25 / math.sqrt(3.125 * 3.25))


@given(st.lists(st.integers(0, 5), max_size=60))
def test_a_row_never_holds_an_item_twice(visits: list[int]) -> None:
    source = CoVisitation(neighbours=3, half_life=5)
    source.add_item(5)
    visit(source, *visits)
    for row, links in enumerate(source.state()["items"].tolist()):
        used = [link for link in links if link >= 0]
        assert len(set(used)) == len(used)
        assert row not in used
        assert links == used + [-1] * (3 - len(used))
