"""LinUCB: its bound by hand, and features that decide which arm is best."""

import numpy as np

from bandits.__main__ import make_bandit
from bandits.arm_checks import played
from bandits.arms import LinUCB, Pull

ANGLES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.4, 0.4]])


def test_the_bound_by_hand() -> None:
    """After a reward of 0.5 at x = 1: mean 0.25, deviation sqrt(1/2); the other arm 0 and 1. Equal at width 0.854."""
    for width, expected in ((0.8, [1.0, 0.0]), (0.9, [0.0, 1.0])):
        bandit, x = LinUCB(2, features=1, width=width, floor=0.0), np.ones(1)
        bandit.learn_one(Pull(0, 0.5, 1.0, x))
        assert bandit.pmf(x).tolist() == expected


def test_regret_is_half_of_that_without_features() -> None:
    linear = played(make_bandit("lin_ucb", 4), 2_500, world=lambda n, x: ANGLES @ x)
    blind = played(make_bandit("thompson", 4), 2_500, world=lambda n, x: ANGLES @ x)
    assert linear[-1_000:].mean() < 0.5 * blind[-1_000:].mean()
