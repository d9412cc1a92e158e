"""Epsilon-greedy by hand."""

from bandits.arms import EpsilonGreedy, Pull


def test_unplayed_arms_come_first() -> None:
    greedy = EpsilonGreedy(3, floor=0.3)
    greedy.learn_one(Pull(0, 1.0, 1.0))
    assert greedy.pmf().round(9).tolist() == [0.1, 0.8, 0.1]


def test_the_highest_mean_is_played_and_not_the_highest_sum() -> None:
    greedy = EpsilonGreedy(2, floor=0.1)
    for arm, reward in ((0, 0.4), (0, 0.4), (0, 0.4), (1, 0.5)):
        greedy.learn_one(Pull(arm, reward, 0.5))
    assert greedy.pmf().round(9).tolist() == [0.05, 0.95]
