import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import Interaction, Popularity, Query

NOTHING = np.empty(0, np.int32)
EMPTY_QUERY = Query(NOTHING, 0.0, NOTHING)


def _teach(source: Popularity, items: list[int], kind: int = 0) -> None:
    for item in items:
        source.add_item(item)
        source.learn_one(Interaction(item, kind, 0.0, NOTHING, NOTHING))


def test_an_event_counts_half_after_the_half_life() -> None:
    source = Popularity(half_life=2)
    _teach(source, [0, 1, 0, 2, 2])
    # ages 4, 3, 2, 1, 0 events
    expected = [2**-2 + 2**-1, 2**-1.5, 2**-0.5 + 1]
    assert source.score_many(EMPTY_QUERY, np.arange(3, dtype=np.int32)) == pytest.approx(expected)


def test_kinds_weigh_differently() -> None:
    source = Popularity(half_life=1e9, kind_weights=(1, 3, 10))
    for kind in range(3):
        _teach(source, [kind], kind)
    items, scores = source.top_k(EMPTY_QUERY, 3, np.zeros(3, np.uint8))
    assert items.tolist() == [2, 1, 0]
    assert scores == pytest.approx([10, 3, 1])


def test_a_catalogue_without_events_has_candidates_in_order() -> None:
    source = Popularity(top=4)
    source.add_item(9)
    items, scores = source.top_k(EMPTY_QUERY, 10, np.zeros(10, np.uint8))
    assert items.tolist() == [0, 1, 2, 3]
    assert scores.tolist() == [0, 0, 0, 0]


@given(st.lists(st.integers(0, 11), max_size=80), st.sampled_from([0.02, 1.0, 50.0]))
def test_the_list_is_exactly_the_best_of_all(events: list[int], half_life: float) -> None:
    # a half-life of 0.02 events makes the unit pass its limit every 11 events
    source = Popularity(half_life=half_life, top=5)
    source.add_item(11)
    for item in events:
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING))
    weights = source.state()["weights"]
    expected = sorted(range(12), key=lambda item: (-weights[item], item))[:5]
    assert source.top_k(EMPTY_QUERY, 5, np.zeros(12, np.uint8))[0].tolist() == expected
    assert source.state()["unit"][0] < 2.0**512


def test_rescaling_changes_no_score() -> None:
    source = Popularity(half_life=1)
    source.add_item(1)
    scores = []
    for n in range(600):
        source.learn_one(Interaction(n % 2, 0, 0.0, NOTHING, NOTHING))
        scores.append(source.score_many(EMPTY_QUERY, np.array([n % 2], np.int32))[0])
    assert scores[-1] == scores[500] == pytest.approx(4 / 3)  # 1 + 1/4 + 1/16 + ...


def test_the_list_and_the_sum_of_all_are_those_of_now() -> None:
    source = Popularity(half_life=1, top=2)
    nothing = np.empty(0, np.int32)
    for item in (2, 0, 1):
        source.add_item(item)
        source.learn_one(Interaction(item, 0, 0.0, nothing, nothing))
    assert source.listed.tolist() == [1, 0]
    assert source.total == 1.75
