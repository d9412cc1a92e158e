"""TD control against textbooks: errors by hand, cliff walking, windy gridworld, maximisation bias, a chain."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import draw
from bandits.control import (
    AGENTS,
    Agent,
    DoubleQLearning,
    ExpectedSarsa,
    Linear,
    QLearning,
    Sarsa,
    SarsaLambda,
    Step,
    Table,
    Transition,
    WatkinsQ,
    extended,
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
def test_features_of_one_state_each_are_a_table(kind: type[Agent]) -> None:
    table, linear = kind(Table(3, 2)), kind(Linear(3, 2))
    rng, one = np.random.default_rng(1), np.eye(3)
    for _ in range(200):
        s, t, a, b = (int(n) for n in rng.integers(0, [3, 3, 2, 2]))
        r, coin = float(rng.normal()), float(rng.random())
        first = table.learn_one(Transition(s, a, r, 0.9, t, b, None, coin, (Step(t, b, 0.5),)))
        second = linear.learn_one(Transition(one[s], a, r, 0.9, one[t], b, None, coin, (Step(one[t], b, 0.5),)))
        assert first == pytest.approx(second)
        assert table.pmf(s) == pytest.approx(linear.pmf(one[s]))


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


def test_a_trail_is_bounded_and_can_be_cut() -> None:
    trail: tuple[Step, ...] = ()
    for n in range(100):
        trail = extended(trail, n, 0, 0.9, most=20)
    assert [step.s for step in trail] == list(range(99, 79, -1))
    assert trail[-1].weight == pytest.approx(0.9**20)
    assert len(extended(trail, 7, 1, 0.5, least=0.1)) == 16  # 0.5 x 0.9^n is 0.1 or more up to n = 15
    assert extended(trail, 7, 1, 0.5, cut=True) == ()


def play(
    agent: Agent, reset: Callable[[], int], step: Callable[[int], tuple[int, float, bool]], rng: np.random.Generator,
    most: int = 10_000, decay: float = 0.0,
) -> float:  # fmt: skip
    """One episode; returns the sum of its rewards."""
    s, total = reset(), 0.0
    trail: tuple[Step, ...] = ()
    a = draw(agent.pmf(s), rng.random())
    for _ in range(most):
        t, r, ended = step(a)
        total += r
        pmf = agent.pmf(t)
        b = draw(pmf, rng.random())
        agent.learn_one(Transition(s, a, r, 0.0 if ended else 1.0, t, b, pmf, rng.random(), trail))
        if ended:
            break
        if decay:
            trail = extended(
                trail, s, a, decay, cut=agent.name == "watkins_q" and b != int(agent.values.of(t).argmax())
            )
        s, a = t, b
    return total


def gym(name: str) -> tuple[Callable[[], int], Callable[[int], tuple[int, float, bool]]]:
    world = gymnasium.make(name, max_episode_steps=20_000)

    def step(a: int) -> tuple[int, float, bool]:
        t, r, terminated, truncated, _ = world.step(a)
        return int(t), float(r), bool(terminated or truncated)

    return lambda: int(world.reset(seed=0)[0]), step


def greedy_path(q: NDArray[Any], step: Callable[[int], tuple[int, float, bool]], reset: Callable[[], int]) -> list[int]:
    s, path = reset(), []
    for _ in range(100):
        s, _, ended = step(int(q[s].argmax()))
        path.append(s)
        if ended:
            break
    return path


def test_cliff_walking() -> None:
    """Example 6.6: SARSA learns the safe path and falls less while it explores; Q-learning the path along the edge.

    At epsilon 0.1 and step size 0.5, means over many runs of episodes 101-500: -27.5 (SARSA), -49.8 (Q-learning), -21.0
    (Expected SARSA). Four runs of each are within 4 of it; a rule that is swapped for another is not.
    """
    expected = {"sarsa": -27.5, "q_learning": -49.8, "expected_sarsa": -21.0}
    reset, step = gym("CliffWalking-v1")
    for kind in (Sarsa, QLearning, ExpectedSarsa):
        returns, paths = [], []
        for run in range(4):
            agent, rng = kind(Table(48, 4), epsilon=0.1, step_size=0.5), np.random.default_rng(run)
            returns.append(np.mean([play(agent, reset, step, rng) for _ in range(500)][100:]))
            assert isinstance(agent.values, Table)
            paths.append(greedy_path(agent.values.q, step, reset))
        assert np.mean(returns) == pytest.approx(expected[kind.name], abs=4.0), kind.name
        lengths = sorted(len(path) for path in paths)
        assert lengths[1] == 13 if kind is QLearning else lengths[1] >= 15, (kind.name, lengths)


WIND = (0, 0, 0, 1, 1, 1, 2, 2, 1, 0)


class Windy:
    """Example 6.5: a grid of 7 x 10 whose columns blow upwards; from (3, 0) to (3, 7) in 15 steps at best."""

    def reset(self) -> int:
        self.row, self.column = 3, 0
        return 30

    def step(self, a: int) -> tuple[int, float, bool]:
        down, right = ((-1, 0), (0, 1), (1, 0), (0, -1))[a]
        row = self.row + down - WIND[self.column]
        self.row, self.column = min(max(row, 0), 6), min(max(self.column + right, 0), 9)
        return 10 * self.row + self.column, -1.0, (self.row, self.column) == (3, 7)


@pytest.mark.parametrize(("kind", "decay"), [(Sarsa, 0.0), (QLearning, 0.0), (SarsaLambda, 0.8), (WatkinsQ, 0.8)])
def test_windy_gridworld(kind: type[Agent], decay: float) -> None:
    """The shortest path takes 15 steps. It is found; the greedy one is a little longer later on: it explores."""
    rng, world, lengths = np.random.default_rng(3), Windy(), []
    agent = kind(Table(70, 4), epsilon=0.1, step_size=0.5 if decay == 0 else 0.2)
    for episode in range(400):
        play(agent, world.reset, world.step, rng, decay=decay)
        assert isinstance(agent.values, Table)
        if episode % 20 == 19:
            lengths.append(len(greedy_path(agent.values.q, world.step, world.reset)))
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


def test_double_q_learning_has_less_maximisation_bias() -> None:
    """Figure 6.5: from A, left leads to B, where ten actions earn N(-0.1, 1); right ends at once with 0.

    Left is taken in 5 % of the steps by the best epsilon-greedy policy at epsilon 0.1. Over the first 100 episodes
    Q-learning takes it more than half of the time (the book's curve falls from over 90 % to below 50 %), double
    Q-learning far less often.
    """

    def share_of_left(kind: type[Agent]) -> float:
        left, runs = 0, 60
        for run in range(runs):
            rng = np.random.default_rng(run)
            values = Table(3, 10, initial=np.array([[0.0] * 2 + [-1e9] * 8, [0.0] * 10, [0.0] * 10]))
            agent = kind(values, epsilon=0.0, step_size=0.1)
            for _ in range(100):
                q = agent.action_values(0)[:2] + 1e-9 * rng.random(2)  # ties are broken at random
                a = int(q.argmax()) if rng.random() >= 0.1 else int(rng.integers(2))
                left += a == 0
                agent.learn_one(Transition(0, a, 0.0, float(a == 0), 1 if a == 0 else 2, coin=rng.random()))
                if a == 0:
                    b = int(rng.integers(10)) if rng.random() < 0.1 else int(agent.action_values(1).argmax())
                    agent.learn_one(Transition(1, b, float(rng.normal(-0.1, 1.0)), 0.0, 2, coin=rng.random()))
        return left / (100 * runs)

    plain, double = share_of_left(QLearning), share_of_left(DoubleQLearning)
    assert plain > 0.55
    assert double < plain - 0.15


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


@pytest.mark.parametrize("kind", AGENTS)
def test_feedback_may_come_late_out_of_order_and_not_at_all(kind: type[Agent]) -> None:
    """Two states that lead to each other; half of the transitions are lost, the others shuffled by hundreds."""
    rng, agent = np.random.default_rng(8), kind(Table(2, 2), epsilon=0.5, step_size=0.05)
    learning_calls = []
    for n in range(12_000):
        s, a, b = n % 2, int(rng.integers(2)), int(rng.integers(2))
        learning_calls.append(Transition(s, a, float(a == s), 0.5, 1 - s, b, np.array([0.5, 0.5]), rng.random()))
    kept = [call for call in learning_calls if rng.random() < 0.5]
    for start in range(0, len(kept), 300):
        for place in rng.permutation(len(kept[start : start + 300])):
            agent.learn_one(kept[start + place])
    for s in (0, 1):
        assert agent.action_values(s)[s] - agent.action_values(s)[1 - s] == pytest.approx(1.0, abs=0.15)
