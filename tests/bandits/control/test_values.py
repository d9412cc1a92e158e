"""A table and a linear function of one-hot features are the same values."""

import numpy as np
import pytest

from bandits.control import AGENTS, Agent, Linear, Step, Table, Transition


@pytest.mark.parametrize("kind", AGENTS)
def test_one_hot_features_are_a_table(kind: type[Agent]) -> None:
    table, linear = kind(Table(3, 2)), kind(Linear(3, 2))
    rng, one = np.random.default_rng(1), np.eye(3)
    for _ in range(200):
        s, t, a, b = (int(n) for n in rng.integers(0, [3, 3, 2, 2]))
        r, coin = float(rng.normal()), float(rng.random())
        first = table.learn_one(Transition(s, a, r, 0.9, t, b, None, coin, (Step(t, b, 0.5),)))
        second = linear.learn_one(Transition(one[s], a, r, 0.9, one[t], b, None, coin, (Step(one[t], b, 0.5),)))
        assert first == pytest.approx(second)
        assert table.pmf(s) == pytest.approx(linear.pmf(one[s]))
