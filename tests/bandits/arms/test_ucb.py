"""UCB1 by hand."""

from bandits.arms import UCB, Pull


def test_the_largest_bound_is_played() -> None:
    ucb = UCB(2, floor=0.0)
    for arm, reward in ((0, 0.6), (1, 0.5), (0, 0.6), (0, 0.6)):
        ucb.learn_one(Pull(arm, reward, 0.5))
    # 0.6 + sqrt(2 ln 4 / 3) = 1.561; 0.5 + sqrt(2 ln 4 / 1) = 2.165
    assert ucb.pmf().tolist() == [0.0, 1.0]


def test_unplayed_arms_come_first() -> None:
    ucb = UCB(3, floor=0.0)
    ucb.learn_one(Pull(0, 1.0, 1.0))
    assert ucb.pmf().tolist() == [0.0, 1.0, 0.0]


def test_the_bound_widens_with_the_rewards_range() -> None:
    """Means 0.9 and 0.2 after 8 and 2 plays: at scale s the bounds are 0.9 + 0.759 s and 0.2 + 1.517 s."""
    for scale, expected in ((0.5, [1.0, 0.0]), (1.0, [0.0, 1.0])):
        ucb = UCB(2, scale=scale, floor=0.0)
        for arm, reward, plays in ((0, 0.9, 8), (1, 0.2, 2)):
            for _ in range(plays):
                ucb.learn_one(Pull(arm, reward, 0.5))
        assert ucb.pmf().tolist() == expected
