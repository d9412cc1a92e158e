"""SARSA(lambda): the windy gridworld, and a corridor whose only reward is at its end."""

import numpy as np

from bandits.control import Agent, Sarsa, SarsaLambda, Step, Table, Transition, extended
from tests.support.gridworlds import windy_lengths


def test_windy_gridworld() -> None:
    """The shortest path is found; the greedy one is a little longer later on, since it explores."""
    lengths = windy_lengths(SarsaLambda, decay=0.8)
    assert min(lengths) == 15
    assert float(np.median(lengths[10:])) <= 20


def test_traces_learn_a_long_corridor_sooner() -> None:
    """Reward at the end of 15 cells alone: one step of learning an episode without traces, many with them."""

    def first_value(kind: type[Agent], decay: float) -> float:
        agent = kind(Table(16, 1), step_size=0.5)
        for _ in range(3):
            trail: tuple[Step, ...] = ()
            for s in range(15):
                agent.learn_one(Transition(s, 0, float(s == 14), 0.0 if s == 14 else 1.0, s + 1, trail=trail))
                trail = extended(trail, s, 0, decay)
        assert isinstance(agent.values, Table)
        return float(agent.values.q[5, 0])

    assert first_value(Sarsa, 0.0) == 0.0
    assert first_value(SarsaLambda, 0.9) > 0.3
