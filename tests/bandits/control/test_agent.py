"""What every agent does: its TD error by hand, the end of an episode, snapshots, late feedback."""

import numpy as np
import pytest

from bandits.control import (
    AGENTS,
    Agent,
    DoubleQLearning,
    ExpectedSarsa,
    QLearning,
    Sarsa,
    SarsaLambda,
    Step,
    Table,
    Transition,
    WatkinsQ,
)

Q = np.array([[1.0, 2.0], [4.0, 8.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        # r = 1, discount 1/2, from q(0, 1) = 2 to state 1, where action 0 (worth 4) follows; drawn 3/4 : 1/4
        (QLearning, 1 + 0.5 * 8 - 2), (Sarsa, 1 + 0.5 * 4 - 2), (ExpectedSarsa, 1 + 0.5 * (0.75 * 4 + 0.25 * 8) - 2),
        (SarsaLambda, 1 + 0.5 * 4 - 2), (WatkinsQ, 1 + 0.5 * 8 - 2), (DoubleQLearning, 1 + 0.5 * 8 - 2),
    ],
)  # fmt: skip
def test_errors_and_updates_by_hand(kind: type[Agent], error: float) -> None:
    agent = kind(Table(3, 2, initial=Q), step_size=0.1)
    trail = (Step(2, 0, 0.5), Step(1, 1, 0.25))
    step = Transition(0, 1, 1.0, 0.5, 1, a_t=0, pmf_t=np.array([0.75, 0.25]), trail=trail)
    assert agent.learn_one(step) == pytest.approx(error)
    moved = Q.copy()
    moved[0, 1] += 0.1 * error
    if kind in (SarsaLambda, WatkinsQ):
        moved[2, 0] += 0.1 * error * 0.5
        moved[1, 1] += 0.1 * error * 0.25
    assert isinstance(agent.values, Table)
    assert agent.values.q == pytest.approx(moved)


@pytest.mark.parametrize("kind", AGENTS)
def test_the_end_of_an_episode_is_worth_nothing(kind: type[Agent]) -> None:
    agent = kind(Table(3, 2, initial=Q), step_size=1.0)
    assert agent.learn_one(Transition(0, 0, 5.0, 0.0, 1)) == 4.0


@pytest.mark.parametrize("kind", AGENTS)
def test_snapshots_hold_everything(kind: type[Agent]) -> None:
    def transition(n: int) -> Transition:
        return Transition(n % 3, n % 2, float(n), 0.5, (n + 1) % 3, 1, None, n % 7 / 7.0, (Step(n % 2, 0, 0.5),))

    agent, twin = kind(Table(3, 2)), kind(Table(3, 2))
    for n in range(20):
        agent.learn_one(transition(n))
    twin.restore({name: array.copy() for name, array in agent.state().items()})
    for n in range(20, 40):
        agent.learn_one(transition(n))
        twin.learn_one(transition(n))
    assert [array.tobytes() for array in agent.state().values()] == [a.tobytes() for a in twin.state().values()]


@pytest.mark.parametrize("kind", AGENTS)
def test_values_converge_with_late_shuffled_and_lost_feedback(kind: type[Agent]) -> None:
    """Two states that lead to each other; half of the transitions are lost, the others shuffled by hundreds."""
    rng, agent = np.random.default_rng(8), kind(Table(2, 2), epsilon=0.5, step_size=0.05)
    transitions = []
    for n in range(12_000):
        s, a, b = n % 2, int(rng.integers(2)), int(rng.integers(2))
        transitions.append(Transition(s, a, float(a == s), 0.5, 1 - s, b, np.array([0.5, 0.5]), rng.random()))
    kept = [transition for transition in transitions if rng.random() < 0.5]
    for start in range(0, len(kept), 300):
        for place in rng.permutation(len(kept[start : start + 300])):
            agent.learn_one(kept[start + place])
    for s in (0, 1):
        assert agent.action_values(s)[s] - agent.action_values(s)[1 - s] == pytest.approx(1.0, abs=0.15)
