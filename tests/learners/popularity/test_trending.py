import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import Interaction, Query, yield_checks
from learners.checks import Check
from learners.popularity.trending import Trending

NOTHING = np.empty(0, np.int32)
EMPTY_QUERY = Query(NOTHING, 0.0, NOTHING)
ITEMS = np.arange(8, dtype=np.int32)


@pytest.mark.parametrize("check", list(yield_checks(Trending())), ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def _taught(source: Trending, events: list[int]) -> Trending:
    source.add_item(7)
    for item in events:
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING))
    return source


def _naive(events: list[int], fast: float, slow: float, window: int) -> list[float]:
    counts = np.zeros((8, 2))
    for age, item in enumerate(reversed(events)):
        counts[item] += [2 ** (-age / fast), 2 ** (-age / slow)]
    ratio = counts[:, 0].sum() / counts[:, 1].sum() if events else 1.0
    scores = counts[:, 0] / (ratio * counts[:, 1] + 1)
    return [score if item in events[-window:] else 0.0 for item, score in enumerate(scores.tolist())]


@given(st.lists(st.integers(0, 7), max_size=60), st.sampled_from([(0.05, 0.1), (2, 5), (3, 1_000)]))
def test_scores_are_those_of_the_formula_and_the_list_is_exact(
    events: list[int], half_lives: tuple[float, float]
) -> None:
    # half-lives below 1 rescale every few dozen events; the window of all three is 16 events, the shortest there is
    source = _taught(Trending(*half_lives), events)
    scores = source.score_many(EMPTY_QUERY, ITEMS)
    assert scores == pytest.approx(_naive(events, *half_lives, window=16), rel=1e-5, abs=1e-30)
    expected = sorted(set(events[-16:]), key=lambda item: (-scores[item], item))
    assert source.top_k(EMPTY_QUERY, 8, np.zeros(8, np.uint8))[0].tolist() == expected


def test_what_has_risen_is_ahead_of_what_is_always_popular_and_of_a_single_event() -> None:
    source = _taught(Trending(fast=20, slow=2_000), [0, 0, 0, 1] * 500 + [2, 0, 3, 3, 0, 3, 0, 3])
    items, scores = source.top_k(EMPTY_QUERY, 4, np.zeros(8, np.uint8))
    assert items[0] == 3
    assert scores[0] > 3
    assert source.score_many(EMPTY_QUERY, ITEMS[:3]) == pytest.approx([0.9, 0.75, 0.77], abs=0.1)


def test_half_lives_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="0 < fast < slow; got fast=100, slow=50"):
        Trending(100, 50)
