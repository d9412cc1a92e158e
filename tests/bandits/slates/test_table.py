"""Credit and baseline of the slate tables, computed by hand, and records that do not fit."""

import numpy as np
import pytest

from bandits import EXHAUSTED, OTHER, Outcome, Sarsa, make_policy

HEADS = np.array([[0, OTHER], [1, 1], [EXHAUSTED, OTHER + 2]], np.uint8)  # slots 0 and 1 of source 0; slot 1 shared
SOURCES = np.array([0, 0, 1], np.uint8)


def _sarsa(**options: float) -> Sarsa:
    return Sarsa(sources=2, slots=3, n_states=2, learn_examination=False, prior=0.2, **options)


def test_credit_by_hand() -> None:
    policy = _sarsa()
    offered_ranks = HEADS.copy()
    offered_ranks[2, 1] = 2
    error = policy.learn_one(Outcome(1, offered_ranks, SOURCES, hit=1, reward=1.0))
    theta = 1 / np.sqrt([1.0, 2.0, 3.0])
    miss, hit, shared = -0.2, 1.0 - theta[1] * 0.2, 1.0
    assert policy.q[1, 0].tolist() == pytest.approx([0.2 + miss / 20, 0.2 + theta[1] * hit / 20, 0.2, 0.2])
    # The third slot is source 1's head of the same bucket, one update later: N is then theta_1 ** 2.
    first = theta[1] * shared / 20
    second = first - theta[2] ** 2 * first / (20 + theta[1] ** 2)
    assert policy.q[1, 1].tolist() == pytest.approx([0.0, second, 0.0, 0.0])
    assert policy.q[0].tolist() == [[0.2] * 4, [0.0] * 4]
    assert error == pytest.approx((miss + hit - theta[2] * first) / 3)


def test_misses_lower_the_value() -> None:
    policy = _sarsa()
    policy.learn_one(Outcome(0, HEADS, SOURCES, hit=-1, reward=0.0))
    assert (policy.q[0, 0, :2] < 0.2).all()
    assert policy.baseline.tolist() == [0.0, 0.0]


def test_step_size_falls_to_its_floor() -> None:
    policy = _sarsa(smallest_step=0.04)
    offered_ranks, drawn = np.array([[0, EXHAUSTED]], np.uint8), np.zeros(1, np.uint8)
    for _ in range(100):
        policy.learn_one(Outcome(0, offered_ranks, drawn, hit=-1, reward=0.0))
    before = policy.q[0, 0, 0]
    policy.learn_one(Outcome(0, offered_ranks, drawn, hit=0, reward=1.0))
    assert policy.q[0, 0, 0] - before == pytest.approx(0.04 * (1.0 - before))


def test_the_baseline_learns_the_value_after_slates_without_a_hit() -> None:
    policy = _sarsa()
    lists = np.array([[1, 2, 3], [4, 5, 6]], np.int32)
    policy.q[:] = 0.0
    policy.q[1, 0] = 0.5
    following = policy.draw(1, lists, np.zeros(3))
    v_t = 0.5 * (1 + 2**-0.5 + 3**-0.5)
    outcome = Outcome(0, HEADS, SOURCES, -1, 0.0, 0.8, 1, following.offered_ranks, following.sources, lists)
    assert policy.slate_error(outcome) == pytest.approx(0.8 * v_t)
    policy.learn_one(outcome)
    assert policy.baseline.tolist() == pytest.approx([0.02 * 0.8 * v_t, 0.0])


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "sarsa"])
def test_records_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one column for each source"):
        make_policy(name, sources=3, slots=3).learn_one(Outcome(0, HEADS, SOURCES, 0, 1.0))
    with pytest.raises(ValueError, match="at most as many slots"):
        make_policy(name, sources=2, slots=2).learn_one(Outcome(0, HEADS, SOURCES, 0, 1.0))
