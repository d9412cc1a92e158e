"""Probabilities that a normal variable is the greatest."""

import math

import numpy as np
import pytest

from bandits.arms import (
    best_of_normals,
)


def test_probabilities_of_normals_are_right() -> None:
    """Two of them by their difference; three against a million draws, by 5 standard errors."""
    two = best_of_normals(np.array([0.3, 0.1]), np.array([0.5, 0.2]))
    assert two[0] == pytest.approx(0.5 * math.erfc(-0.2 / math.sqrt(0.29) / math.sqrt(2)), abs=1e-4)
    means, deviations = np.array([0.0, 0.5, 0.2]), np.array([1.0, 0.1, 0.6])
    drawn = np.random.default_rng(1).normal(means, deviations, (1_000_000, 3)).argmax(axis=1)
    assert best_of_normals(means, deviations) == pytest.approx(np.bincount(drawn) / 1e6, abs=5 * 0.0005)
