"""The base line: the ranking, whatever is learned."""

import numpy as np

from bandits import Outcome, Ranked

LISTS = np.array([[5, 6, -1], [6, 7, 8]], np.int32)


def test_exhausted_rankings_are_followed_by_the_next_source() -> None:
    slate = Ranked(sources=2, slots=4).draw(0, LISTS, np.full(4, 0.99))
    assert slate.items.tolist() == [5, 6, 7, 8]
    assert slate.sources.tolist() == [0, 0, 1, 1]
    assert slate.probabilities.tolist() == [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]


def test_other_items_have_propensity_0() -> None:
    policy = Ranked(sources=2, slots=3)
    assert policy.propensities(0, LISTS, np.array([5, 7, 6], np.int32)).tolist() == [1.0, 0.0, 1.0]


def test_nothing_is_learned() -> None:
    policy = Ranked(sources=2, slots=2)
    slate = policy.draw(0, LISTS, np.zeros(2))
    for _ in range(100):
        assert policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, -1, 0.0)) == 0.0
    assert policy.draw(0, LISTS, np.zeros(2)).items.tolist() == [5, 6]
    assert policy.state() == {}
