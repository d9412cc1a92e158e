"""Matched sums, belief and choice of the default policy, computed by hand."""

import math

import numpy as np
import pytest

from bandits import DRY, OTHER, Disagreement, Outcome
from bandits.matched_sums import add_slot, believed_difference, observed_difference, shrink

PRIOR = (0.1, 0.05, 0.6)


def test_sums_by_hand() -> None:
    side = np.array([3.0, 6.0, 1.0])  # mean 0.5, trusted
    error = add_slot(side, 0.5, 2.0, 100.0, 0.1)
    assert error == 2.0 - 0.5 * 0.5
    assert side.tolist() == [3.0 + 1.0, 6.25, 1.0 + 0.25 * 1.75**2]


def test_a_young_cell_uses_the_prior_value() -> None:
    assert add_slot(np.array([3.0, 5.0, 1.0]), 1.0, 2.0, 100.0, 0.1) == 1.9


def test_a_full_cell_forgets() -> None:
    side = np.array([50.0, 200.0, 10.0])
    add_slot(side, 1.0, 0.0, 100.0, 0.1)
    assert side.tolist() == pytest.approx([0.99 * 50.0, 0.99 * 200.0 + 1.0, 0.99 * 10.0 + 0.25**2])


def test_observed_difference_by_hand() -> None:
    cell = np.array([[4.0, 10.0, 1.4], [3.0, 20.0, 8.0]])
    assert observed_difference(cell, 0.6) == pytest.approx((0.4 - 0.15, 2.0 / 100 + 8.0 / 400))


def test_one_side_alone_says_nothing() -> None:
    empty, cell = np.zeros((2, 3)), np.array([[4.0, 10.0, 1.4], [0.0, 0.0, 0.0]])
    for pooled in (empty, cell):
        mean, variance = believed_difference(cell, pooled, PRIOR)
        assert mean == 0.0
        assert variance == pytest.approx(0.1**2 + 0.05**2)


def test_belief_is_shrunk_twice() -> None:
    pooled = np.array([[4.0, 10.0, 1.4], [3.0, 20.0, 8.0]])
    cell = np.array([[1.0, 4.0, 0.2], [1.0, 5.0, 0.5]])
    m_pooled, v_pooled = shrink(0.0, 0.01, 0.25, 0.04)
    assert (m_pooled, v_pooled) == pytest.approx((0.05, 0.008))
    expected = shrink(0.05, 0.0105, 0.05, 0.8 / 16 + 0.5 / 25)
    assert believed_difference(cell, pooled, PRIOR) == pytest.approx(expected)


def _policy(**options: float) -> Disagreement:
    return Disagreement(sources=3, slots=2, states=2, learn_examination=False, **options)


def test_only_disagreements_are_credited() -> None:
    policy = _policy()
    heads = np.array([[0, 0, OTHER + 2], [OTHER + 1, 1, OTHER]], np.uint8)
    policy.learn_one(Outcome(1, heads, np.array([0, 1], np.uint8), hit=1, reward=2.0))
    cells = policy.state()["cells"]
    theta = 2**-0.5
    # Slot 0 shows the ranking's item: source 1 agrees, source 2 (bucket 1) disagrees: a miss on the ranking's side.
    assert cells[1, 2, 1, 0, 1].tolist() == pytest.approx([0.0, 1.0, 0.01])
    # Slot 1 shows source 1's item against the ranking's (both bucket 1); source 2 offers a third item.
    assert cells[1, 1, 1, 1, 0].tolist() == pytest.approx([2.0 * theta, 0.5, 0.5 * (2.0 - 0.1 * theta) ** 2])
    assert np.count_nonzero(cells) == 2 + 3
    assert (policy.state()["pooled"] == cells[1]).all()


def test_a_dry_ranking_credits_nobody() -> None:
    policy = _policy()
    heads = np.array([[DRY, 0, OTHER]], np.uint8)
    assert policy.learn_one(Outcome(0, heads, np.array([1], np.uint8), hit=0, reward=1.0)) == 0.0
    assert not policy.state()["cells"].any()


LISTS = np.array([[1, 2], [5, 6], [1, 7]], np.int32)


def test_untrained_probabilities() -> None:
    slate = _policy().draw(0, LISTS, np.zeros(2))
    # Source 2 agrees at slot 0, so it needs no probability; unknown sources may be better: explored.
    assert slate.probabilities.round(6).tolist() == pytest.approx(np.array([[0.975, 0.025, 0], [0.95, 0.025, 0.025]]))


def _teach(policy: Disagreement, hit_rate: tuple[float, float]) -> None:
    """Show source 1's head and the ranking's head in turn, with these hit rates, in slot 0 of state 0."""
    shown = (np.array([[OTHER, 0, DRY]], np.uint8), np.array([[0, OTHER, DRY]], np.uint8))
    rng = np.random.default_rng(list(b"teach"))
    for n in range(2000):
        side = n % 2
        hit = 0 if rng.random() < hit_rate[side] else -1
        policy.learn_one(Outcome(0, shown[side], np.array([1 - side], np.uint8), hit, float(hit == 0)))


def test_a_better_source_is_shown_and_a_worse_one_hardly_explored() -> None:
    better, worse = _policy(), _policy()
    _teach(better, (0.6, 0.1))
    _teach(worse, (0.1, 0.6))
    first = np.zeros(1)
    assert better.draw(0, LISTS, first).probabilities[0].tolist() == pytest.approx([0.025, 0.975, 0.0])
    assert worse.draw(0, LISTS, first).probabilities[0].tolist() == pytest.approx([0.9975, 0.0025, 0.0])


def test_other_states_profit_by_what_one_state_taught() -> None:
    policy = _policy()
    _teach(policy, (0.9, 0.1))
    assert policy.draw(1, LISTS, np.zeros(1)).probabilities[0].argmax() == 1


def test_reward_scale_scales_everything() -> None:
    """Rewards in cents and reward_scale 100 are the same policy as rewards in euros."""
    euros, cents = _policy(), _policy(reward_scale=64.0)
    rng = np.random.default_rng(list(b"scale"))
    for _ in range(500):
        lists = np.stack([rng.permutation(4)[:2] for _ in range(3)]).astype(np.int32)
        uniforms, hit = rng.random(2), int(rng.integers(-1, 2))
        slate, other = euros.draw(0, lists, uniforms), cents.draw(0, lists, uniforms)
        assert slate.probabilities.tolist() == other.probabilities.tolist()
        euros.learn_one(Outcome(0, slate.heads, slate.sources, hit, float(hit >= 0)))
        cents.learn_one(Outcome(0, slate.heads, slate.sources, hit, 64.0 * (hit >= 0)))


def test_a_dry_ranking_leaves_the_choice_to_the_others() -> None:
    lists = np.array([[-1, -1], [5, 6], [7, 8]], np.int32)
    slate = _policy().draw(0, lists, np.zeros(1))
    assert slate.probabilities[0].tolist() == pytest.approx([0.0, 0.975, 0.025])


def test_infinite_variance_keeps_the_prior() -> None:
    assert shrink(0.3, 0.2, 9.0, math.inf) == (0.3, 0.2)
