"""Search of similar sessions: one neighbour by hand, and which sessions are left out."""

import math

import numpy as np
import pytest

from learners.neighbours.neighbourhood import Neighbourhood
from learners.neighbours.session_search import Decays, NearSessions, Weights, _decay, find_sessions
from learners.neighbours.sessions import learn_click, no_sessions, with_items, with_session

LIMITS, DAY_S = (10, 10, 10), 86_400.0
DECAY = Decays(position=2.0, days=1.0, distance=3.0, match=4.0)


def _scores(
    clicks: list[tuple[int, int]], past: list[int], *, user: int = 0, days: float = 0.0, idf: float = 0.0, k: int = 10
) -> list[float]:
    """Scores of items 0 to 5 for a session, newest first, after clicks of (user, item) at time 0."""
    sessions, met = with_items(no_sessions(), 6), set[int]()
    for owner, item in clicks:
        sessions = with_session(sessions, LIMITS)
        learn_click(sessions, owner, item, 0.0, owner in met, LIMITS)
        met.add(owner)
    near = Neighbourhood(history=5, sample=10)
    near.add_item(5)
    arrays = NearSessions(sessions, near.scratch, Weights.of(DECAY, idf, k, 5))
    find_sessions(arrays, user, days * DAY_S, np.array(past, np.int32), 6)
    return [float(score) for score in near.score_many(np.arange(6, dtype=np.int32))]


def test_one_neighbour_by_hand() -> None:
    """Asked 0, 1 (newest); the neighbour clicked 1, 2, half a day ago: they share 1, the newest item asked."""
    older = math.exp(-1 / 2)
    similarity = 1.0 / (math.sqrt(1.0 + older**2) * math.sqrt(2)) * math.exp(-0.5)
    expected = [0.0, similarity, similarity * math.exp(-1 / 3), 0.0, 0.0, 0.0]
    assert _scores([(7, 1), (7, 2)], [1, 0], days=0.5) == pytest.approx(expected, rel=1e-6)


def test_a_match_farther_from_the_end_counts_less() -> None:
    older = math.exp(-1 / 2)
    similarity = older / (math.sqrt(1.0 + older**2) * math.sqrt(2)) * math.exp(-1 / 4)
    assert _scores([(7, 0), (7, 2)], [1, 0])[0] == pytest.approx(similarity, rel=1e-6)


def test_rare_items_count_more() -> None:
    """Of three sessions one has item 2, and all have item 1: ln 3 and 0."""
    clicks = [(7, 1), (7, 2), (8, 1), (9, 1)]
    plain, rare = _scores(clicks, [1]), _scores(clicks, [1], idf=1.0)
    assert rare[2] == pytest.approx(plain[2] * (1.0 + math.log(3)), rel=1e-6)
    assert rare[1] == pytest.approx(plain[1], rel=1e-6)


def test_the_users_own_session_is_left_out() -> None:
    assert _scores([(7, 1), (7, 2)], [1], user=7) == [0.0] * 6
    assert _scores([(7, 1), (7, 2)], [1], user=8)[2] > 0.0


def test_only_the_k_most_similar_score() -> None:
    clicks = [(7, 1), (7, 2), (8, 1), (8, 3), (8, 4)]
    assert [score > 0 for score in _scores(clicks, [1], k=1)] == [False, True, True, False, False, False]
    assert [score > 0 for score in _scores(clicks, [1], k=2)] == [False, True, True, True, True, False]


def test_unknown_items_find_nothing() -> None:
    assert _scores([(7, 1), (7, 2)], [9, -1, 5]) == [0.0] * 6


@pytest.mark.parametrize("x", [0.0, 1e-9, 4.9e-4, -4.9e-4, 5.1e-4, 1.0, 50.0])
def test_the_series_near_0_is_the_exponential(x: float) -> None:
    assert _decay(x) == pytest.approx(math.exp(-x), rel=2e-16 * 4, abs=0.0)
