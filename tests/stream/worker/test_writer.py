"""The log has a batch only after its recommendations are acknowledged, and batches in their order."""

import asyncio
from typing import Any

import pytest

from stream.observe import Observer
from stream.records.log import LOG_VERSION, Batch, Decision, ProfileChange, Record, Step, encode_message
from stream.records.schemas import DeadLetter
from stream.records.topics import DEAD, PLACED, RECOMMENDATIONS
from stream.worker.writer import OutgoingRecord, SendError, Writer, slate_records

LETTER = DeadLetter(
    topic="events.view", partition=0, offset=4, timestamp=0.0, reason="not_json", detail="", key=None, value=b"?"
)
OUTGOING = [OutgoingRecord(DEAD, None, LETTER)]


class Producer:
    """Acknowledges a record when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []
        self.futures: list[asyncio.Future[Any]] = []

    async def send(self, topic: str, **record: Any) -> "asyncio.Future[Any]":
        self.sent.append((topic, record["value"]))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    async def stop(self) -> None:
        """Nothing is held."""

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _ in self.sent]


class Started:
    """A writer with its producer, and the errors that it reported."""

    def __init__(self) -> None:
        self.made = Producer()
        self.errors: list[tuple[str, SendError]] = []
        connections: Any = self  # it makes the producer
        self.writer = Writer(connections, "", Observer(), lambda: 0.0, lambda *error: self.errors.append(error))

    async def producer(self) -> Producer:
        return self.made

    async def __aenter__(self) -> "Started":
        await self.writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.writer._tasks:
            task.cancel()


def batch(seq: int) -> Batch:
    return Batch(LOG_VERSION, "users/0", 0, seq, {}, 0.0, [])


async def others_run() -> None:
    """Let all other tasks run."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_batch_waits_for_its_records_and_for_the_batch_before() -> None:
    async def submit() -> None:
        async with Started() as started:
            made, writer = started.made, started.writer
            await writer.submit(batch(0), OUTGOING, [])
            await writer.submit(batch(1), [], [])
            await others_run()
            assert made.topics == ["events.dead"], "batch 1 has no records, but waits for batch 0"
            made.futures[0].set_result(None)
            await others_run()
            assert made.sent[1:] == [("headwater.log", encode_message(batch(n))) for n in (0, 1)]
            assert started.errors == []

    asyncio.run(submit())


@pytest.fixture
def slow_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals that a slow machine does not pass by chance."""
    monkeypatch.setattr("stream.worker.writer.LOG_INTERVAL_S", 0.3)
    monkeypatch.setattr("stream.worker.writer.LOG_LATEST_S", 0.6)


@pytest.mark.usefixtures("slow_log")
def test_batches_of_one_interval_go_to_the_log_together_and_in_order() -> None:
    async def submit() -> None:
        async with Started() as started:
            made, writer = started.made, started.writer
            await writer.submit(batch(0), [], [])
            await others_run()
            assert len(made.sent) == 1, "after a pause the first one goes at once"
            for seq in (1, 2, 3):
                await writer.submit(batch(seq), OUTGOING if seq == 2 else [], [])
            made.futures[-1].set_result(None)
            await others_run()
            assert made.topics == ["headwater.log", "events.dead"]
            began = asyncio.get_running_loop().time()
            while len(made.sent) == 2:
                await asyncio.sleep(0)
            assert asyncio.get_running_loop().time() - began > 0.1
            await writer.drain()
            assert made.sent[2:] == [("headwater.log", encode_message(batch(n))) for n in (1, 2, 3)]

    asyncio.run(submit())


@pytest.mark.usefixtures("slow_log")
def test_batches_go_to_the_log_with_the_next_slates_once_the_interval_has_passed() -> None:
    async def submit() -> None:
        async with Started() as started:
            made, writer = started.made, started.writer
            for seq in range(4):  # 0 goes after a pause, the others wait for the slates of 4
                await writer.submit(batch(seq), OUTGOING, [])
                made.futures[-1].set_result(None)
                await others_run()
            assert made.topics.count("headwater.log") == 1
            await asyncio.sleep(0.35)
            assert made.topics.count("headwater.log") == 1, "not alone, so early"
            await writer.submit(batch(4), OUTGOING, [])
            assert made.topics[-4:] == [*["headwater.log"] * 3, "events.dead"], "in one request"
            assert made.sent[-4:-1] == [("headwater.log", encode_message(batch(n))) for n in (1, 2, 3)]
            made.futures[-1].set_result(None)
            await writer.drain()
            assert made.sent[-1] == ("headwater.log", encode_message(batch(4)))

    asyncio.run(submit())


def test_a_slate_counts_from_its_acknowledgement_and_not_from_the_log() -> None:
    seen, now = list[float](), [5.0]

    class Published(Observer):
        def published(self, seconds: float) -> None:
            seen.append(seconds)

    async def submit() -> None:
        async with Started() as started:
            started.writer.observer, started.writer.clock = Published(), lambda: now[0]
            await started.writer.submit(batch(0), [], [])
            await others_run()
            await started.writer.submit(batch(1), OUTGOING, [4.0])
            started.made.futures[-1].set_result(None)
            await others_run()
            now[0] = 9.0
            await started.writer.drain()

    asyncio.run(submit())
    assert seen == [1.0]


def test_a_failed_record_keeps_its_batch_out_of_the_log() -> None:
    async def submit() -> None:
        async with Started() as started:
            await started.writer.submit(batch(0), OUTGOING, [])
            started.made.futures[0].set_exception(OSError("gone"))
            await started.writer.drain()
            assert started.made.topics == ["events.dead"]
            assert {shard for shard, _ in started.errors} == {"users/0"}
            assert "gone" in str(started.errors[0][1])

    asyncio.run(submit())


def test_outcomes_count_as_acknowledged_only_when_all_of_them_are() -> None:
    async def send() -> None:
        async with Started() as started:
            for offset, error in ((5, None), (9, OSError("gone"))):
                started.writer.send_soon("users/0", OUTGOING, offset)
                flushed = asyncio.create_task(started.writer.flush_soon())
                await others_run()
                if error is None:
                    started.made.futures[-1].set_result(None)
                else:
                    started.made.futures[-1].set_exception(error)
                await flushed
                assert started.writer.outcomes_acked == {"users/0": 5}
            assert len(started.errors) == 1

    asyncio.run(send())


def test_slates_of_placements_go_to_a_topic_of_their_own_and_further_pages_to_none() -> None:
    def made(placement: str) -> Step:
        decision = Decision("d", 0.0, "ranked", 0.0, 0, 0, [], b"", b"", b"", b"", b"", placement=placement)
        return Step.without_event("a/b", decision=decision)

    records: list[Record] = [made(""), made("cart"), made("/2"), made("cart/2"), ProfileChange("u", None)]
    batch = Batch(LOG_VERSION, "users/3", 0, 0, {}, 0.0, records)
    found = [
        (each.topic, each.key, each.record is None, each.partition)
        for each in slate_records(batch, ("ranked",), ("cart", "mail"))
    ]
    assert found == [
        (RECOMMENDATIONS, b"a/b", False, 3), (PLACED, b"a/b/cart", False, 3), (RECOMMENDATIONS, b"u", True, 3),
        (PLACED, b"u/cart", True, 3), (PLACED, b"u/mail", True, 3),
    ]  # fmt: skip
