"""Cliff walking and the windy gridworld of Sutton and Barto, sections 6.4 to 6.5, and agents that walk in them."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from bandits import draw
from bandits.control import Agent, Step, Table, Transition, extended

Reset = Callable[[], int]
Act = Callable[[int], tuple[int, float, bool]]


def play(
    agent: Agent, reset: Reset, step: Act, rng: np.random.Generator,
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


def gym(name: str) -> tuple[Reset, Act]:
    world = gymnasium.make(name, max_episode_steps=20_000)

    def step(a: int) -> tuple[int, float, bool]:
        t, r, terminated, truncated, _ = world.step(a)
        return int(t), float(r), bool(terminated or truncated)

    return lambda: int(world.reset(seed=0)[0]), step


def greedy_path(q: NDArray[Any], step: Act, reset: Reset) -> list[int]:
    s, path = reset(), []
    for _ in range(100):
        s, _, ended = step(int(q[s].argmax()))
        path.append(s)
        if ended:
            break
    return path


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


def cliff(kind: type[Agent]) -> tuple[float, list[int]]:
    """Mean return of episodes 101-500 over four runs at epsilon 0.1 and step size 0.5; sorted greedy path lengths."""
    reset, step = gym("CliffWalking-v1")
    returns, paths = [], []
    for run in range(4):
        agent, rng = kind(Table(48, 4), epsilon=0.1, step_size=0.5), np.random.default_rng(run)
        returns.append(np.mean([play(agent, reset, step, rng) for _ in range(500)][100:]))
        assert isinstance(agent.values, Table)
        paths.append(greedy_path(agent.values.q, step, reset))
    return float(np.mean(returns)), sorted(len(path) for path in paths)


def windy_lengths(kind: type[Agent], decay: float) -> list[int]:
    """Greedy path lengths in the windy gridworld, every 20 episodes of 400; the shortest path takes 15 steps."""
    rng, world, lengths = np.random.default_rng(3), Windy(), []
    agent = kind(Table(70, 4), epsilon=0.1, step_size=0.5 if decay == 0 else 0.2)
    for episode in range(400):
        play(agent, world.reset, world.step, rng, decay=decay)
        assert isinstance(agent.values, Table)
        if episode % 20 == 19:
            lengths.append(len(greedy_path(agent.values.q, world.step, world.reset)))
    return lengths
