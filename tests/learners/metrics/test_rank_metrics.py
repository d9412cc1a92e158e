import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import LogLoss, RankMetrics


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


def test_log_loss_by_hand() -> None:
    loss = LogLoss()
    assert loss.get() == 0.0
    loss.update(0.25, True, weight=3.0)
    loss.update(0.5, False)
    assert loss.get() == pytest.approx((3 * math.log(4) + math.log(2)) / 4)
    loss.update(0.0, True)
    assert math.isfinite(loss.get())
