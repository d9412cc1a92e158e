"""Exp3: its weights by hand, and a drift that it follows."""

import math

import numpy as np
import pytest

from bandits.arm_checks import played
from bandits.arms import Exp3, Pull

FIXED = np.array([0.2, 0.5, 0.8, 0.3])


def test_probabilities_by_hand() -> None:
    exp3 = Exp3(2, floor=0.2)
    exp3.learn_one(Pull(0, 1.0, 0.25))
    weight = math.exp(0.2 * 4.0 / 2)  # gamma x (r / p) / arms
    assert exp3.pmf()[0] == pytest.approx(0.8 * weight / (1.0 + weight) + 0.1)


def test_a_new_arm_starts_at_the_mean_weight() -> None:
    exp3 = Exp3(2, floor=0.2)
    exp3.learn_one(Pull(0, 1.0, 0.25))
    weight = math.exp(0.2 * 4.0 / 2)
    assert exp3.add_arm() == 2
    assert exp3.pmf() == pytest.approx(
        0.8 * np.array([weight, 1.0, (weight + 1.0) / 2]) / (1.5 * (weight + 1)) + 0.2 / 3
    )


def test_a_drift_is_followed() -> None:
    """The best arm becomes the second worst at play 600; uniform plays miss 0.35 a play."""
    missed = played(Exp3(4), 4_000, world=lambda n, x: FIXED if n < 600 else FIXED[::-1].copy())
    assert missed[-500:].mean() < 0.2


def test_a_floor_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="the floor is its gamma and must be above 0; got 0"):
        Exp3(2, floor=0.0)
