"""The load: events sent to topics of their own, at once or at a steady rate."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from stream.bench.workloads import workload
from stream.config import Config
from stream.kafka.admin import create_or_verify
from stream.kafka.security import aiokafka_options
from stream.records.codec import encode
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, prefixed

TICK_S = 0.002  # between two sends of what is due: one request for all partitions
STEADY_TICK_S = 0.02  # the same where latency is not measured


def prepared(config: Config, name: str) -> Config:
    """Create empty topics for one measure; returns the settings with their namespace."""
    kafka = msgspec.structs.replace(config.kafka, namespace=f"bench-{name}-{time.time_ns()}")
    create_or_verify(kafka)
    return msgspec.structs.replace(config, kafka=kafka)


async def send(
    producer: AIOKafkaProducer, config: Config, events: list[tuple[EventType, Event]], partitions: int
) -> None:
    """Send events, those of one partition in one batch; returns when they are queued."""
    batches: dict[tuple[str, int], Any] = {}
    for kind, event in events:
        topic, key = prefixed(config.kafka.namespace, EVENT_TOPICS[kind]), event.user_id.encode()
        target = topic, (murmur2(key) & 0x7FFFFFFF) % partitions
        batch = batches.get(target) or producer.create_batch()
        if batch.append(key=key, value=encode(event), timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=target[1])
            batch = producer.create_batch()
            batch.append(key=key, value=encode(event), timestamp=None)
        batches[target] = batch
    for (topic, partition), batch in batches.items():
        await producer.send_batch(batch, topic, partition=partition)


def producer_of(config: Config) -> AIOKafkaProducer:
    """Make a producer, to be started by `async with`."""
    return AIOKafkaProducer(**aiokafka_options(config.kafka), acks="all", max_batch_size=128 * 1024)


async def write_backlog(config: Config, events: int) -> None:
    """Write so many events as fast as possible."""
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        await send(producer, config, list(workload(events)), partitions)


async def send_steadily(config: Config, events: Iterator[tuple[EventType, Event]], rate: float) -> None:
    """Send events at a steady rate, dated now, until cancelled."""
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        started, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - started) * rate) + 1 - sent
            now = time.time()
            fresh = [(kind, msgspec.structs.replace(event, timestamp=now)) for kind, event in islice(events, due)]
            await send(producer, config, fresh, partitions)
            sent += due
            await asyncio.sleep(STEADY_TICK_S)


async def pace(
    producer: AIOKafkaProducer, config: Config, events: list[tuple[EventType, Event]], partitions: int, rate: float,
    due_at: dict[str, float],
) -> None:  # fmt: skip
    """Send all events at a steady rate, dated now; note in `due_at` when each was due, unix seconds."""
    start, done = time.time(), 0
    while done < len(events):
        due = min(len(events), int((time.time() - start) * rate) + 1)
        if due > done:
            now = time.time()
            fresh = [(kind, msgspec.structs.replace(event, timestamp=now)) for kind, event in events[done:due]]
            due_at.update((event.event_id, start + (done + n) / rate) for n, (_, event) in enumerate(fresh))
            await send(producer, config, fresh, partitions)
            done = due
        await asyncio.sleep(TICK_S)
