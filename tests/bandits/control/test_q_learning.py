"""Q-learning in the gridworlds of Sutton and Barto, and a chain where foresight pays."""

import numpy as np
import pytest

from bandits import draw
from bandits.control import QLearning, Table, Transition
from tests.support.gridworlds import cliff, windy_lengths


def test_cliff_walking() -> None:
    """Example 6.6: it learns the path along the edge. Mean return of many runs: -49.8."""
    mean, lengths = cliff(QLearning)
    assert mean == pytest.approx(-49.8, abs=4.0)
    assert lengths[1] == 13, lengths


def test_windy_gridworld() -> None:
    """The shortest path is found; the greedy one is a little longer later on, since it explores."""
    lengths = windy_lengths(QLearning, decay=0.0)
    assert min(lengths) == 15
    assert float(np.median(lengths[10:])) <= 20


def test_foresight_pays_in_a_chain() -> None:
    """Now 1 and the end, or now 0 and then 3: greedy rewards alone choose the first, values the second."""
    for discount, best in ((0.0, 0), (0.9, 1)):
        agent, rng = QLearning(Table(3, 2), epsilon=0.2, step_size=0.1), np.random.default_rng(5)
        for _ in range(2_000):
            a = draw(agent.pmf(0), rng.random())
            agent.learn_one(Transition(0, a, 1.0 - a, discount * a, 1 if a else 2))
            if a:
                agent.learn_one(Transition(1, draw(agent.pmf(1), rng.random()), 3.0, 0.0, 2))
        assert int(agent.action_values(0).argmax()) == best
        assert agent.action_values(0)[1] == pytest.approx(3.0 * discount, abs=0.05)
