"""Every bandit in worlds whose best arm is known, with late feedback, new arms and wrong pulls."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.__main__ import make_bandit
from bandits.arm_checks import played
from bandits.arms import (
    BANDITS,
    UCB,
    Arms,
    GaussianThompson,
    Pull,
    Softmax,
)

Floats = NDArray[np.float64]


def make(name: str, arms: int = 4) -> Arms:
    return make_bandit(name, arms)


FIXED = np.array([0.2, 0.5, 0.8, 0.3])


@pytest.mark.parametrize("late", [0, 50])
@pytest.mark.parametrize("name", list(BANDITS))
def test_the_best_arm_is_found(name: str, late: int) -> None:
    """Uniform plays miss 0.35 a play; what is left at the end is little more than the floor."""
    missed = played(make(name), 2_500, late=late, world=lambda n, x: FIXED)
    assert missed[-800:].mean() < (0.17 if name == "exp3" else 0.1)


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
