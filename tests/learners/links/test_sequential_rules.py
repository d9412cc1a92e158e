"""Sequential rules against answers worked out by hand."""

import numpy as np
import pytest

from learners import Query, SequentialRules
from tests.support.visits import items_of, visit

ALL_FREE = np.zeros(10, np.uint8)


def test_scores_by_hand() -> None:
    source = SequentialRules(half_life=None)
    visit(source, 0, 1, 2, 2)
    # from 0: 1 at distance 1, 2 at distances 2 and 3; one event on 0, so divided by 1 + 3
    items, scores = source.top_k(Query(items_of(0), 0.0, items_of()), 10, ALL_FREE)
    assert items.tolist() == [1, 2]
    assert scores == pytest.approx([1 / 4, (1 / 2 + 1 / 3) / 4])
    # a repeat is a rule, nothing leads back, and the session goes before the history
    assert source.top_k(Query(items_of(0), 0.0, items_of(2)), 10, ALL_FREE)[0].tolist() == [2]


def test_without_a_history_there_are_no_scores() -> None:
    source = SequentialRules()
    visit(source, 0, 1)
    empty = Query(items_of(), 0.0, items_of())
    assert len(source.top_k(empty, 5, ALL_FREE)[0]) == 0
    assert source.score_many(empty, items_of(0, 1)).tolist() == [0, 0]


def test_rescaled_rules_keep_their_scores() -> None:
    source = SequentialRules(half_life=1)
    for _ in range(40):
        visit(source, 0, 1)  # 80 half-lives: the unit passes 2^64 once
    assert source.state()["unit"][0] < 2.0**64
    # half of 1 + 1/4 + 1/16 + ... events on 0, links to 1 one event younger
    score = source.score_many(Query(items_of(0), 0.0, items_of()), items_of(1))[0]
    assert score == pytest.approx((4 / 3) / (2 / 3 + 3))
