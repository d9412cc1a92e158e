"""Intervals and tests with values known beforehand."""

import math

import numpy as np
import pytest

from learners.metrics.significance import interval, mcnemar, resampled_means


def hits(only_first: int, only_second: int, both: int = 3) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * only_first + [False] * only_second + [True] * both + [False] * both
    second = [False] * only_first + [True] * only_second + [True] * both + [False] * both
    return np.array(first), np.array(second)


def test_mcnemar_exact_by_hand() -> None:
    """Of 10 coins at most 2 heads, twice: 2 (1 + 10 + 45) / 1024."""
    assert mcnemar(*hits(8, 2)) == (8, 2, 112 / 1024)
    assert mcnemar(*hits(2, 8)).p_value == 112 / 1024
    assert mcnemar(*hits(5, 0)).p_value == 2 / 32
    assert mcnemar(*hits(1, 0)).p_value == 1.0


def test_equal_learners_do_not_differ_significantly() -> None:
    assert mcnemar(*hits(0, 0)).p_value == 1.0
    assert mcnemar(*hits(700, 700)).p_value == 1.0


def test_mcnemar_of_many_is_chi_square() -> None:
    """b = 600, c = 500: 99² / 1100 = 8.91, of which chi-square's tail is .00284."""
    found = mcnemar(*hits(600, 500))
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(8.91 / 2)))
    assert found.p_value == pytest.approx(0.00284, abs=1e-5)
    exact = 2 * sum(math.comb(1000, k) for k in range(451)) / 2**1000
    assert mcnemar(*hits(550, 450)).p_value == exact, "up to 1,000 it is exact"
    assert mcnemar(*hits(551, 450)).p_value == pytest.approx(exact, rel=0.1), "and there is no jump"


def test_the_mean_of_one_user_is_certain() -> None:
    means = resampled_means(np.array([[3.0, 1.0]]), np.array([4.0]), 50, "s")
    assert np.unique(means, axis=0).tolist() == [[0.75, 0.25]]


def test_two_users_are_resampled_as_two_coin_tosses() -> None:
    """Both once with probability ½, one of them twice with ¼ each; users weigh by their steps."""
    means = resampled_means(np.array([[0.0], [3.0]]), np.array([1.0, 3.0]), 4000, "coins")[:, 0]
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [0.0, 0.75, 1.0]
    deviation = math.sqrt(4000 * 0.25 * 0.75)
    assert abs(counts[0] - 1000) < 4 * deviation
    assert abs(counts[2] - 1000) < 4 * deviation


def test_the_same_seed_draws_the_same_for_every_learner() -> None:
    rng = np.random.default_rng(1)
    sums, counts = rng.random((200, 2)), np.full(200, 5.0)
    together = resampled_means(sums, counts, 100, "s")
    apart = np.column_stack([resampled_means(sums[:, [n]], counts, 100, "s")[:, 0] for n in range(2)])
    assert (together == apart).all()
    assert not (together == resampled_means(sums, counts, 100, "t")).all()
    assert (resampled_means(sums + 1.0, counts, 100, "s") - together).std() < 1e-6, "a constant gain is certain"


def test_order_of_addition_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    sums, counts = rng.random((300, 3)), rng.integers(1, 9, 300).astype(float)
    assert (resampled_means(np.asfortranarray(sums), counts, 70, "s") == resampled_means(sums, counts, 70, "s")).all()


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    """A share p of n users has the standard deviation sqrt(p (1 - p) / n)."""
    n, p = 400, 0.25
    sums = np.zeros((n, 1))
    sums[: int(n * p)] = 1.0
    low, high = interval(resampled_means(sums, np.ones(n), 2000, "width"))[:, 0]
    width = 2 * 1.96 * math.sqrt(p * (1 - p) / n)
    assert high - low == pytest.approx(width, rel=0.1)
    assert (low + high) / 2 == pytest.approx(p, abs=0.01)


def test_steps_of_one_user_count_as_one_draw() -> None:
    """Ten users who always or never hit: 1,000 steps, but an interval as of ten."""
    sums = np.array([[100.0]] * 5 + [[0.0]] * 5)
    low, high = interval(resampled_means(sums, np.full(10, 100.0), 2000, "clusters"))[:, 0]
    assert high - low > 0.5


def test_nothing_counted_is_a_mean_of_zero() -> None:
    assert resampled_means(np.zeros((3, 1)), np.zeros(3), 5, "s").tolist() == [[0.0]] * 5
