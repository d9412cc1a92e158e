"""SARSA on slates: the bootstrap by hand."""

import numpy as np
import pytest

from bandits import EXHAUSTED, OTHER, Outcome, Sarsa

HEADS = np.array([[0, OTHER], [1, 1], [EXHAUSTED, OTHER + 2]], np.uint8)  # slots 0 and 1 of source 0; slot 1 shared
SOURCES = np.array([0, 0, 1], np.uint8)
LISTS = np.array([[1, 2], [3, 4]], np.int32)


def test_the_next_state_is_worth_the_slate_drawn() -> None:
    policy = Sarsa(sources=2, slots=2, n_states=1)
    policy.q[0] = [[0.5, 0.1, 0.0, 0.0], [0.3, 0.2, 0.0, 0.0]]
    drawn = policy.draw(0, LISTS, np.array([0.99, 0.99]))  # explores: source 1 twice
    assert drawn.sources.tolist() == [1, 1]
    outcome = Outcome(0, drawn.offered_ranks, drawn.sources, 0, 1.0, 0.5, 0, drawn.offered_ranks, drawn.sources, LISTS)
    assert policy.slate_error(outcome) == pytest.approx(1.0 + 0.5 * (0.3 + 0.2 * 2**-0.5))


def test_looking_ahead_needs_the_next_slate() -> None:
    outcome = Outcome(0, HEADS, SOURCES, 0, 1.0, discount_t=0.5)
    with pytest.raises(ValueError, match="'sarsa': discount_t above 0 needs next_offered_ranks and next_sources"):
        Sarsa(sources=2, slots=3).learn_one(outcome)
