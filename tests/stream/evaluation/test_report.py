"""Measures of a journal with four steps, by hand."""

import math
from typing import Any

import numpy as np
import pytest

from stream.evaluation.journal import Coming, Journal, Steps, Use
from stream.evaluation.protocol import Visit
from stream.evaluation.report import WINDOW_STEPS, WINDOWS, Measured, report

IDS = ["a", "b", "c"]


def measured(ranks: dict[str, list[int]], *, categorised: bool = False) -> Measured:
    """Steps of two users, each on item 0, known to the user from the second on; ranks of item 0 in lists of two."""
    steps, use = Steps(), Use()
    use.add(0)
    journals = {name: Journal((1, 2)) for name in ranks}
    for n in range(len(next(iter(ranks.values())))):
        steps.add("uv"[n % 2], float(n), 2.0, 1, seen=n > 0)
        steps.losses[-1], steps.candidates[-1] = 0.5, 2
        for name, journal in journals.items():
            items = {0: [0, 1], 1: [1, 0], -1: [1, 2]}[ranks[name][n]]
            coming = Coming(0, Visit({"a": 0}, [1]), 0, IDS)
            journal.add(np.array(items, np.int32), coming, use, np.zeros(3, np.int32))
    return Measured((1, 2), steps, journals, 3, categorised, "seed")


def test_means_over_the_steps() -> None:
    found = report(measured({"engine": [0, 1, -1, 1]}), 0, [])["learners"]["engine"]
    expected = {
        "hit_rate@1": 1 / 4, "hit_rate@2": 3 / 4, "mrr@2": 2 / 4, "ndcg@2": (1 + 2 / math.log2(3)) / 4,
        "precision@2": 3 / 8, "recall@2": 3 / 4, "f1@2": 2 / 4, "reward_per_step": 6 / 4, "coverage": 1.0,
        "rest_recall@2": 3 / 4,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert (found["new"]["events"], found["new"]["hit_rate@2"]) == (1, 1.0)
    assert (found["seen"]["events"], found["seen"]["hit_rate@2"]) == (3, pytest.approx(2 / 3))
    assert "intervals" not in found


def test_diversity_needs_categories() -> None:
    for categorised in (True, False):
        found = report(measured({"engine": [0]}, categorised=categorised), 0, [])["learners"]["engine"]
        assert ("diversity" in found) == categorised


def test_a_pair_is_compared_on_the_steps_where_one_hits() -> None:
    ranks = {"engine": [0, 1, 0, -1], "popularity": [-1, 1, -1, 0]}
    (found,) = report(measured(ranks), 50, [("engine", "popularity")])["comparisons"]
    assert (found["first"], found["second"], found["k"]) == ("engine", "popularity", 2)
    assert found["mcnemar"] == {"only_first": 2, "only_second": 1, "p_value": 1.0}
    difference, low, high = found["differences"]["hit_rate@2"]
    assert difference == pytest.approx(1 / 4)
    assert low <= difference <= high


def test_equal_steps_have_intervals_of_width_zero() -> None:
    found = report(measured({"engine": [1] * 8}), 50, [])["learners"]["engine"]["intervals"]
    assert found["hit_rate@2"] == [1.0, 1.0]
    assert found["mrr@2"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("steps", "windows"),
    [(1, 1), (WINDOW_STEPS, 1), (3 * WINDOW_STEPS, 3), (2 * WINDOWS * WINDOW_STEPS, WINDOWS)],
)
def test_a_curve_has_windows_of_enough_steps(steps: int, windows: int) -> None:
    half = steps // 2
    curve: dict[str, Any] = report(measured({"engine": [0] * half + [-1] * (steps - half)}), 0, [])["curve"]
    assert (len(curve["steps"]), sum(curve["steps"])) == (windows, steps)
    assert (curve["from"][0], curve["to"][-1]) == (0.0, steps - 1.0)
    assert curve["click_log_loss"] == [0.25] * windows
    mean = sum(rate * count for rate, count in zip(curve["hit_rate"]["engine"], curve["steps"], strict=True)) / steps
    assert mean == pytest.approx(half / steps)


def test_no_steps_give_zeros_and_no_curve() -> None:
    empty = Measured((1, 2), Steps(), {"engine": Journal((1, 2))}, 0, False, "seed")
    found = report(empty, 20, [])
    assert (found["learners"]["engine"]["hit_rate@2"], found["curve"]["steps"]) == (0.0, [])
