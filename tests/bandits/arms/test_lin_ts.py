"""LinTS: its probabilities by hand, and features that decide which arm is best."""

import math

import numpy as np
import pytest

from bandits.__main__ import make_bandit
from bandits.arm_checks import played
from bandits.arms import LinTS, Pull

ANGLES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.4, 0.4]])


def test_probabilities_by_hand() -> None:
    """After a reward of 0.5 at x = 1 the arms are N(0.25, 1/2) and N(0, 1): the first is greater with Phi(0.204)."""
    bandit, x = LinTS(2, features=1, floor=0.0), np.ones(1)
    assert bandit.pmf(x).tolist() == pytest.approx([0.5, 0.5])
    bandit.learn_one(Pull(0, 0.5, 1.0, x))
    assert bandit.pmf(x)[0] == pytest.approx(0.5 * math.erfc(-0.25 / math.sqrt(1.5) / math.sqrt(2)), abs=1e-4)


def test_regret_is_half_of_that_without_features() -> None:
    linear = played(make_bandit("lin_ts", 4), 2_500, world=lambda n, x: ANGLES @ x)
    blind = played(make_bandit("thompson", 4), 2_500, world=lambda n, x: ANGLES @ x)
    assert linear[-1_000:].mean() < 0.5 * blind[-1_000:].mean()
