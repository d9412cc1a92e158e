"""Which requests of a poll get a slate, and what the others are told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP

from stream.config import Slate
from stream.decisions.arrivals import Arrival, SlateAsked
from stream.gateway.memory.answered import Answered
from stream.kafka.polls import Poll
from stream.records.codec import encode
from stream.records.log import Batch, Step
from stream.records.requests import Request, Response
from stream.records.schemas import Event
from stream.worker.asking.requests import refuse
from stream.worker.intake import Intake, Reading
from stream.worker.rounds import Rounds
from tests.stream.worker.test_rounds import Record
from tests.support.site import Site, T, did

REQUESTS, VIEWS = TP("requests", 0), TP("events.view", 0)


def asked(name: str, *, written: float = T, deadline_ms: int | None = None) -> SlateAsked:
    return SlateAsked(Request(request_id=name, user_id=f"u-{name}", deadline_ms=deadline_ms), T, written)


def names(arrivals: list[Arrival]) -> list[str]:
    return [each.request.request_id for each in arrivals if isinstance(each, SlateAsked)]


@pytest.mark.parametrize(("deadline_ms", "late"), [(None, False), (1000, False), (999, True)])
def test_past_its_deadline_nobody_waits_for_a_slate(deadline_ms: int | None, late: bool) -> None:
    arrivals: list[Arrival] = [did("v", "a"), asked("r", deadline_ms=deadline_ms), did("v", "b")]
    ((*refused,),) = refuse([arrivals], T + 1.0, None)
    assert [each.status for each in refused] == (["late"] if late else [])
    assert len(arrivals) == 2 + (not late)


def test_beyond_the_room_the_first_ones_are_answered_over_all_parts_and_at_least_one() -> None:
    for room, answered in ((0, 1), (1, 1), (3, 3), (None, 5)):
        parts: list[list[Arrival]] = [[asked("a"), asked("b")], [], [asked("c"), asked("d"), asked("e")]]
        refused = refuse(parts, T, room)
        assert [name for part in parts for name in names(part)] == [*"abcde"][:answered]
        assert [each.status for part in refused for each in part] == ["busy"] * (5 - answered)


def test_who_is_late_takes_nobodys_place() -> None:
    parts: list[list[Arrival]] = [[asked("a", written=T - 9, deadline_ms=1), asked("b")]]
    refuse(parts, T, 1)
    assert names(parts[0]) == ["b"]


class Worker:
    """Rounds with the real engine; the log is a list."""

    def __init__(self, **slate: Any) -> None:
        self.site = Site("abcdefgh", slate=Slate(slots=3, **slate))
        self.shard = self.site.shard
        self.shard.next |= {"events.view": 0, "requests": 0}
        self.sent, self.statuses, self.outcomes_acked = list[Any](), list[tuple[str, float]](), dict[str, int]()
        self.batches = list[Batch]()
        writer: Any = self
        self.site.seen.responded = lambda *answer: self.statuses.append(answer)  # type: ignore[method-assign]
        intake = Intake(self.site.config, self.site.seen)
        self.rounds = Rounds(self.site.engine, intake, writer, {self.shard.id: self.shard}, lambda: T + 1, lambda: 0.0)

    async def submit(self, batch: Batch, outgoing: Any, written_at: list[float]) -> None:
        del written_at
        self.sent += outgoing
        self.batches.append(batch)
        self.site.fold(batch)

    def take(self, *requests: Request, events: Sequence[Event] = ()) -> list[Response]:
        """The responses to a poll of views and of requests that were written after them."""

        async def seek(poll: Poll, reading: Reading) -> None:
            assert not reading.seek

        first = self.shard.next["requests"]
        records = [
            Record("requests", 0, first + n, int(T * 1000), each.user_id.encode(), encode(each))
            for n, each in enumerate(requests)
        ]
        seen = [
            Record("events.view", 0, n, int(T * 1000) - 1, each.user_id.encode(), encode(each))
            for n, each in enumerate(events, self.shard.next["events.view"])
        ]
        self.sent = []
        asyncio.run(self.rounds.take(Poll([*([(VIEWS, seen)] if seen else []), (REQUESTS, records)]), seek))
        return [each.record for each in self.sent if each.topic.name == "responses"]


def test_each_request_is_answered_and_what_was_made_is_published_too_and_logged() -> None:
    worker = Worker(wait_ms=0)
    found = worker.take(
        Request(request_id="a", user_id="u"),
        Request(request_id="b", user_id="v", deadline_ms=5),
        Request(request_id="c", user_id="w", exclude=[*"abcdefgh"]),
    )
    assert {each.request_id: each.status for each in found} == {"a": "fresh", "b": "late", "c": "empty"}
    (slate,) = [each.recommendation for each in found if each.recommendation is not None]
    assert [each.record for each in worker.sent if each.topic.name == "recommendations"] == [slate]
    (step,) = worker.batches[-1].records
    assert isinstance(step, Step)
    assert step.decision is not None
    assert (step.decision.decision_id, step.decision.request_id) == (slate.decision_id, "a")
    assert worker.batches[-1].next == {"requests": 3}
    assert [each.reason for each in found if each.status == "late"] == ["the deadline had passed 995 ms ago"]
    assert sorted(worker.statuses) == [("empty", 1.0), ("fresh", 1.0), ("late", 1.0)]


def test_a_burst_is_refused_early_and_nothing_of_it_waits() -> None:
    worker = Worker(wait_ms=20.0)
    worker.rounds.pace.slates.add(10.0, 1_000)
    found = worker.take(*(Request(request_id=f"r{n}", user_id=f"u{n}") for n in range(150)))
    statuses = [each.status for each in found]
    assert len(found) == 150
    assert 1 <= statuses.count("fresh") <= 10
    assert statuses.count("busy") == 150 - statuses.count("fresh")
    assert worker.rounds.deferring == 0
    assert len(worker.site.shard.users) == statuses.count("fresh"), "who was refused left nothing behind"


def test_a_request_right_after_an_event_answers_both_whoever_waits_for_the_events_slate() -> None:
    worker = Worker(wait_ms=0)
    mine = Event(event_id="mine", user_id="u", item_id="a", timestamp=T)
    (found,) = worker.take(Request(request_id="r", user_id="u", timestamp=T + 30.0), events=[mine])
    (published,) = [each.record for each in worker.sent if each.topic.name == "recommendations"]
    assert found.recommendation == published, "the event has no slate of its own"
    assert (published.event_id, published.timestamp) == ("mine", T + 30.0)
    answered = Answered(10, 10)
    answered.event(mine, T)
    answered.slate(published)
    assert answered.knows("u", "mine")
    (later,) = worker.take(Request(request_id="later", user_id="u", timestamp=T + 60.0))
    assert later.recommendation is not None
    assert later.recommendation.event_id is None
