"""Co-visitation and sequential rules against answers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners import CoVisitation, Interaction, Query, SequentialRules, Source
from learners.links.table import NeighbourTable

ALL_FREE = np.zeros(10, np.uint8)


def _items(*items: int) -> NDArray[np.int32]:
    return np.array(items, np.int32)


def _visit(source: Source, *items: int) -> None:
    """One user touches the items in order."""
    for n, item in enumerate(items):
        source.add_item(item)
        newest = list(items[:n])[::-1]
        source.learn_one(Interaction(item, 0, 0.0, _items(*dict.fromkeys(newest)), _items(*newest)))


def test_covisitation_by_hand() -> None:
    source = CoVisitation(half_life=None)
    _visit(source, 0, 1, 2)  # links 01: 1, 12: 1, 02: e^-0.2; every count 1
    near, far = 1.0, math.exp(-0.2)
    # asked by 2 (closeness 1) and 1 (closeness e^-0.2); sqrt((1 + 3) (1 + 3)) = 4
    expected = {0: (far + far * near) / 4, 1: near / 4, 2: far * near / 4}
    query = Query(_items(2, 1), 0.0, _items())
    items, scores = source.top_k(query, 10, ALL_FREE)
    assert items.tolist() == sorted(expected, key=lambda item: -expected[item])
    assert scores == pytest.approx([expected[item] for item in items.tolist()])


def test_covisitation_counts_damp_the_popular() -> None:
    source = CoVisitation(half_life=None)
    _visit(source, 0, 1)
    _visit(source, 0, 2)
    for _ in range(5):
        _visit(source, 2)
    scores = source.score_many(Query(_items(0), 0.0, _items()), _items(1, 2))
    assert scores == pytest.approx([1 / math.sqrt(5 * 4), 1 / math.sqrt(5 * 9)])


def test_covisitation_equal_scores_by_lower_index() -> None:
    source = CoVisitation(half_life=None)
    for other in (5, 3, 4):
        _visit(source, 0, other)
    items, scores = source.top_k(Query(_items(0), 0.0, _items()), 10, ALL_FREE)
    assert items.tolist() == [3, 4, 5]
    assert len(set(scores.tolist())) == 1


def test_covisitation_never_links_an_item_to_itself() -> None:
    source = CoVisitation()
    _visit(source, 1, 1, 1)
    assert source.top_k(Query(_items(1), 0.0, _items()), 10, ALL_FREE)[0].tolist() == []


def test_links_decay_by_events() -> None:
    source = CoVisitation(half_life=1)
    _visit(source, 0, 1)
    query = Query(_items(0), 0.0, _items())
    before = source.score_many(query, _items(1))[0]
    _visit(source, 2, 2)  # two half-lives
    assert before == pytest.approx(1 / math.sqrt(3.5 * 4))
    assert source.score_many(query, _items(1))[0] == pytest.approx(0.25 / math.sqrt(3.125 * 3.25))


def test_sequential_rules_by_hand() -> None:
    source = SequentialRules(half_life=None)
    _visit(source, 0, 1, 2, 2)
    # from 0: 1 at distance 1, 2 at distances 2 and 3; one event on 0, so divided by 1 + 3
    items, scores = source.top_k(Query(_items(0), 0.0, _items()), 10, ALL_FREE)
    assert items.tolist() == [1, 2]
    assert scores == pytest.approx([1 / 4, (1 / 2 + 1 / 3) / 4])
    # a repeat is a rule, nothing leads back, and the session goes before the history
    assert source.top_k(Query(_items(0), 0.0, _items(2)), 10, ALL_FREE)[0].tolist() == [2]


def test_sequential_rules_asked_by_nobody_know_nothing() -> None:
    source = SequentialRules()
    _visit(source, 0, 1)
    nobody = Query(_items(), 0.0, _items())
    assert len(source.top_k(nobody, 5, ALL_FREE)[0]) == 0
    assert source.score_many(nobody, _items(0, 1)).tolist() == [0, 0]


def test_the_lightest_link_gives_way_and_hands_on_half() -> None:
    table = NeighbourTable(width=2, half_life=None)
    table.add_item(4)
    one = np.ones(1)
    for item in (1, 1, 2, 3):
        table.learn_one(item, _items(0), one, both_directions=False)
    assert table.items[0].tolist() == [1, 3]
    assert table.weights[0].tolist() == [2.0, 1.5]


def test_rescaled_links_keep_their_scores() -> None:
    source = SequentialRules(half_life=1)
    for _ in range(40):
        _visit(source, 0, 1)  # 80 half-lives: the unit passes 2^64 once
    assert source.state()["unit"][0] < 2.0**64
    # half of 1 + 1/4 + 1/16 + ... events on 0, links to 1 one event younger
    score = source.score_many(Query(_items(0), 0.0, _items()), _items(1))[0]
    assert score == pytest.approx((4 / 3) / (2 / 3 + 3))


@given(st.lists(st.integers(0, 5), max_size=60))
def test_a_row_never_holds_an_item_twice(visits: list[int]) -> None:
    source = CoVisitation(neighbours=3, half_life=5)
    source.add_item(5)
    _visit(source, *visits)
    for row, links in enumerate(source.state()["items"].tolist()):
        used = [link for link in links if link >= 0]
        assert len(set(used)) == len(used)
        assert row not in used
        assert links == used + [-1] * (3 - len(used))
