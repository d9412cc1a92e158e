"""Which events are sent, and when they are due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.client.producer import Pace, Report, paced, select
from stream.datasets.readers import Entry
from stream.records.schemas import Event, EventType, Item


def event(user: str, item: str, timestamp: float = 0.0) -> tuple[EventType, Event]:
    return "view", Event(event_id=f"{user}/{item}", user_id=user, item_id=item, timestamp=timestamp)


A, B, C = (Item(item_id=name) for name in "abc")
LOG: list[Entry] = [A, event("u1", "a"), B, event("u2", "b"), event("u3", "a"), C, event("u3", "c"), event("u1", "b")]


def test_everything_is_selected_by_default() -> None:
    assert list(select(LOG)) == LOG


def test_the_first_users_and_the_items_they_meet() -> None:
    assert list(select(LOG, users=1)) == [A, event("u1", "a"), B, event("u1", "b")]
    assert list(select(LOG, users=2)) == [A, event("u1", "a"), B, event("u2", "b"), event("u1", "b")]


def test_a_limit_counts_events() -> None:
    assert list(select(LOG, limit=2)) == LOG[:4]
    assert list(select(LOG, users=1, limit=9)) == [A, event("u1", "a"), B, event("u1", "b")]


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def arrivals(pace: Pace, times: list[float], work: float = 0.0) -> list[float]:
    """Seconds after the start at which events leave, when each takes `work` seconds to send."""
    clock, found = Clock(), []
    for _ in paced((event("u", "i", time) for time in times), pace, clock.time, clock.sleep):
        found.append(clock.now - 100.0)
        clock.now += work
    return found


def test_a_rate_spaces_events_evenly() -> None:
    assert arrivals(Pace(rate=10), [0, 0, 50, 99]) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_speed_up_keeps_the_events_own_time() -> None:
    assert arrivals(Pace(speed_up=60), [1000, 1060, 1060, 1600]) == pytest.approx([0, 1, 1, 10])


def test_without_a_pace_nothing_waits() -> None:
    assert arrivals(Pace(), [0, 9, 99]) == [0, 0, 0]


def test_who_is_late_catches_up() -> None:
    clock, left = Clock(), []
    for n, _ in enumerate(paced((event("u", "i") for _ in range(6)), Pace(rate=1), clock.time, clock.sleep)):
        left.append(clock.now - 100.0)
        clock.now += 2.5 if n == 0 else 0.0
    assert left == pytest.approx([0, 2.5, 2.5, 3, 4, 5])


@given(rate=st.floats(0.1, 1000), work=st.floats(0, 2), count=st.integers(1, 50))
def test_no_event_is_early_and_lateness_is_only_work(rate: float, work: float, count: int) -> None:
    found = arrivals(Pace(rate=rate), [0.0] * count, work)
    for n, left in enumerate(found):
        due = n / rate
        assert left >= due - 0.0011  # shorter waits are not slept
        assert left <= max(due, n * work + due) + 1e-6


def test_the_report_reads_well_before_anything_was_sent() -> None:
    assert str(Report(0, 0, 0.0)) == "sent 0 items and 0 events in 0.0 s: 0 events/s"
