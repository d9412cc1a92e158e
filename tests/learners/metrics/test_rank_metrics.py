"""Lists against the next item and against the rest of the session, by hand and by the published definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import RankMetrics
from learners.metrics.rank_metrics import next_item, rest_of_session

KS = np.array([2, 5, 20], np.int64)


def test_by_hand() -> None:
    metrics = RankMetrics(ks=(1, 3))
    for rank, listed in ((0, [5, 6, 7]), (2, [5, 8, 9]), (3, [1]), (-1, [])):
        metrics.update(rank, listed)
    assert metrics.report() == pytest.approx(
        {
            "events": 4,
            "distinct_items": 6,
            "hit_rate@1": 1 / 4,
            "mrr@1": 1 / 4,
            "ndcg@1": 1 / 4,
            "precision@1": 1 / 4,
            "hit_rate@3": 2 / 4,
            "mrr@3": (1 + 1 / 3) / 4,
            "ndcg@3": (1 + 1 / math.log2(4)) / 4,
            "precision@3": 2 / 12,
        }
    )


@given(st.lists(st.integers(-1, 30)))
def test_measures_keep_their_order(ranks: list[int]) -> None:
    metrics = RankMetrics()
    for rank in ranks:
        metrics.update(rank)
    report = metrics.report()
    for k in metrics.ks:
        assert 0 <= report[f"precision@{k}"] <= report[f"hit_rate@{k}"] <= 1
        assert report[f"mrr@{k}"] <= report[f"ndcg@{k}"] + 1e-12
        assert report[f"ndcg@{k}"] <= report[f"hit_rate@{k}"] + 1e-12
    assert report["hit_rate@5"] <= report["hit_rate@20"]


@given(st.lists(st.integers(-1, 30), min_size=1), st.sampled_from([1, 5, 20]))
def test_the_columns_sum_to_what_is_counted_one_by_one(ranks: list[int], k: int) -> None:
    metrics = RankMetrics((k,))
    for rank in ranks:
        metrics.update(rank)
    hits, reciprocal, gains = next_item(np.array(ranks, np.int16), k)
    report = metrics.report()
    found = [report[f"hit_rate@{k}"], report[f"mrr@{k}"], report[f"ndcg@{k}"]]
    assert [float(column.mean()) for column in (hits, reciprocal, gains)] == pytest.approx(found)


def test_the_rest_of_a_session_by_hand() -> None:
    """The list a x b; a b b c are left. Two of three are relevant; c is missed."""
    found = rest_of_session(np.array([1, 0, 1], np.uint8), 4, 3, np.array([1, 3, 10]))
    assert found[:, 0].tolist() == [1, 2, 2]
    assert found[:, 1].tolist() == pytest.approx([1.0, (1 + 2 / 3) / 3, (1 + 2 / 3) / 3])
    published = [0.0, 1 / 3 * 1 / 4, 1 / 10 * 1 / 4 + 2 / 10 * 1 / 4]
    assert found[:, 2].tolist() == pytest.approx(published), "at 3 the last place is not looked at, at 1 none is"


def published_map(listed: list[int], rest: list[int], k: int) -> float:
    """The definition of the published tables: precision / k at each cut below k, times the gain in recall."""
    total = last = 0.0
    for cut in range(k):
        found = len(set(rest) & set(listed[:cut]))
        recall = found / len(rest)
        total += found / k * (recall - last)
        last = recall
    return total


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_any_list_against_any_rest(listed: list[int], rest: list[int]) -> None:
    relevant = np.array([item in rest for item in listed], np.uint8)
    found = rest_of_session(relevant, len(rest), len(set(rest)), KS)
    for k, (hits, precision, published) in zip(KS.tolist(), found.tolist(), strict=True):
        assert hits == len(set(rest) & set(listed[:k]))
        precisions = [
            len(set(rest) & set(listed[: place + 1])) / (place + 1)
            for place, item in enumerate(listed[:k])
            if item in rest
        ]
        assert precision == pytest.approx(sum(precisions) / min(k, len(set(rest))), abs=1e-6)
        assert published == pytest.approx(published_map(listed, rest, k), abs=1e-6)
        assert 0 <= published <= 1
        assert math.isfinite(precision)
