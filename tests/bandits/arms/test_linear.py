"""Estimates of linear bandits: ridge regression."""

import math

import numpy as np
import pytest

from bandits.__main__ import make_bandit
from bandits.arm_checks import FEATURES
from bandits.arms import (
    Arms,
    LinUCB,
    Pull,
)


def make(name: str, arms: int = 4) -> Arms:
    return make_bandit(name, arms)


def test_linear_beliefs_are_ridge_regression() -> None:
    rng, bandit = np.random.default_rng(3), LinUCB(2, features=FEATURES)
    xs, rewards = rng.normal(size=(40, FEATURES)), rng.normal(size=40)
    for x, reward in zip(xs, rewards, strict=True):
        bandit.learn_one(Pull(1, float(reward), 0.5, x))
    gram = np.eye(FEATURES) + xs.T @ xs
    x = rng.normal(size=FEATURES)
    means, deviations = bandit.predictions(x)
    assert means.tolist() == pytest.approx([0.0, float(x @ np.linalg.solve(gram, xs.T @ rewards))])
    assert deviations.tolist() == pytest.approx([math.sqrt(x @ x), math.sqrt(x @ np.linalg.solve(gram, x))])


def test_features_must_fit() -> None:
    with pytest.raises(ValueError, match=r"needs x of shape \(3,\); got none"):
        make("lin_ts").pmf()
    with pytest.raises(ValueError, match=r"got \(2,\)"):
        make("lin_ucb").learn_one(Pull(0, 1.0, 0.5, np.zeros(2)))
