"""Softmax by hand."""

import math

import pytest

from bandits.arms import Pull, Softmax


def test_probabilities_by_hand() -> None:
    softmax = Softmax(2, temperature=0.5, floor=0.0)
    softmax.learn_one(Pull(1, 1.0, 0.5))
    assert softmax.pmf()[1] == pytest.approx(math.exp(2.0) / (1.0 + math.exp(2.0)))


def test_large_levels_do_not_overflow() -> None:
    softmax = Softmax(2, temperature=0.001, floor=0.1)
    softmax.learn_one(Pull(0, 1_000.0, 0.5))
    assert softmax.pmf().tolist() == pytest.approx([0.95, 0.05])


def test_a_temperature_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be above 0; got 0"):
        Softmax(2, temperature=0.0)
