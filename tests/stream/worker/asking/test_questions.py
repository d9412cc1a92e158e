"""Questions in polls: answered on their partition, refused when there are too many, and never in the log."""

import asyncio
from collections.abc import Sequence
from typing import Any

from faust.types import TP

from stream.decisions.arrivals import QuestionAsked
from stream.kafka.polls import Poll
from stream.records.codec import encode
from stream.records.log import Batch
from stream.records.questions.records import Question, QuestionAnswer
from stream.records.requests import Request, Response
from stream.worker.asking.questions import LONG, SHORT
from stream.worker.intake import Intake, Reading
from stream.worker.rounds import Rounds
from stream.worker.writer import OutgoingRecord
from tests.stream.worker.test_rounds import Record
from tests.support.site import Site, T, did

REQUESTS = TP("requests", 0)
NOW = T + 1


class Worker:
    """Rounds with the real engine; the log is a list."""

    def __init__(self) -> None:
        self.site = Site("abc")
        self.site.take(did("u", "a", T), did("u", "b", T + 0.5))
        self.shard = self.site.shard
        self.shard.next["requests"] = 0
        self.sent, self.batches, self.outcomes_acked = list[OutgoingRecord](), list[Batch](), dict[str, int]()
        self.counted = list[tuple[str, str]]()
        self.site.seen.questioned = lambda *found: self.counted.append(found)  # type: ignore[method-assign]
        writer: Any = self
        self.now = NOW
        self.rounds = Rounds(
            self.site.engine, Intake(self.site.config, self.site.seen), writer, {self.shard.id: self.shard},
            lambda: self.now, lambda: 0.0,
        )  # fmt: skip

    async def submit(self, batch: Batch, outgoing: Sequence[OutgoingRecord], written_at: list[float]) -> None:
        del written_at
        self.sent += outgoing
        self.batches.append(batch)
        self.site.fold(batch)

    async def send(self, shard: str, outgoing: Sequence[OutgoingRecord]) -> list[Any]:
        assert shard == self.shard.id
        self.sent += outgoing
        return []

    def take(self, *asked: Question | Request | bytes) -> list[Any]:
        """What comes on `responses` after one poll."""

        async def seek(poll: Poll, reading: Reading) -> None:
            assert not reading.seek

        async def run() -> None:
            await self.rounds.take(Poll([(REQUESTS, records)]), seek)
            while self.rounds.questions.open:
                await asyncio.sleep(0.001)

        first = self.shard.next["requests"]
        records = [
            Record("requests", 0, first + n, int(T * 1000), b"u", each if isinstance(each, bytes) else encode(each))
            for n, each in enumerate(asked)
        ]
        self.sent = []
        asyncio.run(run())
        return [each.record for each in self.sent if each.topic.name == "responses"]


def question(name: str = "r", **fields: Any) -> Question:
    return Question(**({"request_id": name, "question": "latest"} | fields))


def test_a_question_is_answered_on_its_partition_and_leaves_nothing() -> None:
    worker = Worker()
    before, seq = worker.site.model.fingerprint(), worker.shard.seq
    (found,) = worker.take(question(k=2))
    assert isinstance(found, QuestionAnswer)
    assert [each.item_id for each in found.items] == ["c", "b"]
    assert [(each.key, each.partition) for each in worker.sent] == [(None, 0)]
    assert (worker.batches, worker.shard.seq, worker.site.model.fingerprint()) == ([], seq, before)
    assert worker.shard.next["requests"] == 1
    assert worker.counted == [("latest", "answered")]


def test_the_positions_go_into_the_log_with_the_next_message() -> None:
    worker = Worker()
    worker.take(question(), question("s"))
    worker.take(question("t"))
    worker.shard.seq = max(1, worker.shard.seq)
    assert worker.shard.message([], {"events.view": 7}, last=True).next == {"requests": 3, "events.view": 7}
    assert worker.shard.message([], {"events.view": 8}, last=True).next == {"events.view": 8}


def test_questions_stand_beside_requests_and_unreadable_ones_become_dead_letters() -> None:
    worker = Worker()
    found = worker.take(
        question("q"), Request(request_id="s", user_id="u"), b'{"request_id": "d", "question": "similar"}',
    )  # fmt: skip
    assert {type(each): each.request_id for each in found} == {QuestionAnswer: "q", Response: "s"}
    (batch,) = worker.batches
    assert batch.next == {"requests": 3}
    (dead,) = [each.record for each in worker.sent if each.topic.name == "events.dead"]
    assert dead is not None
    assert "`of` must name an item" in dead.detail  # type: ignore[attr-defined]


def test_past_its_deadline_a_question_is_late() -> None:
    worker = Worker()
    found = worker.take(question(deadline_ms=999), question("s", deadline_ms=1000), question("t"))
    assert {each.request_id: each.status for each in found} == {"r": "late", "s": "answered", "t": "answered"}
    assert [each.reason for each in found if each.status == "late"] == ["the deadline had passed 1 ms ago"]


def test_what_takes_too_long_is_given_up() -> None:
    worker = Worker()
    worker.site.take(did("v", "a", T + 1))
    parts = worker.rounds.questions.parts(worker.shard, _asked(question(question="audience", of="c", deadline_ms=1500)))
    worker.now = T + 1.6
    (found,) = parts
    assert found is not None
    assert found.status == "late"


def test_beyond_the_queues_questions_are_refused_at_once_those_of_items_and_users_apart() -> None:
    worker = Worker()
    users = [question(f"u{n}", question="audience", of="c") for n in range(LONG + 3)]
    found = worker.take(*users, *(question(f"i{n}") for n in range(SHORT + 2)))
    statuses = [each.status for each in found]
    assert (statuses.count("answered"), statuses.count("busy")) == (LONG + SHORT, 5)
    assert {each.request_id for each in found if each.status == "busy"} == {
        *(f"u{n}" for n in range(LONG, LONG + 3)), *(f"i{n}" for n in range(SHORT, SHORT + 2)),
    }  # fmt: skip
    assert [each.status for each in worker.take(question("again"))] == ["answered"]


def _asked(question: Question) -> Any:
    return QuestionAsked(question, T, T)
