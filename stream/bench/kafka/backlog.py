"""A backlog worked off, through a real Kafka: events written before the workers start."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
from kafka import KafkaAdminClient

from stream.bench.kafka.load import prepared, write_backlog
from stream.config import Config, Kafka
from stream.errors import CheckError
from stream.kafka.security import kafka_options
from stream.processes.servers import WorkerProcess
from stream.records.topics import LOG, RECOMMENDATIONS, Topic, prefixed

EACH_POLL = 10  # records: too few for two events of one user, of whom only the newest gets a slate
STUCK_S = 60.0  # without progress, after which a measure gives up


class Backlog(NamedTuple):
    """A backlog worked off."""

    answered: str  # which events got a slate: `newest` of each user, late in a backlog, or `each`
    workers: int
    events: int
    slates: int
    seconds: float
    rate: float  # events per second, of all workers
    of_transport: float | None  # share of the rate at which the transport alone answers each event; None: not measured
    worker_cpu: float  # cores, of all workers
    cpu_us: float  # CPU time of all workers for an event
    resident_mb: float  # of one worker, at the end
    log_bytes: float  # an event, of headwater.log: every worker reads them all
    slate_bytes: float  # a slate, of the topic of recommendations


class Page(NamedTuple):
    """Metrics of some workers, summed."""

    at: float  # monotonic seconds
    metrics: dict[str, float]


async def measure_backlog(
    config: Config, events: int, workers: int = 1, *, each: bool = False, transport: float | None = None
) -> Backlog:
    """Write `events` before workers start, then measure how fast they work them off, deferred slates included.

    Parameters
    ----------
    each : every event gets a slate of its own, as the transport alone answers every event
    transport : events per second of the transport alone, to compare with
    """
    config = prepared(answering_each(config) if each else config, "backlog")
    await write_backlog(config, events)
    with ExitStack() as stack:
        started = [stack.enter_context(WorkerProcess(config)) for _ in range(workers)]
        for worker in started:
            worker.wait_ready()
        first = await reached(started, "headwater_events_total", 0.2 * events)
        last = await worked_off(started, events)
        log, slates = await asyncio.to_thread(_bytes, config.kafka, (LOG, RECOMMENDATIONS))
    seconds = last.at - first.at
    done = last.metrics["headwater_events_total"] - first.metrics["headwater_events_total"]
    cpu = last.metrics["process_cpu_seconds_total"] - first.metrics["process_cpu_seconds_total"]
    made = int(last.metrics["headwater_decisions_opened_total"])
    return Backlog(
        "each" if each else "newest", workers, events, made, seconds, done / seconds,
        None if transport is None else done / seconds / transport, cpu / seconds, 1e6 * cpu / done,
        last.metrics["process_resident_memory_bytes"] / 1e6 / workers, log / events, slates / max(1, made),
    )  # fmt: skip


def answering_each(config: Config) -> Config:
    """Settings with which every event of a backlog gets a slate: none is deferred, polls hold few events of one user.

    >>> answering_each(Config()).slate.wait_ms
    0.0
    """
    kafka = msgspec.structs.replace(config.kafka, max_poll_records=EACH_POLL)
    slate = msgspec.structs.replace(config.slate, wait_ms=0.0)
    return msgspec.structs.replace(config, kafka=kafka, slate=slate)


def _bytes(kafka: Kafka, topics: Sequence[Topic]) -> list[int]:
    """Bytes that the brokers keep of each topic."""
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


async def reached(workers: Sequence[WorkerProcess], metric: str, value: float) -> Page:
    """Wait until a metric is so high."""
    before, still = -1.0, time.monotonic()
    while True:
        page = metrics_of(workers)
        now = page.metrics.get(metric, 0.0)
        if now >= value:
            return page
        if now > before:
            before, still = now, time.monotonic()
        if time.monotonic() - still > STUCK_S:
            raise CheckError(f"worker: {metric} must reach {value:.0f}; stuck at {now:.0f}")
        await asyncio.sleep(0.1)


async def worked_off(workers: Sequence[WorkerProcess], events: int) -> Page:
    """Wait until so many events are taken in and learned, and no deferred slate is left."""
    began = (await reached(workers, "headwater_events_total", events)).at
    while True:
        page = metrics_of(workers)
        if not page.metrics["headwater_in_flight_records"] and not page.metrics["headwater_slates_deferred"]:
            return page
        if page.at - began > STUCK_S:
            raise CheckError(f"worker: must learn all events and make all slates; did not within {STUCK_S:.0f} s")
        await asyncio.sleep(0.02)


def metrics_of(workers: Sequence[WorkerProcess]) -> Page:
    """Read the metrics of all workers and sum them."""
    found: Counter[str] = Counter()
    for worker in workers:
        found.update(worker.metrics())
    return Page(time.monotonic(), dict(found))
