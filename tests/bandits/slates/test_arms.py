"""Bandits over the sources of a slate: shares of live sources, and what each slot teaches."""

import numpy as np
import pytest

from bandits import EXHAUSTED, PINNED, Outcome
from bandits.slates.arms import SlateBandit, SlateEpsilonGreedy, SlateExp3, SlateSoftmax, SlateThompson, SlateUCB

LISTS = np.array([[5, 6], [7, -1], [8, 9]], np.int32)
KINDS = [SlateEpsilonGreedy, SlateExp3, SlateSoftmax, SlateThompson, SlateUCB]


def _sums(policy: SlateBandit, state: int) -> tuple[list[float], list[float]]:
    pulls, rewards = (policy.state()[f"{name} of state {state}"] for name in ("pulls", "rewards"))
    return pulls.tolist(), rewards.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_slot_is_a_play_of_its_source(kind: type[SlateBandit]) -> None:
    policy = kind(sources=3, slots=3, n_states=2)
    offered = np.array([[0, 128, 128], [129, 0, 128], [129, EXHAUSTED, 0]], np.uint8)
    policy.learn_one(Outcome(1, offered, np.array([0, 1, 2], np.uint8), hit=1, reward=2.0))
    assert _sums(policy, 1) == ([1.0, 1.0, 1.0], [0.0, 2.0, 0.0])
    assert _sums(policy, 0) == ([0.0] * 3, [0.0] * 3), "another state learns nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_pinned_slots_teach_nothing(kind: type[SlateBandit]) -> None:
    policy = kind(sources=3, slots=2, n_states=1)
    offered = np.array([[EXHAUSTED] * 3, [0, 128, 128]], np.uint8)
    policy.learn_one(Outcome(0, offered, np.array([PINNED, 0], np.uint8), hit=0, reward=1.0))
    assert _sums(policy, 0) == ([1.0, 0.0, 0.0], [0.0] * 3)


def test_live_sources_share_the_probability_of_exhausted_ones() -> None:
    """Untrained softmax plays three sources with 1/3 each; where source 1 is exhausted, two with 1/2."""
    policy = SlateSoftmax(sources=3, slots=2, n_states=1, floor=0.0)
    slate = policy.draw(0, LISTS, np.array([0.4, 0.6]))
    assert slate.items.tolist() == [7, 8]
    assert slate.probabilities.tolist() == pytest.approx(np.array([[1 / 3] * 3, [0.5, 0.0, 0.5]]))


def test_a_choice_that_is_exhausted_leaves_the_live_sources_equal() -> None:
    """Greedy without a floor puts everything on source 1, which has one item."""
    policy = SlateEpsilonGreedy(sources=3, slots=2, n_states=1, floor=0.0)
    offered, n = np.array([[0, 0, 0]], np.uint8), np.zeros(1, np.uint8)
    for source in (0, 1, 2):
        policy.learn_one(Outcome(0, offered, n + source, hit=0, reward=float(source == 1)))
    slate = policy.draw(0, LISTS, np.array([0.5, 0.75]))
    assert slate.items.tolist() == [7, 8]
    assert slate.probabilities.tolist() == [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]


def test_the_error_is_the_mean_over_the_slots() -> None:
    policy = SlateUCB(sources=2, slots=2, n_states=1)
    outcome = Outcome(0, np.array([[0, 128], [129, 0]], np.uint8), np.array([0, 1], np.uint8), hit=0, reward=1.0)
    assert policy.learn_one(outcome) == pytest.approx(0.5), "rewards 1 and 0 against means of 0"
    assert policy.learn_one(outcome) == pytest.approx(0.0), "means are now 1 and 0"
