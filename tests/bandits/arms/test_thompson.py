"""Probabilities of Thompson sampling for rewards of 0 and 1."""

import numpy as np
import pytest

from bandits.arms import (
    BernoulliThompson,
    Pull,
)


def test_probabilities_of_betas_are_right() -> None:
    """Beta(2, 1) is above Beta(1, 2) with probability 5/6; with one more arm against a million draws."""
    bandit = BernoulliThompson(2, floor=0.0)
    bandit.learn_one(Pull(0, 1.0, 0.5))
    bandit.learn_one(Pull(1, 0.0, 0.5))
    assert bandit.pmf() == pytest.approx([5 / 6, 1 / 6], abs=1e-4)
    bandit.add_arm()
    drawn = np.random.default_rng(2).beta([2, 1, 1], [1, 2, 1], (1_000_000, 3)).argmax(axis=1)
    assert bandit.pmf() == pytest.approx(np.bincount(drawn) / 1e6, abs=0.0026)
