"""The slate kernel against a plain reading of its definition, and exact expectations by enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bandits import (
    EXHAUSTED,
    NO_CONSTRAINTS,
    OTHER,
    Slate,
    draw_slate,
    epsilon_greedy,
    greedy_fill,
    rank_bucket,
    slate_propensities,
)
from bandits.slates.fill import slate_value

SLOTS = 4


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray[np.int32], NDArray[np.float64], float, NDArray[np.float64]]:
    sources, depth = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 6), min_size=0, max_size=depth, unique=True)
    lists = np.full((sources, depth), -1, np.int32)
    for a in range(sources):
        items = draw(row)
        lists[a, : len(items)] = items
    scores = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=sources * 4, max_size=sources * 4)))
    unit = st.floats(0.0, 1.0, exclude_max=True)
    uniforms = np.array(draw(st.lists(unit, min_size=SLOTS, max_size=SLOTS)))
    return lists, scores.reshape(sources, 4), draw(st.floats(0.0, 1.0)), uniforms


def _plain_slot(
    lists: NDArray[np.int32], scores: NDArray[np.float64], epsilon: float, above: list[int]
) -> tuple[dict[int, int], NDArray[np.float64]]:
    """Head rank of each live source and the pmf, read off the definition."""
    ranks = {
        a: next(rank for rank, item in enumerate(row) if item >= 0 and item not in above)
        for a, row in enumerate(lists)
        if any(item >= 0 and item not in above for item in row)
    }
    live = np.array([a in ranks for a in range(len(lists))])
    values = np.array([scores[a, rank_bucket(ranks[a])] if a in ranks else 0.0 for a in range(len(lists))])
    return ranks, epsilon_greedy(values, live, epsilon)


@settings(max_examples=200, deadline=None, derandomize=True)  # the first call loads the kernel
@given(cases())
def test_slate_follows_its_definition(
    case: tuple[NDArray[np.int32], NDArray[np.float64], float, NDArray[np.float64]],
) -> None:
    lists, scores, epsilon, uniforms = case
    slate = draw_slate(lists, scores, epsilon, uniforms, NO_CONSTRAINTS)
    above: list[int] = []
    for j, item in enumerate(slate.items.tolist()):
        ranks, pmf = _plain_slot(lists, scores, epsilon, above)
        for a in range(len(lists)):
            if a not in ranks:
                assert slate.offered_ranks[j, a] == EXHAUSTED
            else:
                assert slate.offered_ranks[j, a] == ranks[a] + (OTHER if lists[a, ranks[a]] != item else 0)
        assert slate.probabilities[j].tolist() == pytest.approx(pmf.tolist(), rel=1e-6)
        offering = [a for a in ranks if lists[a, ranks[a]] == item]
        assert slate.sources[j] in offering
        assert slate.propensities[j] == pytest.approx(pmf[offering].sum(), rel=1e-6)
        above.append(item)
    assert len(above) == SLOTS or not _plain_slot(lists, scores, epsilon, above)[0]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(cases())
def test_item_propensities_of_all_slates_sum_to_one(
    case: tuple[NDArray[np.int32], NDArray[np.float64], float, NDArray[np.float64]],
) -> None:
    lists, scores, epsilon, _ = case
    items = sorted({int(item) for item in lists.ravel() if item >= 0})
    n = min(2, len(items))
    slates = itertools.permutations(items, n)
    total = sum(
        slate_propensities(lists, scores, epsilon, np.array(slate, np.int32), NO_CONSTRAINTS).prod() for slate in slates
    )
    assert total == pytest.approx(1.0)


def test_drawn_slates_have_their_product_of_propensities() -> None:
    """Frequencies of whole slates against the product of their item propensities.

    Every z is standard normal in the limit. 20 slates or fewer have an expected count of 20 or more; the
    chance that one of 20 exceeds 4.5 is 20 * 6.8e-6.
    """
    lists = np.array([[1, 2, 3, -1], [2, 1, 4, -1], [5, -1, -1, -1]], np.int32)
    scores = np.array([[0.3, 0.2, 0.1, 0.0], [0.1, 0.3, 0.0, 0.0], [0.2, 0.0, 0.0, 0.0]])
    rng = np.random.default_rng(list(b"whole slates"))
    n = 20_000
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(n):
        shown = tuple(draw_slate(lists, scores, 0.4, rng.random(3), NO_CONSTRAINTS).items.tolist())
        counts[shown] = counts.get(shown, 0) + 1
    tested = 0
    for slate in itertools.permutations(range(1, 6), 3):
        p = slate_propensities(lists, scores, 0.4, np.array(slate, np.int32), NO_CONSTRAINTS).prod()
        if p == 0.0:
            assert slate not in counts
        elif n * p >= 20:
            tested += 1
            assert abs(counts[slate] - n * p) <= 4.5 * np.sqrt(n * p * (1 - p))
    assert 10 <= tested <= 20


def test_off_policy_weights_are_unbiased() -> None:
    """The log of one policy values another exactly: enumerate all slates with their probabilities."""
    lists = np.array([[1, 2, -1], [2, 3, 1], [4, -1, -1]], np.int32)
    logging, candidate = np.zeros((3, 4)), np.array([[0.0] * 4, [1.0] * 4, [2.0, 0, 0, 0]])
    value = {1: 0.5, 2: 0.1, 3: 0.9, 4: 0.3}
    estimate = truth = 0.0
    for slate in itertools.permutations((1, 2, 3, 4), 3):
        items = np.array(slate, np.int32)
        reward = sum(value[item] / (j + 1) for j, item in enumerate(slate))
        p_logging = slate_propensities(lists, logging, 0.5, items, NO_CONSTRAINTS).prod()
        p_candidate = slate_propensities(lists, candidate, 0.1, items, NO_CONSTRAINTS).prod()
        truth += p_candidate * reward
        if p_logging > 0.0:
            estimate += p_logging * (p_candidate / p_logging) * reward
    assert estimate == pytest.approx(truth)
    best = greedy_fill(lists, candidate, 3).items
    assert best.tolist() == [4, 2, 3]
    assert slate_propensities(lists, candidate, 0.0, best, NO_CONSTRAINTS).tolist() == [1.0, 1.0, 1.0]


def test_shared_heads_share_the_propensity() -> None:
    slate = draw_slate(
        np.array([[3, 4], [3, 5]], np.int32), np.zeros((2, 4)), 0.5, np.array([0.9, 0.9]), NO_CONSTRAINTS
    )
    assert slate.items.tolist() == [3, 5]
    assert slate.sources.tolist() == [1, 1]
    assert slate.offered_ranks.tolist() == [[0, 0], [OTHER + 1, 1]]
    assert slate.propensities.tolist() == [1.0, 0.25]


def test_slate_types() -> None:
    slate = draw_slate(np.array([[3, 4]], np.int32), np.zeros((1, 4)), 0.5, np.zeros(2), NO_CONSTRAINTS)
    assert isinstance(slate, Slate)
    assert [str(array.dtype) for array in slate] == ["int32", "uint8", "uint8", "float32", "float32"]


def test_empty_lists_give_an_empty_slate() -> None:
    slate = draw_slate(np.full((2, 3), -1, np.int32), np.zeros((2, 4)), 0.1, np.zeros(3), NO_CONSTRAINTS)
    assert [array.shape for array in slate] == [(0,), (0,), (0, 2), (0, 2), (0,)]


def test_read_only_records_can_be_used() -> None:
    lists = np.frombuffer(np.array([[3, 4]], np.int32).tobytes(), np.int32).reshape(1, 2)
    assert draw_slate(lists, np.zeros((1, 4)), 0.5, np.zeros(2), NO_CONSTRAINTS).items.tolist() == [3, 4]


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one row for each source"):
        draw_slate(np.zeros((3, 2), np.int32), np.zeros((2, 4)), 0.1, np.zeros(2), NO_CONSTRAINTS)
    with pytest.raises(ValueError, match="at most 127 columns"):
        draw_slate(np.zeros((2, 128), np.int32), np.zeros((2, 4)), 0.1, np.zeros(2), NO_CONSTRAINTS)


def test_slate_value_by_hand() -> None:
    scores = np.arange(8.0).reshape(2, 4)
    offered_ranks, sources = np.array([[0, OTHER], [OTHER + 1, 3]], np.uint8), np.array([0, 1], np.uint8)
    assert slate_value(scores, np.array([1.0, 0.5]), offered_ranks, sources) == 0.0 * 1.0 + 6.0 * 0.5
