"""Generated shoppers and items."""

import numpy as np
import pytest

from bandits.worlds import Tastes
from bandits.worlds.tastes import habits, rng_of


def test_shoppers_like_three_categories() -> None:
    tastes = Tastes.generated("shape", users=500, items=300, categories=10)
    assert tastes.taste.shape == (500, 10)
    top = np.sort(tastes.taste, axis=1)
    assert top[:, -3:].mean() - top[:, :-3].mean() == pytest.approx(1.5 + 0.1, abs=0.2)
    assert (tastes.sub // 5 == tastes.category).all()
    assert set(tastes.category.tolist()) == set(range(10))


def test_habits_are_probabilities() -> None:
    """Buyers are Beta(1, 9), mean 0.1 and variance 9 / 1100; of the rest a quarter are clicks."""
    chances = habits(rng_of("habits"), 4_000)
    assert chances.sum(axis=1) == pytest.approx(np.ones(4_000))
    assert abs(chances[:, 2].mean() - 0.1) < 4.5 * np.sqrt(9 / 1100 / 4_000)
    assert chances[:, 0] == pytest.approx(3.0 * chances[:, 1])


def test_random_streams_depend_on_their_name() -> None:
    assert rng_of("a").random() == rng_of("a").random() != rng_of("b").random()
