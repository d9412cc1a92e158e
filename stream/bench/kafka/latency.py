"""Latency at a steady rate, through a real Kafka: from when an event was due until its slate is read."""

import asyncio
import time
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.bench.kafka.load import pace, prepared, producer_of
from stream.bench.workloads import workload
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.security import aiokafka_options
from stream.processes.servers import WorkerProcess
from stream.records.topics import RECOMMENDATIONS, prefixed

LOWEST_RATE = 125.0  # events per second, at which a sweep begins
MAX_P99_MS, MIN_ANSWERED = 1000.0, 0.8  # a sweep ends beyond them


class Latency(NamedTuple):
    """Milliseconds from when an event was due until its slate is read.

    Not from when it was sent: if worker or generator cannot keep up with the rate, what waits meanwhile counts too
    (coordinated omission).
    """

    events: int
    rate: float  # events per second
    answered: float  # share of the events that got a slate of their own
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    worker_cpu: float  # share of one core


class Process(Protocol):
    """A process that answers events: a worker, or what it is compared with."""

    def cpu_seconds(self) -> float:
        """CPU time taken so far."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""


async def measure_latency(config: Config, rate: float, seconds: float) -> Latency:
    """Send at a steady rate and read every slate; the first seconds are not counted."""
    config = prepared(config, f"latency-{rate:.0f}")
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        return await steady(config, worker, rate, seconds)


async def steady(config: Config, process: Process, rate: float, seconds: float, warm_up_s: float = 5.0) -> Latency:
    """Send at a steady rate to a process that runs already, and read every answer; the warm-up is not counted."""
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
            due_at: dict[str, float] = {}  # unix seconds, by event
            latencies: list[tuple[float, float]] = []  # (due at, seconds)
            meter = asyncio.create_task(_meter(consumer, due_at, latencies))
            start = time.time()
            cpu_before = process.cpu_seconds()
            events = list(workload(int(rate * (warm_up_s + seconds))))
            await pace(producer, config, events, partitions, rate, due_at)
            await asyncio.sleep(1.0)
            cpu = process.cpu_seconds() - cpu_before
            elapsed = time.time() - start
            meter.cancel()
    finally:
        await consumer.stop()
    measured = np.array([latency for at, latency in latencies if at >= start + warm_up_s]) * 1000
    if len(measured) == 0:
        raise CheckError(f"latency: must measure most of {rate * seconds:.0f} events; got no slate")
    p50, p90, p99, top = np.percentile(measured, (50, 90, 99, 100)).tolist()
    answered = min(1.0, len(measured) / (rate * seconds))
    return Latency(len(measured), rate, answered, p50, p90, p99, top, cpu / elapsed)


async def measure_sweep(config: Config, seconds: float) -> list[Latency]:
    """Double the rate until the worker does not keep up."""
    found = list[Latency]()
    while not found or (found[-1].p99_ms < MAX_P99_MS and found[-1].answered > MIN_ANSWERED):
        found.append(await measure_latency(config, 2.0 * found[-1].rate if found else LOWEST_RATE, seconds))
    return found


async def _meter(consumer: AIOKafkaConsumer, due_at: dict[str, float], latencies: list[tuple[float, float]]) -> None:
    """Read slates, and append the latency of those whose event is in `due_at`."""
    while True:
        found = await consumer.getmany(timeout_ms=1000)
        now = time.time()
        for records in found.values():
            for record in records:
                at = due_at.pop(msgspec.json.decode(record.value)["event_id"], None)
                if at is not None:
                    latencies.append((at, now - at))
