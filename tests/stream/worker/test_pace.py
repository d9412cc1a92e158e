"""Slates are made at once while there is time, deferred when there is not, and made at last; all on a virtual clock."""

import random
from collections import deque

import numpy as np
import pytest

from stream.decisions.shard import EVERY, Deferred
from stream.worker.pace import (
    ENTER_S,
    LEAST_SHARE,
    LEAVE_S,
    OVERDUE_S,
    PAUSE,
    STALL,
    Cost,
    Pace,
    PerSecond,
    Round,
)

EVENT_S, FOLD_S, SLATE_S = 0.0002, 0.0002, 0.0016
CAPACITY = 1.0 / (EVENT_S + FOLD_S + SLATE_S)  # 500 events a second with a slate for each; 2,500 without
TARGET_S = 0.05
POLL_S = 0.004  # between two polls


class Worker:
    """One worker on a virtual clock, with the rounds of `stream.worker.rounds`, and users who send events at random."""

    def __init__(self, users: int = 4_000, target_s: float = TARGET_S, price_s: float = 0.0) -> None:
        self.pace, self.deferred, self.users, self.price_s = Pace(target_s), Deferred(), users, price_s
        self.now, self.slate_s, self.polled, self.worked = 0.0, SLATE_S, 0.0, 0.0
        self.random = random.Random("pace")
        self.late = 0  # deferred slates made
        self.coming: deque[tuple[float, str]] = deque()
        self.unanswered: dict[str, list[float]] = {}  # by user, when their events came
        self.waits: list[tuple[float, float]] = []  # of each event: when it came, seconds until a slate that knows it
        self.at_once: list[tuple[float, float]] = []  # of events whose slate was made in their round: when, and seconds
        self.changes: list[tuple[float, str]] = []

    def run(self, load: float, seconds: float) -> "Worker":
        """Events come at so many times the capacity, for so long."""
        at, end = self.now, self.now + seconds
        while (at := at + self.random.expovariate(load * CAPACITY)) < end:
            self.coming.append((at, f"u{self.random.randrange(self.users)}"))
        while self.now < end:
            self._round(end)
        return self

    def _round(self, end: float) -> None:
        began = self.now
        if self.deferred or (self.coming and self.coming[0][0] <= self.now):
            self.now += self.price_s  # not seen by the worker, but as a gap
            began = self.now
        if self.coming and self.coming[0][0] <= self.now and self.now >= self.polled + POLL_S:
            self._take(began)
        elif self.deferred:
            self._make_deferred(max(1, self.pace.room(began, Round(began, length=PAUSE)) or 1))
        if change := self.pace.look(self.now, len(self.deferred), 0):
            self.changes.append((self.now, change.to))
        if self.now == began:
            self.now = min([end, self.polled + POLL_S if self.coming else end]) + 1e-6
            if self.coming:
                self.now = max(self.now, min(end, self.coming[0][0]))

    def _take(self, began: float) -> None:
        newest: dict[str, float] = {}
        events, self.polled = 0, began
        while self.coming and self.coming[0][0] <= began:
            at, user = self.coming.popleft()
            newest.pop(user, None)
            newest[user] = at
            self.unanswered.setdefault(user, []).append(at)
            events += 1
        self._work(self.pace.events, EVENT_S, events)
        self._work(self.pace.folds, FOLD_S, events)
        room = self.pace.room(self.now, Round(began))
        room = None if room is None else self.pace.least(room, self.now - began)
        order = list(newest)
        for user in order[max(0, len(order) - (len(order) if room is None else room)) :]:
            self.deferred.discard(user)
        late = self._turns(room, len(order))
        later = 0 if room is None else max(0, len(order) - room + len(late))
        for user in order[:later]:
            if user not in late:
                self.deferred.add(user, began)
        self._work(self.pace.slates, self.slate_s, len(order) - later)
        for user in order[later:]:
            self.deferred.discard(user)
            self.at_once.append((self.now, self.now - newest[user]))
            self._answer(user)
        self._slates(late)

    def _turns(self, room: int | None, newest: int) -> list[str]:
        if room is None:
            return []
        overdue = self.now - OVERDUE_S
        found = (
            self.deferred.take(room - newest, overdue) if room > newest else self.deferred.take_overdue(room, overdue)
        )
        return [user for user, _ in found]

    def _make_deferred(self, most: int) -> None:
        self._slates([user for user, _ in self.deferred.take(most, self.now - OVERDUE_S)])

    def _slates(self, users: list[str]) -> None:
        self.late += len(users)
        for user in users:
            self._work(self.pace.slates, self.slate_s, 1)
            if user in self.unanswered:
                self._answer(user)

    def _answer(self, user: str) -> None:
        self.waits += [(at, self.now - at) for at in self.unanswered.pop(user)]

    def _work(self, cost: Cost, each_s: float, units: int) -> None:
        self.now += each_s * units
        self.worked += each_s * units
        cost.add(each_s * units, units)


def p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))


def test_at_half_of_the_capacity_every_event_has_its_slate_at_once() -> None:
    worker = Worker().run(0.5, 30.0)
    assert len(worker.at_once) > 0.99 * len(worker.waits)
    assert p99([wait for _, wait in worker.waits]) < TARGET_S
    assert not worker.changes


@pytest.mark.parametrize("load", [1.1, 2.0, 4.0])
def test_beyond_the_capacity_slates_that_are_made_at_once_are_in_time(load: float) -> None:
    worker = Worker().run(load, 20.0)
    ((reached, to),) = worker.changes
    assert to == "reached"
    assert ENTER_S <= reached < 10.0
    assert p99([wait for at, wait in worker.at_once if at > reached + 1.0]) < 1.2 * TARGET_S


def test_longer_rounds_come_before_the_limit() -> None:
    """A little too much for short rounds, not for longer ones: each costs a quarter of the target whatever it holds."""
    worker = Worker(price_s=TARGET_S / 4).run(0.7, 40.0)
    assert not worker.changes
    assert p99([wait for _, wait in worker.waits]) < 6 * TARGET_S
    assert Worker(price_s=TARGET_S / 4).run(1.5, 40.0).changes


@pytest.mark.parametrize("load", [1.1, 2.0, 4.0])
def test_beyond_the_capacity_no_time_is_left_unused(load: float) -> None:
    assert Worker().run(load, 20.0).worked > 0.95 * 20.0


@pytest.mark.parametrize("load", [2.0, 4.0])
def test_after_a_burst_all_users_have_a_slate_that_knows_their_events_and_each_event_its_own_again(load: float) -> None:
    worker = Worker().run(load, 20.0).run(0.25, 60.0)
    assert not worker.unanswered
    assert [to for _, to in worker.changes] == ["reached", "left"]
    before = len(worker.at_once), len(worker.waits)
    worker.run(0.25, 20.0)
    assert len(worker.at_once) - before[0] > 0.99 * (len(worker.waits) - before[1])
    assert max(wait for at, wait in worker.waits if at > 80.0) < TARGET_S


def test_nobody_starves_while_the_load_lasts() -> None:
    """Of four times the capacity, which leaves a fifth of the time for slates: each fifth one has waited too long."""
    worker = Worker(users=400).run(4.0, 90.0)
    longest = max([wait for _, wait in worker.waits] + [90.0 - at[0] for at in worker.unanswered.values()])
    assert longest < OVERDUE_S + 400 * SLATE_S / LEAST_SHARE * EVERY


def test_slates_are_made_even_where_the_events_alone_are_too_many_and_most_of_them_for_who_acted_last() -> None:
    worker = Worker().run(6.0, 60.0)  # 3,000 events a second of the 2,500 that there is time for
    assert worker.late > 0
    assert len(worker.at_once) > 0.75 * (len(worker.at_once) + worker.late)
    assert max(at for at, _ in worker.at_once) > 50.0


def test_slates_that_become_dearer_are_fewer_but_in_time() -> None:
    worker = Worker().run(0.5, 10.0)
    worker.slate_s = 4 * SLATE_S
    worker.run(0.5, 20.0)
    assert p99([wait for _, wait in worker.at_once[-2_000:]]) < 1.5 * TARGET_S
    assert worker.pace.at_limit


def test_without_a_target_nothing_is_deferred() -> None:
    worker = Worker(target_s=0.0).run(2.0, 10.0)
    assert not worker.deferred
    assert max(wait for _, wait in worker.at_once) > 10 * TARGET_S


def test_what_was_done_and_what_waits_leave_less_room() -> None:
    pace = Pace(0.049)
    for cost in (pace.events, pace.folds, pace.slates):
        cost.add(10.0, 10_000)
    assert pace.room(5.0, Round(5.0)) == 25
    assert pace.room(5.0, Round(5.0), share=0.2) == 5
    assert pace.room(5.01, Round(5.0)) == 15
    assert pace.room(5.0, Round(5.0, taken=5)) == 20
    assert pace.room(5.0, Round(5.0, unread=5)) == 15
    assert pace.room(5.0, Round(5.0, unread=1_000)) == 0
    assert pace.least(0, 0.1) == 20
    assert pace.least(3, 0.005) == 3
    assert pace.least(0, 0.005) == 1
    assert pace.capacity(1.0) == pytest.approx(1000 / 3)
    assert pace.capacity(0.0) == pytest.approx(500)


def test_a_stall_is_not_taken_for_the_cost_of_a_slate() -> None:
    cost = Cost(0.001)
    cost.add(10.0, 1)
    assert cost.each_s < STALL * 0.001
    for _ in range(2_000):
        cost.add(0.004, 1)
    assert cost.each_s == pytest.approx(0.004, rel=0.01)


def test_the_limit_is_reached_and_left_after_some_time_without_a_break() -> None:
    pace, times = Pace(0.05), [n / 10 for n in range(400)]
    assert not any(pace.look(at, deferred=n % 15 < 14, behind=0) for n, at in enumerate(times))
    pace = Pace(0.05)
    changes = [(at, change) for at in times if (change := pace.look(100.0 + at, deferred=at < 20.0, behind=0))]
    assert [change.to for _, change in changes] == ["reached", "left"]
    assert [at for at, _ in changes] == pytest.approx([ENTER_S, 20.0 + LEAVE_S])
    assert changes[1][1].after_s == pytest.approx(20.0)


def test_records_that_wait_in_kafka_for_longer_than_the_target_are_a_limit_too() -> None:
    pace = Pace(0.05)
    found = [pace.look(at / 10, deferred=0, behind=1_000) for at in range(50)]
    assert [change.to for change in found if change] == ["reached"]
    assert not any(Pace(0.05).look(at / 10, deferred=0, behind=10) for at in range(50))


def test_a_rate_is_an_average_of_the_last_seconds() -> None:
    rate = PerSecond()
    assert rate.value(3.0) == 0.0
    for n in range(1_000):
        rate.add(n / 50, 2.0)
    assert rate.value(20.0) == pytest.approx(100.0, rel=0.02)
    assert rate.value(40.0) < 3.0
