"""The ring of the last events: what it holds, and the frequencies that are drawn from it."""

import numpy as np
import pytest

from learners.factors.arrivals import EVENTS, Arrivals, add, pick


def _filled(reach: int, items: list[int]) -> Arrivals:
    arrivals = Arrivals(reach)
    for item in items:
        add(arrivals.ring, arrivals.counters, item)
    return arrivals


def test_picks_are_spread_as_the_last_events() -> None:
    arrivals = Arrivals(4)
    for item in (9, 9, 9, 1, 1, 1, 2):  # the ring holds 1, 1, 1, 2
        add(arrivals.ring, arrivals.counters, item)
    picked = [pick(arrivals.ring, arrivals.counters, 100, 0.0) for _ in range(4_000)]
    assert set(picked) == {1, 2}
    assert abs(picked.count(1) - 3_000) < 5 * (4_000 * 0.75 * 0.25) ** 0.5
    anywhere = [pick(arrivals.ring, arrivals.counters, 100, 1.0) for _ in range(4_000)]
    assert set(anywhere) == set(range(100))
    assert arrivals.counters.tolist() == [7, 8_000]


def test_eligible_items_are_listed_once() -> None:
    arrivals = Arrivals(4)
    for item in (5, 3, 3, 0, 3):
        add(arrivals.ring, arrivals.counters, item)
    assert arrivals.eligible(np.zeros(6, np.uint8)).tolist() == [3, 0]
    assert arrivals.eligible(np.array([1, 0, 0, 0, 0, 0], np.uint8)).tolist() == [3]
    assert arrivals.eligible(np.zeros(40, np.uint8)).tolist() == [3, 0]


@pytest.mark.parametrize(("uniform", "expected"), [(0.0, [0.0, 0.75, 0.25, 0.0]), (0.4, [0.1, 0.55, 0.25, 0.1])])
def test_items_are_drawn_by_their_share_of_events_and_alike(uniform: float, expected: list[float]) -> None:
    """Within five standard errors of 20,000 draws."""
    arrivals = _filled(8, [1, 1, 2, 1])
    drawn = [pick(arrivals.ring, arrivals.counters, 4, uniform) for _ in range(20_000)]
    assert np.bincount(drawn, minlength=4) / 20_000 == pytest.approx(expected, abs=5 * 0.5 / np.sqrt(20_000))


def test_without_events_all_items_are_alike() -> None:
    arrivals = _filled(8, [])
    drawn = [pick(arrivals.ring, arrivals.counters, 3, 0.0) for _ in range(3_000)]
    assert np.bincount(drawn, minlength=3) / 3_000 == pytest.approx([1 / 3] * 3, abs=5 * 0.5 / np.sqrt(3_000))


def test_a_restored_ring_draws_and_continues_alike() -> None:
    arrivals, twin = _filled(4, [9, 1, 2, 1, 3]), Arrivals(4)
    pick(arrivals.ring, arrivals.counters, 10, 0.0)
    twin.restore(arrivals.state())
    add(twin.ring, twin.counters, 5)
    assert arrivals.counters[EVENTS] == 5, "restored copies share nothing"
    add(arrivals.ring, arrivals.counters, 5)
    draws = [[pick(each.ring, each.counters, 10, 0.5) for _ in range(50)] for each in (arrivals, twin)]
    assert draws[0] == draws[1]
    with pytest.raises(ValueError, match="the ring must hold 8 events"):
        Arrivals(8).restore(arrivals.state())
