"""The user's own last items: order, scores, and what is left out."""

import numpy as np
import pytest

from learners import INELIGIBLE, Interaction, Query, RecentlySeen

NOTHING = np.empty(0, np.int32)


def _source(history: int = 50) -> RecentlySeen:
    source = RecentlySeen(history)
    source.add_item(9)
    return source


def _ask(*recent: int) -> Query:
    return Query(np.array(recent, np.int32), 0.0, NOTHING)


def test_recently_seen_skips_only_the_ineligible_and_keeps_ranks() -> None:
    source, blocked = RecentlySeen(history=3), np.full(10, 2, np.uint8)
    source.add_item(9)
    blocked[4] = INELIGIBLE
    items, scores = source.top_k(Query(np.array([7, 4, 2, 1], np.int32), 0.0, np.empty(0, np.int32)), 9, blocked)
    assert items.tolist() == [7, 2]
    assert scores.tolist() == [1.0, np.float32(1 / 3)]


def test_scores_are_reciprocal_ranks() -> None:
    source = _source()
    scores = source.score_many(_ask(4, 7, 2), np.array([2, 5, 4, -1, 99], np.int32))
    assert scores.tolist() == pytest.approx([1 / 3, 0.0, 1.0, 0.0, 0.0])
    assert source.score_many(_ask(5), np.array([4], np.int32)).tolist() == [0.0], "nothing stays of the last query"


def test_only_the_history_is_proposed() -> None:
    source, free = _source(history=2), np.zeros(10, np.uint8)
    assert source.top_k(_ask(1, 2, 3), 5, free)[0].tolist() == [1, 2]
    assert source.score_many(_ask(1, 2, 3), np.array([3], np.int32)).tolist() == [0.0]
    assert source.top_k(_ask(1, 2, 3), 0, free)[0].tolist() == []


def test_unknown_items_are_ignored_and_not_learned() -> None:
    assert _source().top_k(_ask(50, 1, -3), 5, np.zeros(10, np.uint8))[0].tolist() == [1]
    with pytest.raises(IndexError, match="`recently_seen` can learn items"):
        _source().learn_one(Interaction(10, 0, 0.0, NOTHING, NOTHING))
