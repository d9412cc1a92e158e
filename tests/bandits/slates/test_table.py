"""Credit, baseline and bootstrap of the slate tables, computed by hand."""

import numpy as np
import pytest

from bandits import EXHAUSTED, OTHER, Outcome, QLearning, Sarsa, make_policy
from bandits.checks import train

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


def test_baseline_learns_what_silence_leads_to() -> None:
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


def test_sarsa_values_the_slate_drawn_and_q_learning_the_best() -> None:
    lists = np.array([[1, 2], [3, 4]], np.int32)
    errors = {}
    for policy in (Sarsa(sources=2, slots=2, n_states=1), QLearning(sources=2, slots=2, n_states=1)):
        policy.q[0] = [[0.5, 0.1, 0.0, 0.0], [0.3, 0.2, 0.0, 0.0]]
        drawn = policy.draw(0, lists, np.array([0.99, 0.99]))  # explores: source 1 twice
        assert drawn.sources.tolist() == [1, 1]
        outcome = Outcome(
            0, drawn.offered_ranks, drawn.sources, 0, 1.0, 0.5, 0, drawn.offered_ranks, drawn.sources, lists
        )
        errors[policy.name] = policy.slate_error(outcome)
    assert errors["sarsa"] == pytest.approx(1.0 + 0.5 * (0.3 + 0.2 * 2**-0.5))
    assert errors["q_learning"] == pytest.approx(1.0 + 0.5 * (0.5 + 0.3 * 2**-0.5))


def test_q_learning_never_expects_less_than_sarsa() -> None:
    rng = np.random.default_rng(list(b"maximum"))
    on_policy, off_policy = Sarsa(sources=3, slots=4, n_states=1), QLearning(sources=3, slots=4, n_states=1)
    for _ in range(300):
        q = rng.random((1, 3, 4))
        on_policy.q[:] = off_policy.q[:] = q
        lists = rng.integers(0, 8, (3, 4)).astype(np.int32)
        slate = on_policy.draw(0, lists, rng.random(4))
        outcome = Outcome(
            0, slate.offered_ranks, slate.sources, 0, 1.0, 0.9, 0, slate.offered_ranks, slate.sources, lists
        )
        assert off_policy.slate_error(outcome) >= on_policy.slate_error(outcome)


def test_without_discount_sarsa_and_q_learning_are_one() -> None:
    rng = np.random.default_rng(list(b"discount 0"))
    twins = (Sarsa(sources=3, slots=4, n_states=2), QLearning(sources=3, slots=4, n_states=2))
    for _ in range(600):
        state = int(rng.integers(2))
        lists = np.stack([rng.permutation(6)[:4] for _ in range(3)]).astype(np.int32)
        slate = twins[0].draw(state, lists, rng.random(4))
        hit = int(rng.integers(-1, 4))
        errors = [
            policy.learn_one(Outcome(state, slate.offered_ranks, slate.sources, hit, float(hit >= 0)))
            for policy in twins
        ]
        assert errors[0] == errors[1]
    states = [{name: array.tobytes() for name, array in policy.state().items()} for policy in twins]
    assert states[0] == states[1]


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "ranked", "sarsa"])
def test_untrained_policies_show_the_ranking(name: str) -> None:
    policy = make_policy(name, sources=3, slots=4)
    lists = np.array([[9, 8, 7, 6], [1, 2, 3, 4], [5, 9, 8, 7]], np.int32)
    assert policy.draw(5, lists, np.full(4, 0.5)).items.tolist() == [9, 8, 7, 6]


def test_looking_ahead_needs_the_next_slate() -> None:
    outcome = Outcome(0, HEADS, SOURCES, 0, 1.0, discount_t=0.5)
    with pytest.raises(ValueError, match="'sarsa': discount_t above 0 needs next_offered_ranks and next_sources"):
        _sarsa().learn_one(outcome)
    drawn = outcome._replace(next_offered_ranks=HEADS[:2], next_sources=SOURCES[:2])
    with pytest.raises(ValueError, match="'q_learning': discount_t above 0 needs next_lists"):
        QLearning(sources=2, slots=3).learn_one(drawn)


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "sarsa"])
def test_records_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one column for each source"):
        make_policy(name, sources=3, slots=3).learn_one(Outcome(0, HEADS, SOURCES, 0, 1.0))
    with pytest.raises(ValueError, match="at most as many slots"):
        make_policy(name, sources=2, slots=2).learn_one(Outcome(0, HEADS, SOURCES, 0, 1.0))


def test_registry_refuses_what_it_does_not_know() -> None:
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
