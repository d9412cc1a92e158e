"""Intervals, overlap and sums of groups."""

import numpy as np
import pytest

from bandits.ope import (
    Overlap,
    empirical_bernstein,
    group_sums,
)


def test_bernstein_holds_at_any_n_and_narrows() -> None:
    rng, wide = np.random.default_rng(6), []
    for n in (50, 5_000):
        inside = 0
        for _ in range(400):
            sample = (rng.random(n) < 0.1).astype(float)
            low, high = empirical_bernstein(sample, 0.0, 1.0)
            inside += low <= 0.1 <= high
        wide.append(high - low)
        assert inside >= 380
    assert wide[1] < wide[0] / 5
    with pytest.raises(ValueError, match=r"values must lie in \[0, 1\]; got 0 to 2"):
        empirical_bernstein(np.array([0.0, 2.0]), 0.0, 1.0)


def test_too_little_overlap_gives_a_warning() -> None:
    assert Overlap.of(np.ones(1_000)).warning() == ""
    assert "rests on 1 of 1000 decisions" in Overlap.of(np.array([1e9, *np.ones(999)])).warning()
    assert "less than 1%" in Overlap.of(np.array([*np.ones(150), *np.zeros(20_000)])).warning()
    assert Overlap.of(np.zeros(5)) == Overlap(5, 0.0, 0.0)


def test_sums_of_groups() -> None:
    values = np.arange(8.0).reshape(4, 2)
    assert group_sums(values, np.array([1, 0, 1, 1])).tolist() == [[2.0, 3.0], [10.0, 13.0]]
