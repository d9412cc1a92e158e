"""Every slate policy: it begins as the ranking, refuses wrong sizes and names, and explores by its schedule."""

import numpy as np
import pytest

from bandits import ExponentialDecay, Sarsa, make_policy
from bandits.checks import train


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "ranked", "sarsa"])
def test_untrained_policies_show_the_ranking(name: str) -> None:
    policy = make_policy(name, sources=3, slots=4)
    lists = np.array([[9, 8, 7, 6], [1, 2, 3, 4], [5, 9, 8, 7]], np.int32)
    assert policy.draw(5, lists, np.full(4, 0.5)).items.tolist() == [9, 8, 7, 6]


def test_wrong_names_options_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="policy 'best' is unknown; must be one of disagreement, epsilon_greedy"):
        make_policy("best", sources=2, slots=2)
    with pytest.raises(ValueError, match="'sarsa' has no option 'z'; must be one of epsilon, prior, smallest_step"):
        make_policy("sarsa", sources=2, slots=2, z=1.0)
    with pytest.raises(ValueError, match=r"'sarsa': slots must be in \[1, 127\]; got 128"):
        make_policy("sarsa", sources=2, slots=128)


def test_snapshot_of_another_size_is_refused() -> None:
    small, large = make_policy("sarsa", sources=2, slots=2), make_policy("sarsa", sources=3, slots=2)
    train(small, 3, "snapshot")
    with pytest.raises(ValueError, match="snapshot must hold the arrays"):
        large.restore(small.state())


def test_epsilon_follows_the_number_of_outcomes() -> None:
    policy = Sarsa(sources=3, slots=4, epsilon=ExponentialDecay(start=0.8, floor=0.1, half_life=10.0))
    assert policy.epsilon == 0.8
    train(policy, 20, "epsilon")
    assert policy.epsilon == pytest.approx(0.2)
    copy = Sarsa(sources=3, slots=4, epsilon=ExponentialDecay(start=0.8, floor=0.1, half_life=10.0))
    copy.restore(policy.state())
    assert copy.epsilon == policy.epsilon
