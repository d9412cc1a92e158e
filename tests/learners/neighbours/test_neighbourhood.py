"""The answer to a query: who is kept, how scores spread from the match, and when it is found again."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import Query
from learners.neighbours.histories import Histories, no_histories, touch, with_room
from learners.neighbours.neighbourhood import Neighbourhood, clear, decays, keep_most_similar, match_of, spread

NOTHING = np.empty(0, np.int32)


def _ask() -> Query:
    return Query(NOTHING, 0.0, NOTHING)


def test_decays_end_where_float32_is_0() -> None:
    found = decays(3.0)
    assert found[:2].tolist() == [1.0, pytest.approx(math.exp(-1 / 3))]
    assert np.float32(found[-1]) == 0.0 < np.float32(found[-10])
    assert len(decays(3.0, 5)) == 5


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6).map(float) | st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 40))
def test_the_k_largest_are_kept_in_order_and_of_equal_ones_the_first(factors: list[float], k: int) -> None:
    near = Neighbourhood(history=5, sample=40)
    scratch, n = near.scratch, len(factors)
    scratch.near[:n], scratch.nearest[:n], scratch.factors[:n] = np.arange(n), np.arange(n), factors
    scratch.lengths[1] = n
    keep_most_similar(scratch, k)
    expected = sorted(sorted(range(n), key=lambda place: (-factors[place], place))[:k])
    kept = int(scratch.lengths[1])
    assert scratch.near[:kept].tolist() == scratch.nearest[:kept].tolist() == expected
    assert scratch.factors[:kept].tolist() == [factors[place] for place in expected]


def _two_rows() -> Histories:
    kept = with_room(no_histories(), 2, 8, 8)
    for row, items in enumerate(([1, 2, 3], [3, 4])):
        for item in items:
            touch(kept, row, item, 8)
    return kept


def _answered() -> tuple[Neighbourhood, Histories]:
    """A query of items 2 and 3, the newer one, weights 0.5 and 1; both rows are near, with factors 2 and 3."""
    near, kept = Neighbourhood(history=5, sample=10), _two_rows()
    near.add_item(9)
    assert near.begin(_ask())
    scratch = near.scratch
    scratch.past[:2], scratch.weights[:2], scratch.lengths[:2] = (3, 2), (1.0, 0.5), (2, 2)
    scratch.places[[3, 2]] = (0, 1)
    scratch.near[:2], scratch.factors[:2] = (0, 1), (2.0, 3.0)
    spread(kept, scratch, CLOSENESS)
    return near, kept


CLOSENESS = np.array([1.0, 0.5])  # by the distance from the match; farther items get nothing


def test_the_match_is_the_last_shared_item() -> None:
    kept, places = _two_rows(), np.full(10, -1, np.int32)
    places[[1, 2]] = (0, 1)
    assert match_of(kept.cells, places, int(kept.rows[0, 0]), 3) == 1
    assert match_of(kept.cells, places, int(kept.rows[1, 0]), 2) == -1


def test_scores_spread_from_the_match() -> None:
    """Row 1, 2, 3 matches at 3: items 3 and 2 get 2 and 1, item 1 is too far. Row 3, 4 matches at 3: 3 and 1.5."""
    near, _ = _answered()
    assert near.score_many(np.arange(10, dtype=np.int32)).tolist() == [0, 0, 1.0, 5.0, 1.5, 0, 0, 0, 0, 0]
    assert near.top_k(2, np.zeros(10, np.uint8))[0].tolist() == [3, 4]
    blocked = np.zeros(10, np.uint8)
    blocked[3] = 1
    assert near.top_k(5, blocked)[0].tolist() == [4, 2]
    assert near.score_many(np.array([-1, 99], np.int32)).tolist() == [0.0, 0.0]


def test_why_splits_a_score_by_the_shared_items_weights() -> None:
    """Item 4 came by item 3 alone; item 2 by both, of which 3 has two thirds of the weight."""
    near, kept = _answered()
    assert near.why(kept, CLOSENESS, 4) == [3]
    assert near.why(kept, CLOSENESS, 2) == [3, 2]
    assert near.why(kept, CLOSENESS, 1) == near.why(kept, CLOSENESS, -1) == near.why(kept, CLOSENESS, 99) == []


def test_an_answer_holds_for_its_query_until_something_is_learned() -> None:
    near, query = Neighbourhood(history=5, sample=5), _ask()
    near.add_item(3)
    assert [near.begin(query), near.begin(query)] == [True, False]
    assert near.begin(_ask()), "another query, though it is equal"
    assert near.begin(query)
    near.outdate()
    assert near.begin(query)
    near.add_item(4)
    assert near.begin(query)
    assert pickle.loads(pickle.dumps(near)).begin(query), "a copy has no answer"


def test_clearing_wipes_out_the_answer() -> None:
    near, _ = _answered()
    clear(near.scratch)
    assert not near.scratch.sums.any()
    assert (near.scratch.places == -1).all()
    near.restart(3)
    assert near.size == 3
