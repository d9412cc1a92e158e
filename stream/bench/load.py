"""Speed through a real Kafka on this machine: a backlog worked off, and the latency at a steady rate.

Broker, worker, generator and meter share the machine; the events are those of `workloads.py`.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from kafka import KafkaAdminClient

from stream.bench.workloads import workload
from stream.config import Config, Kafka
from stream.errors import CheckError
from stream.kafka.admin import create_or_verify
from stream.kafka.security import aiokafka_options, kafka_options
from stream.processes.servers import EchoProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, LOG, RECOMMENDATIONS, Topic, prefixed

TICK_S = 0.002  # the generator sends what is due so often: one request for all partitions
STEADY_TICK_S = 0.02  # the same where latency is not what is measured
LOWEST_RATE, TOO_LATE_MS, ENOUGH = 125.0, 1000.0, 0.8  # of a sweep, and what ends it
EVENTS_PER_USER = 4  # of those who are there when a worker is killed


class Latency(NamedTuple):
    """Milliseconds from when an event was due until its slate is read.

    Not from when it was sent: who cannot keep up with the rate is charged for all that waits meanwhile, the generator
    too (coordinated omission).
    """

    events: int
    rate: float  # events per second
    answered: float  # share of the events that got a slate of their own
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    worker_cpu: float  # share of one core


class Backlog(NamedTuple):
    """A backlog worked off."""

    workers: int
    events: int
    slates: int
    seconds: float
    rate: float  # events per second, of all workers
    worker_cpu: float  # cores, of all workers
    log_bytes: float  # an event, of headwater.log: every worker reads them all
    slate_bytes: float  # a slate, of the topic of recommendations


class Answered(NamedTuple):
    """A backlog to which every event gets an answer of its own."""

    events: int
    seconds: float
    rate: float  # events per second
    cpu: float  # share of one core


class Process(Protocol):
    """What answers events: a worker, or what it is compared with."""

    def cpu_seconds(self) -> float:
        """CPU time that it has taken so far."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""


class Restart(NamedTuple):
    """A worker that was killed, and the one that goes on."""

    users: int
    events: int
    model_mb: float  # snapshot of the model
    users_mb: float  # snapshots of the users
    ready_s: float  # from the start of the process until it serves
    recovery_s: float  # of which: from the claims until its partitions are served


async def measure_restart(config: Config, users: int) -> Restart:
    """Let a worker learn `users` users and as many items, kill it when all is in snapshots, and start it again."""
    config = prepared(config, "restart")
    kafka = msgspec.structs.replace(config.kafka, instance_id="one")  # else the next one waits for the session's end
    settings = msgspec.structs.replace(config.worker, snapshot_s=10.0)
    config = msgspec.structs.replace(config, kafka=kafka, worker=settings)
    events = EVENTS_PER_USER * users
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        made = workload(events, users=users, items=users)
        while part := list(islice(made, 20_000)):
            await send(producer, config, part, partitions)
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        await _worked_off([worker], events)
        await asyncio.sleep(2.5 * settings.snapshot_s)  # everything is stored once, with all of it
        sizes = _page([worker]).metrics
        worker.stop(signal.SIGKILL)
        started = time.monotonic()
        worker.start()
        worker.wait_ready()
        ready_s = time.monotonic() - started
        recovery_s = _page([worker]).metrics["headwater_recovery_seconds_sum"]
    model_mb, users_mb = (sizes[f'headwater_snapshot_size_bytes{{type="{what}"}}'] / 1e6 for what in ("model", "users"))
    return Restart(users, events, model_mb, users_mb * partitions, ready_s, recovery_s)


async def measure_backlog(config: Config, events: int, workers: int = 1) -> Backlog:
    """Write `events` before workers start, then see how fast they work them off, slates that were put off too."""
    config = prepared(config, "backlog")
    await write_backlog(config, events)
    with ExitStack() as stack:
        started = [stack.enter_context(WorkerProcess(config)) for _ in range(workers)]
        for worker in started:
            worker.wait_ready()
        first = await _until(started, "headwater_events_total", 0.2 * events)
        last = await _worked_off(started, events)
        log, slates = await asyncio.to_thread(_bytes, config.kafka, (LOG, RECOMMENDATIONS))
    seconds = last.at - first.at
    done = last.metrics["headwater_events_total"] - first.metrics["headwater_events_total"]
    cpu = last.metrics["process_cpu_seconds_total"] - first.metrics["process_cpu_seconds_total"]
    made = int(last.metrics["headwater_decisions_opened_total"])
    return Backlog(workers, events, made, seconds, done / seconds, cpu / seconds, log / events, slates / max(1, made))


def _bytes(kafka: Kafka, topics: Sequence[Topic]) -> list[int]:
    """How much the brokers keep of each topic."""
    admin = KafkaAdminClient(**kafka_options(kafka))
    try:
        found = admin.describe_log_dirs()
    finally:
        admin.close()
    sizes: Counter[str] = Counter()
    for broker in found:
        for folder in broker["log_dirs"]:
            for topic in folder["topics"]:
                sizes[topic["name"]] += sum(each["partition_size"] for each in topic["partitions"])
    return [sizes[prefixed(kafka.namespace, topic)] for topic in topics]


async def measure_latency(config: Config, rate: float, seconds: float) -> Latency:
    """Send at a steady rate and read every slate; the first seconds are not counted."""
    config = prepared(config, f"latency-{rate:.0f}")
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        return await steady(config, worker, rate, seconds)


async def measure_transport(config: Config, events: int, rates: Sequence[float], seconds: float) -> list[Any]:
    """Do both with the transport alone: an answer to every event, and no engine."""
    found: list[Any] = []
    if events:
        config = prepared(config, "transport")
        await write_backlog(config, events)
        with EchoProcess(config) as echo:
            found.append(await answered(config, echo, events))
    for rate in rates:
        config = prepared(config, f"transport-{rate:.0f}")
        with EchoProcess(config) as echo:
            echo.wait_ready()
            found.append(await steady(config, echo, rate, seconds))
    return found


async def write_backlog(config: Config, events: int) -> None:
    """Write so many events."""
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        await send(producer, config, list(workload(events)), partitions)


async def answered(config: Config, process: Process, events: int, within_s: float = 120.0) -> Answered:
    """See how fast a backlog is answered, event by event, from the first fifth on; at most for so long."""
    topic = prefixed(config.kafka.namespace, RECOMMENDATIONS)
    async with producer_of(config) as producer:
        tps = [TopicPartition(topic, p) for p in await producer.partitions_for(topic)]
    async with AIOKafkaConsumer(**aiokafka_options(config.kafka), group_id=None) as consumer:
        first, began = None, time.monotonic()
        while True:
            count = sum((await consumer.end_offsets(tps)).values())
            now = time.monotonic()
            if first is None and count >= events:
                raise CheckError(f"backlog: must take longer to be measured than {events} events: give more")
            if first is None and count >= 0.2 * events:
                first = count, now, process.cpu_seconds()
            if first is not None and (count >= events or (now - first[1] > within_s and count > first[0])):
                seconds, cpu = now - first[1], process.cpu_seconds() - first[2]
                return Answered(count, seconds, (count - first[0]) / seconds, cpu / seconds)
            if process.exit_code is not None or now - began > 2.0 * within_s:
                raise CheckError(f"backlog: must be answered; got {count} of {events} answers in {now - began:.0f} s")
            await asyncio.sleep(0.05)


def prepared(config: Config, name: str) -> Config:
    """The same settings with empty topics of their own."""
    kafka = msgspec.structs.replace(config.kafka, namespace=f"bench-{name}-{time.time_ns()}")
    create_or_verify(kafka)
    return msgspec.structs.replace(config, kafka=kafka)


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


class _Page(NamedTuple):
    at: float
    metrics: dict[str, float]


async def steady(config: Config, process: Process, rate: float, seconds: float, warm_up_s: float = 5.0) -> Latency:
    """Send at a steady rate to what runs already, and read every answer; the first seconds are not counted."""
    topic = prefixed(config.kafka.namespace, RECOMMENDATIONS)
    consumer = AIOKafkaConsumer(**aiokafka_options(config.kafka), group_id=None, enable_auto_commit=False,
                                fetch_max_wait_ms=100)  # fmt: skip
    await consumer.start()
    try:
        async with producer_of(config) as producer:
            partitions = len(await producer.partitions_for(topic))
            tps = [TopicPartition(topic, p) for p in range(partitions)]
            consumer.assign(tps)
            await consumer.seek_to_end(*tps)
            sent_at: dict[str, float] = {}
            late: list[tuple[float, float]] = []  # (due at, latency)
            meter = asyncio.create_task(_meter(consumer, sent_at, late))
            start = time.time()
            cpu_before = process.cpu_seconds()
            events = list(workload(int(rate * (warm_up_s + seconds))))
            await _pace(producer, config, events, partitions, rate, sent_at)
            await asyncio.sleep(1.0)
            cpu = process.cpu_seconds() - cpu_before
            elapsed = time.time() - start
            meter.cancel()
    finally:
        await consumer.stop()
    measured = np.array([latency for at, latency in late if at >= start + warm_up_s]) * 1000
    if len(measured) == 0:
        raise CheckError(f"latency: must measure most of {rate * seconds:.0f} events; got not one slate")
    p50, p90, p99, top = np.percentile(measured, (50, 90, 99, 100)).tolist()
    answered = min(1.0, len(measured) / (rate * seconds))
    return Latency(len(measured), rate, answered, p50, p90, p99, top, cpu / elapsed)


async def measure_sweep(config: Config, seconds: float) -> list[Latency]:
    """Double the rate until the worker does not keep up."""
    found = list[Latency]()
    while not found or (found[-1].p99_ms < TOO_LATE_MS and found[-1].answered > ENOUGH):
        found.append(await measure_latency(config, 2.0 * found[-1].rate if found else LOWEST_RATE, seconds))
    return found


async def _pace(
    producer: AIOKafkaProducer, config: Config, events: list[tuple[EventType, Event]], partitions: int, rate: float,
    sent_at: dict[str, float],
) -> None:  # fmt: skip
    start, done = time.time(), 0
    while done < len(events):
        due = min(len(events), int((time.time() - start) * rate) + 1)
        if due > done:
            now = time.time()
            fresh = [(kind, msgspec.structs.replace(event, timestamp=now)) for kind, event in events[done:due]]
            sent_at.update((event.event_id, start + (done + n) / rate) for n, (_, event) in enumerate(fresh))
            await send(producer, config, fresh, partitions)
            done = due
        await asyncio.sleep(TICK_S)


async def _meter(consumer: AIOKafkaConsumer, sent_at: dict[str, float], late: list[tuple[float, float]]) -> None:
    while True:
        found = await consumer.getmany(timeout_ms=1000)
        now = time.time()
        for records in found.values():
            for record in records:
                at = sent_at.pop(msgspec.json.decode(record.value)["event_id"], None)
                if at is not None:
                    late.append((at, now - at))


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
    """A producer, to be started by `async with`."""
    return AIOKafkaProducer(**aiokafka_options(config.kafka), acks="all", max_batch_size=128 * 1024)


async def _until(workers: Sequence[WorkerProcess], metric: str, value: float) -> _Page:
    before, still = -1.0, time.monotonic()
    while True:
        page = _page(workers)
        now = page.metrics.get(metric, 0.0)
        if now >= value:
            return page
        if now > before:
            before, still = now, time.monotonic()
        if time.monotonic() - still > 60:
            raise CheckError(f"worker: {metric} must reach {value:.0f}; got stuck at {now:.0f}")
        await asyncio.sleep(0.1)


async def _worked_off(workers: Sequence[WorkerProcess], events: int) -> _Page:
    """Wait until so many events are taken in and learned, and every user has the slate that was put off."""
    began = (await _until(workers, "headwater_events_total", events)).at
    while True:
        page = _page(workers)
        if not page.metrics["headwater_in_flight_records"] and not page.metrics["headwater_slates_put_off"]:
            return page
        if page.at - began > 60:
            raise CheckError("worker: must learn all events and make all slates; did not within a minute")
        await asyncio.sleep(0.02)


def _page(workers: Sequence[WorkerProcess]) -> _Page:
    """Their metrics, summed."""
    found: Counter[str] = Counter()
    for worker in workers:
        found.update(worker.metrics())
    return _Page(time.monotonic(), dict(found))
