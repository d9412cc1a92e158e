"""Waiting under too much load, through a real Kafka: at several times the capacity in turn, and after it."""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.bench.kafka.backlog import answering_each, reached
from stream.bench.kafka.load import pace, prepared, producer_of, write_backlog
from stream.bench.workloads import ITEMS, World
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.security import aiokafka_options
from stream.processes.servers import WorkerProcess
from stream.records.schemas import Event, EventType
from stream.records.topics import RECOMMENDATIONS, prefixed

LOADS = (0.5, 1.0, 2.0, 4.0)  # times the capacity
WARM_UP_S, BEFORE, AFTER = 5.0, 0.25, 0.5  # load of the warm-up, and of the minute after
AFTER_PHASES = 4.0  # the time after the overload, in lengths of a phase
CAPACITY_EVENTS = 3_000
USERS = 100_000  # half of them have a session under way: seldom has one of them two events in a second
END_S = 2.0  # until what is left is answered
IN_TIME_MS = 100.0


class Slate(msgspec.Struct):
    """What is read of a recommendation."""

    user_id: str
    event_id: str | None
    timestamp: float


class Overload(NamedTuple):
    """One phase. Milliseconds from when an event was due until a slate of its user that knows it is read."""

    load: float  # times the capacity
    rate: float  # events per second
    events: int
    at_once: float  # share of events with a slate of their own
    in_time: float  # share of events that waited for 100 ms at most
    once_p50_ms: float  # of events with a slate of their own; nan without any
    once_p99_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    unanswered: float  # share of events; the milliseconds leave them out
    worker_cpu: float  # share of one core


class Second(NamedTuple):
    """Milliseconds that events waited which were due in one second; without a slate, until the end of the measure.

    `once_ms` is the 99th percentile of those with a slate of their own; nan without any, and `once` is their share.
    """

    second: int  # since the start
    load: float  # times the capacity
    p50_ms: float
    p90_ms: float
    p99_ms: float
    once_ms: float
    once: float


class Meter:
    """Reads slates, and notes when each event was answered by a slate of its user that knows it.

    Parameters
    ----------
    events : all that will be sent, in that order
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.due_at: dict[str, float] = {}  # by event, unix seconds; filled as events are sent
        self.waits: dict[str, float] = {}  # by event, seconds
        self.at_once: set[str] = set()  # events with a slate of their own
        self._open: defaultdict[str, deque[str]] = defaultdict(deque)  # by user: events without a slate
        for event in events:
            self._open[event.user_id].append(event.event_id)

    def read(self, slate: Slate, now: float) -> None:
        """Take in a slate: it knows those events of its user that were sent when its own was, or before."""
        if slate.event_id is not None:
            self.at_once.add(slate.event_id)
        waiting = self._open[slate.user_id]
        while waiting and self.due_at.get(waiting[0], now) <= slate.timestamp:
            event_id = waiting.popleft()
            self.waits[event_id] = now - self.due_at[event_id]

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read slates until cancelled."""
        while True:
            found = await consumer.getmany(timeout_ms=1000)
            now = time.time()
            for records in found.values():
                for record in records:
                    self.read(msgspec.json.decode(record.value, type=Slate), now)


class Phase(NamedTuple):
    """Events at one rate."""

    load: float  # times the capacity
    rate: float
    events: list[tuple[EventType, Event]]


async def measure_overload(
    config: Config, seconds: float, capacity: float | None = None
) -> tuple[list[Overload], list[Second]]:
    """Send at several times the capacity for `seconds` each, then at half of it for four times as long.

    Parameters
    ----------
    capacity : events per second; None: measure it
    """
    capacity = capacity or await measure_capacity(config)
    config = prepared(config, "overload")
    plan = [(BEFORE, WARM_UP_S), *((load, seconds) for load in LOADS), (AFTER, AFTER_PHASES * seconds)]
    sizes = [int(load * capacity * length) for load, length in plan]
    events = World(USERS, ITEMS, capacity).events(time.time())
    phases = [
        Phase(load, load * capacity, list(islice(events, size))) for (load, _), size in zip(plan, sizes, strict=True)
    ]
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        return await _measure(config, worker, phases)


async def measure_capacity(config: Config) -> float:
    """Measure how many events a second a worker answers with a slate for each: out of a backlog, in small polls."""
    config = prepared(answering_each(config), "capacity")
    await write_backlog(config, CAPACITY_EVENTS)
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        first = await reached([worker], "headwater_decisions_opened_total", 0.2 * CAPACITY_EVENTS)
        last = await reached([worker], "headwater_decisions_opened_total", 0.9 * CAPACITY_EVENTS)
    made = (page.metrics["headwater_decisions_opened_total"] for page in (last, first))
    return (next(made) - next(made)) / (last.at - first.at)


async def _measure(
    config: Config, worker: WorkerProcess, phases: Sequence[Phase]
) -> tuple[list[Overload], list[Second]]:
    meter = Meter([event for phase in phases for _, event in phase.events])
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
            following = asyncio.create_task(meter.follow(consumer))
            marks = [(time.time(), worker.cpu_seconds())]
            for phase in phases:
                await pace(producer, config, phase.events, partitions, phase.rate, meter.due_at)
                marks.append((time.time(), worker.cpu_seconds()))
            await asyncio.sleep(END_S)
            following.cancel()
    finally:
        await consumer.stop()
    cores = [(used - before) / (end - start) for (start, before), (end, used) in pairwise(marks)]
    rows = [_row(phase, meter, cpu) for phase, cpu in zip(phases, cores, strict=True)]
    return rows[1:], _seconds(phases[1:], meter)


def _row(phase: Phase, meter: Meter, cores: float) -> Overload:
    ids = [event.event_id for _, event in phase.events]
    waits = 1000 * np.array([meter.waits[each] for each in ids if each in meter.waits])
    if len(waits) == 0:
        raise CheckError(f"overload: must measure {len(ids)} events; got no slate")
    p50, p99, top = np.percentile(waits, (50, 99, 100)).tolist()
    own = [1000 * meter.waits[each] for each in ids if each in meter.at_once and each in meter.waits]
    once_p50, once_p99 = np.percentile(own or [math.nan], (50, 99)).tolist()
    in_time, n = int(np.count_nonzero(waits <= IN_TIME_MS)), len(ids)
    return Overload(
        phase.load, phase.rate, n, len(own) / n, in_time / n, once_p50, once_p99, p50, p99, top, 1.0 - len(waits) / n,
        cores,
    )  # fmt: skip


def _seconds(phases: Sequence[Phase], meter: Meter) -> list[Second]:
    start, end = meter.due_at[phases[0].events[0][1].event_id], time.time()
    found = list[Second]()
    for phase in phases:
        ids = [event.event_id for _, event in phase.events]
        second = np.array([int(meter.due_at[each] - start) for each in ids])
        waits = 1000 * np.array([meter.waits.get(each, end - meter.due_at[each]) for each in ids])
        once = np.array([each in meter.at_once and each in meter.waits for each in ids])
        for at in np.unique(second).tolist():
            chosen, own = waits[second == at], waits[(second == at) & once]
            p50, p90, p99 = np.percentile(chosen, (50, 90, 99)).tolist()
            own_p99 = float(np.percentile(own, 99)) if len(own) else math.nan
            found.append(Second(at, phase.load, p50, p90, p99, own_p99, len(own) / len(chosen)))
    return found
