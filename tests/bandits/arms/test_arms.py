"""Bandits: probabilities that can be worked out, worlds whose best arm is known, feedback as it comes."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.__main__ import make_bandit
from bandits.arm_checks import FEATURES, played
from bandits.arms import (
    BANDITS,
    UCB,
    Arms,
    BernoulliThompson,
    EpsilonGreedy,
    Exp3,
    GaussianThompson,
    LinTS,
    LinUCB,
    Pull,
    Softmax,
    best_of_normals,
)

Floats = NDArray[np.float64]


def make(name: str, arms: int = 4) -> Arms:
    return make_bandit(name, arms)


def test_probabilities_of_normals_are_right() -> None:
    """Two of them by their difference; three against a million draws, by 5 standard errors."""
    two = best_of_normals(np.array([0.3, 0.1]), np.array([0.5, 0.2]))
    assert two[0] == pytest.approx(0.5 * math.erfc(-0.2 / math.sqrt(0.29) / math.sqrt(2)), abs=1e-4)
    means, deviations = np.array([0.0, 0.5, 0.2]), np.array([1.0, 0.1, 0.6])
    drawn = np.random.default_rng(1).normal(means, deviations, (1_000_000, 3)).argmax(axis=1)
    assert best_of_normals(means, deviations) == pytest.approx(np.bincount(drawn) / 1e6, abs=5 * 0.0005)


def test_probabilities_of_betas_are_right() -> None:
    """Beta(2, 1) is above Beta(1, 2) with probability 5/6; with one more arm against a million draws."""
    bandit = BernoulliThompson(2, floor=0.0)
    bandit.learn_one(Pull(0, 1.0, 0.5))
    bandit.learn_one(Pull(1, 0.0, 0.5))
    assert bandit.pmf() == pytest.approx([5 / 6, 1 / 6], abs=1e-4)
    bandit.add_arm()
    drawn = np.random.default_rng(2).beta([2, 1, 1], [1, 2, 1], (1_000_000, 3)).argmax(axis=1)
    assert bandit.pmf() == pytest.approx(np.bincount(drawn) / 1e6, abs=0.0026)


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
    assert LinTS(2, features=FEATURES).pmf(x).tolist() == pytest.approx([0.5, 0.5])


FIXED = np.array([0.2, 0.5, 0.8, 0.3])
ANGLES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.4, 0.4]])


@pytest.mark.parametrize("late", [0, 50])
@pytest.mark.parametrize("name", list(BANDITS))
def test_the_best_arm_is_found(name: str, late: int) -> None:
    """Uniform plays miss 0.35 a play; what is left at the end is little more than the floor."""
    missed = played(make(name), 2_500, late=late, world=lambda n, x: FIXED)
    assert missed[-800:].mean() < (0.17 if name == "exp3" else 0.1)


@pytest.mark.parametrize("name", ["lin_ucb", "lin_ts"])
def test_features_matter(name: str) -> None:
    linear = played(make(name), 2_500, world=lambda n, x: ANGLES @ x)
    blind = played(make("thompson"), 2_500, world=lambda n, x: ANGLES @ x)
    assert linear[-1_000:].mean() < 0.5 * blind[-1_000:].mean()


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


def test_features_must_fit() -> None:
    with pytest.raises(ValueError, match=r"needs x of shape \(3,\); got none"):
        make("lin_ts").pmf()
    with pytest.raises(ValueError, match=r"got \(2,\)"):
        make("lin_ucb").learn_one(Pull(0, 1.0, 0.5, np.zeros(2)))
