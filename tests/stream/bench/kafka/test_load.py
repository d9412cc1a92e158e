"""The load: events to the partition of their user, batches that are split, and a steady rate."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka.partitioner import murmur2

from stream.bench.kafka.load import pace, send
from stream.bench.workloads import workload
from stream.config import Config
from stream.records.schemas import Event

PARTITIONS = 4


class Batch:
    """A batch with room for so many records."""

    def __init__(self, room: int) -> None:
        self.room, self.records = room, list[tuple[bytes, bytes]]()

    def append(self, *, key: bytes, value: bytes, timestamp: int | None) -> object | None:
        if len(self.records) == self.room:
            return None
        self.records.append((key, value))
        return object()


class Producer:
    """Keeps what is sent: topic, partition and records of every batch."""

    def __init__(self, room: int = 1_000) -> None:
        self.room, self.sent = room, list[tuple[str, int, list[tuple[bytes, bytes]]]]()

    def create_batch(self) -> Batch:
        return Batch(self.room)

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> None:
        self.sent.append((topic, partition, batch.records))

    def events(self) -> list[Event]:
        return [msgspec.json.decode(value, type=Event) for *_, records in self.sent for _, value in records]


@pytest.mark.parametrize("room", [1_000, 7, 1])
def test_events_go_to_the_partition_of_their_user_and_none_is_lost(room: int) -> None:
    producer, events = Producer(room), list(workload(200, users=20))
    sender: Any = producer
    asyncio.run(send(sender, Config(), events, PARTITIONS))
    assert sorted(event.event_id for event in producer.events()) == sorted(event.event_id for _, event in events)
    kinds = {event.event_id: kind for kind, event in events}
    for topic, partition, records in producer.sent:
        assert 0 < len(records) <= room
        for key, value in records:
            event = msgspec.json.decode(value, type=Event)
            assert (event.user_id.encode(), topic) == (key, f"events.{kinds[event.event_id]}")
            assert (murmur2(key) & 0x7FFFFFFF) % PARTITIONS == partition
    if room == 1_000:
        assert len(producer.sent) == len({(topic, partition) for topic, partition, _ in producer.sent})


def test_events_of_a_user_keep_their_order() -> None:
    producer, events = Producer(3), list(workload(100, users=2))
    sender: Any = producer
    asyncio.run(send(sender, Config(), events, PARTITIONS))
    for user in ("u0", "u1"):
        views = [event.event_id for kind, event in events if kind == "view" and event.user_id == user]
        sent = [event.event_id for event in producer.events() if event.event_id in set(views)]
        assert sent == views


def test_a_pace_is_kept_and_due_times_do_not_depend_on_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock jumps: the second look is late, so what was due meanwhile is sent at once."""
    clock = iter([100.0, 100.0, 100.0, 100.35, 100.35, 100.36, 109.0, 109.0])
    monkeypatch.setattr("stream.bench.kafka.load.time", SimpleNamespace(time=clock.__next__))
    producer, events, due_at = Producer(), list(workload(6)), dict[str, float]()
    sender: Any = producer
    asyncio.run(pace(sender, Config(), events, PARTITIONS, 10.0, due_at))
    dated = {event.event_id: event.timestamp for event in producer.events()}
    ids = [event.event_id for _, event in events]
    assert [round(due_at[each] - 100.0, 6) for each in ids] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert [dated[each] for each in ids] == [100.0, 100.35, 100.35, 100.35, 109.0, 109.0]
