"""Runs: determinism, rewards against their expectation, the oracle, the references' slates."""

import numpy as np
import pytest

from bandits.worlds import SETTINGS, Tastes, reference
from tests.support.shop_trial import DECISIONS, trial


def test_the_same_seed_is_the_same_run(tastes: Tastes) -> None:
    first, again = (trial("disagreement", "state", tastes, decisions=500) for _ in range(2))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    assert trial("disagreement", "state", tastes, "other", 500).reward.tobytes() != first.reward.tobytes()


@pytest.mark.parametrize("world", list(SETTINGS))
def test_rewards_are_what_was_expected(world: str, tastes: Tastes) -> None:
    """The mean of reward caused less its expectation: 4.5 standard errors are exceeded once in 150,000 runs."""
    found = trial("round_robin", world, tastes)
    difference = found.caused - found.expected
    assert abs(difference.mean()) < 4.5 * difference.std() / np.sqrt(DECISIONS)


@pytest.mark.parametrize("world", list(SETTINGS))
def test_nothing_beats_the_oracle(world: str, tastes: Tastes) -> None:
    for name in ("ranked", "disagreement", "random_source", "oracle"):
        found = trial(name, world, tastes, decisions=600)
        assert (found.expected <= found.best + 1e-6).all()
        assert (found.expected.tolist() == found.best.tolist()) == (name == "oracle")


def test_references_fill_slates(tastes: Tastes) -> None:
    lists = np.array([[0, 1, 2], [1, 3, -1], *([[-1, -1, -1]] * 6)], np.int32)
    rng, best = np.random.default_rng(0), np.array([7], np.int32)
    assert reference("oracle", lists, rng, best).tolist() == [7]
    assert reference("round_robin", lists, rng, best).tolist() == [0, 1, 2, 3]
    assert reference("fixed: seen_before", lists, rng, best).tolist() == [1, 3, 0, 2]
    assert set(reference("random_source", lists, rng, best).tolist()) <= {0, 1, 2, 3}
