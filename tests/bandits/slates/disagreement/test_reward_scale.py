import numpy as np
import pytest

from bandits import PINNED
from bandits.slates.disagreement.reward_scale import FORGETTING, RewardScale

THETA = np.array([1.0, 0.5, 0.25])


def test_nothing_is_known_before_a_reward() -> None:
    scale = RewardScale()
    assert scale.moments() == (0.0, 0.0)
    scale.learn_one(THETA, np.zeros(2, np.uint8), -1, 0.0)
    assert scale.moments() == (0.0, 0.0)


def test_means_by_hand() -> None:
    scale = RewardScale()
    scale.learn_one(THETA, np.zeros(3, np.uint8), 1, 10.0)
    scale.learn_one(THETA, np.zeros(2, np.uint8), 0, -2.0)  # a TD error can be negative: its size counts
    kept = 1.0 - FORGETTING
    examined = 1.75 * kept + 1.5
    assert scale.moments() == pytest.approx(((10.0 * kept + 2.0) / examined, (100.0 * kept + 4.0) / examined))


def test_pinned_slots_do_not_count() -> None:
    pinned, free = RewardScale(), RewardScale()
    pinned.learn_one(THETA, np.array([PINNED, 0], np.uint8), 0, 5.0)
    free.learn_one(THETA[1:], np.zeros(1, np.uint8), -1, 0.0)
    assert pinned.state()["reward_scale"].tolist() == free.state()["reward_scale"].tolist()


def test_it_follows_when_rewards_change() -> None:
    scale = RewardScale()
    for reward in (1.0, 100.0):
        for _ in range(100_000):
            scale.learn_one(THETA, np.zeros(1, np.uint8), 0, reward)
    assert scale.moments()[0] == pytest.approx(100.0, rel=2 * np.exp(-10))
