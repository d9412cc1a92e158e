"""Matched sums and the belief in a difference, computed by hand."""

import math

import numpy as np
import pytest

from bandits.slates.disagreement.matched_sums import add_slot, believed_difference, observed_difference, shrink

PRIOR = (0.1, 0.05, 0.6)


def test_sums_by_hand() -> None:
    side = np.array([3.0, 6.0, 1.0])  # mean 0.5, trusted
    error = add_slot(side, 0.5, 2.0, 100.0, 0.1)
    assert error == 2.0 - 0.5 * 0.5
    assert side.tolist() == [3.0 + 1.0, 6.25, 1.0 + 0.25 * 1.75**2]


def test_a_young_cell_uses_the_prior_value() -> None:
    assert add_slot(np.array([3.0, 5.0, 1.0]), 1.0, 2.0, 100.0, 0.1) == 1.9


def test_a_full_cell_forgets() -> None:
    side = np.array([50.0, 200.0, 10.0])
    add_slot(side, 1.0, 0.0, 100.0, 0.1)
    assert side.tolist() == pytest.approx([0.99 * 50.0, 0.99 * 200.0 + 1.0, 0.99 * 10.0 + 0.25**2])


def test_observed_difference_by_hand() -> None:
    cell = np.array([[4.0, 10.0, 1.4], [3.0, 20.0, 8.0]])
    assert observed_difference(cell, 0.6) == pytest.approx((0.4 - 0.15, 2.0 / 100 + 8.0 / 400))


def test_one_side_alone_keeps_the_prior() -> None:
    empty, cell = np.zeros((2, 3)), np.array([[4.0, 10.0, 1.4], [0.0, 0.0, 0.0]])
    for pooled in (empty, cell):
        mean, variance = believed_difference(cell, pooled, PRIOR)
        assert mean == 0.0
        assert variance == pytest.approx(0.1**2 + 0.05**2)


def test_belief_is_shrunk_twice() -> None:
    pooled = np.array([[4.0, 10.0, 1.4], [3.0, 20.0, 8.0]])
    cell = np.array([[1.0, 4.0, 0.2], [1.0, 5.0, 0.5]])
    m_pooled, v_pooled = shrink(0.0, 0.01, 0.25, 0.04)
    assert (m_pooled, v_pooled) == pytest.approx((0.05, 0.008))
    expected = shrink(0.05, 0.0105, 0.05, 0.8 / 16 + 0.5 / 25)
    assert believed_difference(cell, pooled, PRIOR) == pytest.approx(expected)


def test_infinite_variance_keeps_the_prior() -> None:
    assert shrink(0.3, 0.2, 9.0, math.inf) == (0.3, 0.2)
