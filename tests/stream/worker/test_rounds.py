"""Rounds with the real engine, on a timer of the test's own: what is made now, what later, and what is said of it."""

import asyncio
import logging
from typing import Any, NamedTuple

import pytest
from faust.types import TP

from stream.config import Slate
from stream.decisions.shard import Shard
from stream.decisions.slates import DrawnSlate
from stream.kafka.polls import Poll
from stream.records.codec import encode
from stream.records.log import Batch, Step
from stream.records.schemas import Event
from stream.worker.intake import Intake, Reading
from stream.worker.pace import ENTER_S, LEAVE_S, OVERDUE_S, Cost
from stream.worker.rounds import Rounds
from tests.support.site import Site, T

VIEWS = TP("events.view", 0)
SLATE_S = 0.01


class Record(NamedTuple):
    """As aiokafka hands it out."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # ms
    key: bytes
    value: bytes


class Worker:
    """A site whose slates take `SLATE_S` each by its timer, while nothing else takes any time."""

    def __init__(self, wait_ms: float) -> None:
        self.site = Site("abcdefgh", slate=Slate(slots=3, wait_ms=wait_ms))
        self.now, self.batches, self.offset = 100.0, list[Batch](), 0
        self.outcomes_acked: dict[str, int] = {}
        self.shard: Shard = self.site.shard
        self.shard.next["events.view"] = 0
        draw = self.site.engine.slates.draw

        def drawing(asked: Any) -> list[DrawnSlate]:
            self.now += SLATE_S * len(asked)
            return draw(asked)

        self.site.engine.slates.draw = drawing  # type: ignore[method-assign]
        writer: Any = self
        intake = Intake(self.site.config, self.site.seen)
        self.rounds = Rounds(self.site.engine, intake, writer, {self.shard.id: self.shard}, lambda: T, lambda: self.now)
        self.rounds.pace.slates.add(1_000 * SLATE_S, 1_000)
        for cost in (self.rounds.pace.events, self.rounds.pace.folds, self.rounds.pace.gaps):
            cost.add(0.0, 1_000)

    async def submit(self, batch: Batch, outgoing: Any, written_at: list[float]) -> None:
        """What the writer does, and the log: at once."""
        del outgoing, written_at
        self.batches.append(batch)
        self.site.fold(batch)
        self.shard.pending = 0

    def take(self, *users: str) -> list[str]:
        """Users with a slate, after a poll with an event of each."""
        records = []
        for user in users:
            event = Event(
                event_id=f"e{self.offset}", user_id=user, item_id="abcdefgh"[self.offset % 8], timestamp=T + self.offset
            )
            records.append(Record("events.view", 0, self.offset, int(T * 1000), user.encode(), encode(event)))
            self.offset += 1
        poll = Poll([(VIEWS, records)])
        poll.fetched_at = self.now
        asyncio.run(self.rounds.take(poll, self._seek))
        return self.answered()

    async def _seek(self, poll: Poll, reading: Reading) -> None:
        assert not reading.seek

    def catch_up(self) -> list[str]:
        """Users with a slate, after a round in a pause."""
        asyncio.run(self.rounds.catch_up())
        return self.answered()

    def answered(self) -> list[str]:
        found, self.batches = self.batches, []
        steps = [step for batch in found for step in batch.records if isinstance(step, Step)]
        return [step.user_id for step in steps if step.decision is not None]


def test_with_time_for_all_every_event_has_its_slate() -> None:
    worker = Worker(wait_ms=200.0)
    assert worker.take("u", "v", "w") == ["u", "v", "w"]
    assert worker.rounds.deferring == 0


def test_without_a_target_all_are_made_however_long_that_takes() -> None:
    worker, users = Worker(wait_ms=0.0), [f"u{n}" for n in range(50)]
    assert worker.take(*users) == users


def test_what_does_not_fit_is_deferred_and_made_in_the_pauses() -> None:
    worker, users = Worker(wait_ms=95.0), [f"u{n}" for n in range(12)]
    assert worker.take(*users) == users[-5:], "half of 95 ms is time for five"
    assert worker.rounds.deferring == 7
    assert worker.site.seen.counts["deferred"] == 7
    assert worker.catch_up() == users[6:4:-1], "who acted last comes first; a quarter of the time of a round"
    assert [*worker.catch_up(), *worker.catch_up(), *worker.catch_up()] == users[4::-1]
    assert worker.rounds.deferring == 0


def test_room_that_a_poll_leaves_goes_to_deferred_slates_in_the_same_message() -> None:
    worker = Worker(wait_ms=95.0)
    worker.take(*[f"u{n}" for n in range(8)])
    assert worker.rounds.deferring == 3
    assert worker.take("v", "w") == ["v", "w", "u2", "u1", "u0"]


def test_a_deferred_user_who_acts_again_gets_one_slate() -> None:
    worker = Worker(wait_ms=95.0)
    worker.take(*[f"u{n}" for n in range(8)])
    assert worker.take("u0", "v") == ["u0", "v", "u2", "u1"]
    assert worker.rounds.deferring == 0


def test_one_slate_in_five_is_for_who_has_waited_too_long() -> None:
    worker = Worker(wait_ms=95.0)
    worker.take(*[f"u{n}" for n in range(12)])
    assert worker.take(*[f"v{n}" for n in range(12)]) == [f"v{n}" for n in range(7, 12)]
    worker.now += OVERDUE_S + 1.0
    assert worker.take(*[f"w{n}" for n in range(12)]) == [*[f"w{n}" for n in range(8, 12)], "u0"]


def test_a_fifth_of_the_time_is_for_slates_even_where_events_take_all_of_it() -> None:
    worker = Worker(wait_ms=95.0)
    worker.rounds.pace.folds = Cost(0.1)
    found = [worker.take(*[f"u{n}" for n in range(12)]) for _ in range(3)]
    assert found == [[], [], []]
    worker.rounds.pace._saved = 2.5
    assert worker.take(*[f"u{n}" for n in range(12)]) == ["u10", "u11"]


def test_a_slate_that_takes_longer_than_a_round_is_made_all_the_same() -> None:
    worker = Worker(wait_ms=1.0)
    assert worker.take("u", "v") == ["v"]
    assert worker.catch_up() == ["u"]


def test_the_limit_is_said_once_when_reached_and_once_when_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stream.worker.rounds")
    worker, said = Worker(wait_ms=95.0), list[bool]()
    worker.site.seen.at_limit = lambda *, reached: said.append(reached)  # type: ignore[method-assign]
    end = worker.now + ENTER_S + 1.0
    while worker.now < end:
        worker.take(*[f"u{n}" for n in range(25)])
        worker.now += 0.4
    assert said == [True]
    for _ in range(2):
        while worker.rounds.deferring:
            worker.catch_up()
        worker.rounds.look()
        worker.now += LEAVE_S + 1.0
    worker.rounds.look()
    assert said == [True, False]
    first, last = [record.getMessage() for record in caplog.records]
    assert first.startswith("at the limit: ")
    assert "a slate takes 10.00 ms" in first
    assert "Start another worker" in first
    assert last.startswith("no longer at the limit, after ")
