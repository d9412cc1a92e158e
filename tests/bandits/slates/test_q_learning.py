"""Q-learning on slates: the bootstrap by hand, and against SARSA's."""

import numpy as np
import pytest

from bandits import EXHAUSTED, OTHER, Outcome, QLearning, Sarsa

HEADS = np.array([[0, OTHER], [1, 1], [EXHAUSTED, OTHER + 2]], np.uint8)  # slots 0 and 1 of source 0; slot 1 shared
SOURCES = np.array([0, 0, 1], np.uint8)
LISTS = np.array([[1, 2], [3, 4]], np.int32)


def test_the_next_state_is_worth_the_best_slate() -> None:
    policy = QLearning(sources=2, slots=2, n_states=1)
    policy.q[0] = [[0.5, 0.1, 0.0, 0.0], [0.3, 0.2, 0.0, 0.0]]
    drawn = policy.draw(0, LISTS, np.array([0.99, 0.99]))  # explores: source 1 twice
    assert drawn.sources.tolist() == [1, 1]
    outcome = Outcome(0, drawn.offered_ranks, drawn.sources, 0, 1.0, 0.5, 0, drawn.offered_ranks, drawn.sources, LISTS)
    assert policy.slate_error(outcome) == pytest.approx(1.0 + 0.5 * (0.5 + 0.3 * 2**-0.5))


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


def test_looking_ahead_needs_the_next_lists() -> None:
    outcome = Outcome(0, HEADS, SOURCES, 0, 1.0, discount_t=0.5, next_offered_ranks=HEADS[:2], next_sources=SOURCES[:2])
    with pytest.raises(ValueError, match="'q_learning': discount_t above 0 needs next_lists"):
        QLearning(sources=2, slots=3).learn_one(outcome)
