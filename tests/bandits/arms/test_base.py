"""Bandits by hand, in worlds whose best arm is known, and with feedback that is late."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.__main__ import make_bandit
from bandits.arm_checks import played
from bandits.arms import (
    BANDITS,
    UCB,
    Arms,
    EpsilonGreedy,
    Exp3,
    GaussianThompson,
    Pull,
    Softmax,
)

Floats = NDArray[np.float64]


def test_hand_computed_choices() -> None:
    ucb = UCB(2, floor=0.0)
    for arm, reward in ((0, 0.6), (1, 0.5), (0, 0.6), (0, 0.6)):
        ucb.learn_one(Pull(arm, reward, 0.5))
    # 0.6 + sqrt(2 ln 4 / 3) = 1.561; 0.5 + sqrt(2 ln 4 / 1) = 2.165
    assert ucb.pmf().tolist() == [0.0, 1.0]
    softmax = Softmax(2, temperature=0.5, floor=0.0)
    softmax.learn_one(Pull(1, 1.0, 0.5))
    assert softmax.pmf()[1] == pytest.approx(math.exp(2.0) / (1.0 + math.exp(2.0)))
    exp3 = Exp3(2, floor=0.2)
    exp3.learn_one(Pull(0, 1.0, 0.25))
    weight = math.exp(0.2 * 4.0 / 2)  # gamma x (r / p) / arms
    assert exp3.pmf()[0] == pytest.approx(0.8 * weight / (1.0 + weight) + 0.1)
    greedy = EpsilonGreedy(3, floor=0.3)
    greedy.learn_one(Pull(0, 1.0, 1.0))
    assert greedy.pmf().round(9).tolist() == [0.1, 0.8, 0.1]  # the first that was never played


def make(name: str, arms: int = 4) -> Arms:
    return make_bandit(name, arms)


FIXED = np.array([0.2, 0.5, 0.8, 0.3])


@pytest.mark.parametrize("late", [0, 50])
@pytest.mark.parametrize("name", list(BANDITS))
def test_the_best_arm_is_found(name: str, late: int) -> None:
    """Uniform plays miss 0.35 a play; what is left at the end is little more than the floor."""
    missed = played(make(name), 2_500, late=late, world=lambda n, x: FIXED)
    assert missed[-800:].mean() < (0.17 if name == "exp3" else 0.1)


def test_what_drifts_is_followed_by_those_that_forget_nothing_but_explore() -> None:
    missed = played(make("exp3"), 4_000, world=lambda n, x: FIXED if n < 600 else FIXED[::-1].copy())
    assert missed[-500:].mean() < 0.2


@pytest.mark.parametrize("name", list(BANDITS))
def test_arms_join_at_any_time(name: str) -> None:
    bandit = make(name, 2)
    played(bandit, 300, world=lambda n, x: FIXED[:2])
    assert bandit.add_arm() == 2
    missed = played(bandit, 2_500, seed=1, world=lambda n, x: FIXED[:3])
    assert missed[-600:].mean() < 0.15


@pytest.mark.parametrize("kind", [GaussianThompson, Softmax, UCB])
def test_wrong_pulls_are_refused(kind: type[Arms]) -> None:
    with pytest.raises(ValueError, match=r"arm must be in \[0, 2\) and propensity in \(0, 1\]; got 2, 0.5"):
        kind(2).learn_one(Pull(2, 1.0, 0.5))
    with pytest.raises(ValueError, match="got 0, 0"):
        kind(2).learn_one(Pull(0, 1.0, 0.0))
    with pytest.raises(ValueError, match="needs an arm and a floor"):
        kind(0)
