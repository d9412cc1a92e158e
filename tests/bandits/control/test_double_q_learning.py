"""Double Q-learning: the maximisation bias of Sutton and Barto, section 6.7."""

import numpy as np

from bandits.control import Agent, DoubleQLearning, QLearning, Table, Transition


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
