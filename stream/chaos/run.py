"""Chaos: workers and a broker that end, stop and come back at random, under a steady stream whose sums are known.

1. a broker, topics and workers of its own (`run`), and a producer that knows what Kafka has acknowledged (`Load`)
2. faults, as a seeded plan says (`chaos_fleet.py`)
3. meanwhile all that headwater writes is read once and folded without any interruption (`Tail`, `chaos_ledger.py`)
4. at the end the counts, the workers' models, and the users as the next worker would recover them, must agree with it
"""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.partitioner import murmur2

from stream.bench.workloads import workload
from stream.chaos.fleet import (
    BROKER,
    BY_ITSELF,
    END,
    KILL,
    LONG_STOP,
    SHORT_STOP,
    Fleet,
    Incident,
    Plan,
    Settings,
    Tell,
    plan,
)
from stream.chaos.ledger import Ledger
from stream.chaos.pauses import SHOWN, during
from stream.config import Config
from stream.decisions.recovery import Claimed, Recovery
from stream.errors import CheckError
from stream.kafka.admin import create_or_verify
from stream.kafka.connections import Connections
from stream.kafka.faust_polls import calm_reconnect
from stream.kafka.security import aiokafka_options
from stream.processes.broker import Broker, BrokerSettings
from stream.records.codec import encode
from stream.records.log import SnapshotCommitted, decode_message
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, LOG, OUTCOMES, RECOMMENDATIONS, USER_SNAPSHOTS, ShardId, prefixed
from stream.state.snapshot import Assembly
from stream.worker.warm_up import warm_up

TICK_S = 0.01  # the producer sends what is due so often: one request for all partitions
BURST = 5.0  # times the rate: how fast it makes up for a time without a broker
STILL_S = 60.0  # no progress for so long: what is missing is lost
AFTER_S = 10.0  # a fault still has its effect so long after it is over: the group settles twice
EVERY = 1_000  # standstills that are looked at; `SHOWN` of them are shown, and all that are too long
QUIET_S = 5.0  # a pause that no fault explains
RESTART_S = 5.0  # from a worker's start until it serves, if no restart was measured
PROPERTIES = {  # small segments, so that the log is cut, topics are compacted, and a long run does not fill the disk
    "log.segment.bytes": str(32 << 20),
    "log.retention.bytes": str(128 << 20),
    "log.retention.check.interval.ms": "10000",
    "log.cleaner.min.compaction.lag.ms": "120000",  # the reader is never so far behind
    "log.message.timestamp.type": "LogAppendTime",  # one clock says what was written before what
}


class Faults(NamedTuple):
    """All faults of one kind."""

    kind: str
    times: int
    longest_pause_s: float  # of an event acknowledged meanwhile or soon after; faults may overlap
    recovery_p50_s: float | None
    recovery_max_s: float | None


class Stall(NamedTuple):
    """A time in which a topic-partition stood still, and what had happened."""

    where: str
    at_s: float  # since the start of the stream
    length_s: float
    allowed_s: float  # see `allowed_s`
    faults: list[str]


class Result(NamedTuple):
    """What a run found; `lost`, `doubled`, `broken` and what differs must be nothing."""

    settings: Settings
    faults: list[Faults]
    sent: int
    acknowledged: int
    lost: int  # acknowledged, but not accepted
    doubled: int  # accepted more than once
    broken: dict[str, int]  # laws, and how often they did not hold
    workers_equal: list[bool]  # whether each worker's model is that of the uninterrupted fold
    longest_pause_s: float  # between an event's acknowledgement and its acceptance
    standstills: list[Stall]  # the longest pauses
    log: dict[str, int]  # its messages by what became of them, and where it starts by now
    remarks: list[str]  # workers that did not end as they should

    @property
    def good(self) -> bool:
        """Whether everything happened exactly once, everywhere the same, and no pause was too long."""
        return not (self.lost or self.doubled or self.broken or self.too_long) and all(self.workers_equal)

    @property
    def too_long(self) -> int:
        """Pauses longer than the faults in them explain."""
        return sum(each.length_s > each.allowed_s for each in self.standstills)


class Load:
    """Sends events at a steady rate until `ending`, and tells the ledger."""

    def __init__(self, config: Config, settings: Settings, ledger: Ledger) -> None:
        self.config, self.settings, self.ledger = config, settings, ledger
        self.ending = asyncio.Event()

    async def run(self) -> None:
        """Send; returns when Kafka has acknowledged, or refused, everything."""
        events = workload(1 << 62, f"chaos-{self.settings.seed}")
        producer = AIOKafkaProducer(**aiokafka_options(self.config.kafka), acks="all", max_batch_size=1 << 20)
        await producer.start()
        try:
            rate, sent, started = self.settings.rate, 0, time.monotonic()
            while not self.ending.is_set():
                due = int((time.monotonic() - started) * rate) + 1 - sent
                now = min(due, int(BURST * rate * TICK_S) + 1)
                await self._send(producer, [next(events) for _ in range(now)])
                sent += now
                await asyncio.sleep(TICK_S)
            await producer.flush()
        finally:
            await producer.stop()

    async def _send(self, producer: Any, events: Sequence[tuple[EventType, Event]]) -> None:
        """One request for all partitions."""
        builders: dict[tuple[str, int], tuple[Any, list[int]]] = {}
        for kind, event in events:
            key = event.user_id.encode()
            target = (
                prefixed(self.config.kafka.namespace, EVENT_TOPICS[kind]),
                (murmur2(key) & 0x7FFFFFFF) % self.config.kafka.partitions,
            )
            if target not in builders:
                builders[target] = producer.create_batch(), []
            builder, numbers = builders[target]
            builder.append(key=key, value=encode(event), timestamp=None)
            numbers.append(self.ledger.send(event))
        for (topic, partition), (builder, numbers) in builders.items():
            try:
                future = await producer.send_batch(builder, topic, partition=partition)
            except KafkaError:
                continue  # never acknowledged
            future.add_done_callback(lambda done, numbers=numbers: self._answered(done, numbers))

    def _answered(self, done: "asyncio.Future[Any]", numbers: list[int]) -> None:
        if not done.cancelled() and done.exception() is None:
            self.ledger.acknowledge(numbers)


class Tail:
    """Reads all that headwater writes, from the beginning, before it is cut off or compacted."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.ledger = ledger
        name, every = config.kafka.namespace, range(config.kafka.partitions)
        self.log = TopicPartition(prefixed(name, LOG), 0)
        self._slates = {TopicPartition(prefixed(name, RECOMMENDATIONS), p) for p in every}
        self._outcomes = {TopicPartition(prefixed(name, OUTCOMES), p) for p in every}
        self._next = dict.fromkeys([self.log, *self._slates, *self._outcomes], 0)
        self._consumer = AIOKafkaConsumer(
            **aiokafka_options(config.kafka), group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            fetch_max_wait_ms=100, max_partition_fetch_bytes=4 << 20,
        )  # fmt: skip

    async def run(self) -> None:
        """Read for ever."""
        await self._consumer.start()
        try:
            self._consumer.assign(list(self._next))
            for tp in self._next:
                self._consumer.seek(tp, 0)
            while True:
                found = await self._consumer.getmany(timeout_ms=200)
                for tp in sorted(found, key=lambda tp: (tp == self.log, tp)):  # slates first: they were written first
                    for n, record in enumerate(found[tp]):
                        self._take(tp, record)
                        if n % 50 == 49:
                            await asyncio.sleep(0)
        except OffsetOutOfRangeError as error:
            raise CheckError(f"must be read before it is cut; it was cut before: {error}") from error
        finally:
            await self._consumer.stop()

    def _take(self, tp: TopicPartition, record: Any) -> None:
        if tp in self._slates:
            self.ledger.publish(record.value, record.timestamp)
        elif record.offset != self._next[tp]:
            raise CheckError(f"{tp.topic}: must be read as a whole; offset {self._next[tp]} is not there any more")
        elif tp in self._outcomes:
            self.ledger.outcome(record.value)
        else:
            self.ledger.fold(record.offset, record.value, record.timestamp)
        self._next[tp] = record.offset + 1

    async def behind(self) -> int:
        """Records that have not been read yet, roughly: compaction leaves holes."""
        ends = await self._consumer.end_offsets(list(self._next))
        return sum(max(0, ends[tp] - position) for tp, position in self._next.items())

    async def cut(self) -> int:
        """Where the log starts by now."""
        return int((await self._consumer.beginning_offsets([self.log]))[self.log])


def run(config: Config, settings: Settings, tell: Tell, faults: Plan | None = None, logs: Path | None = None) -> Result:
    """Run chaos, then see whether everything happened exactly once; nothing is left running.

    Parameters
    ----------
    config : settings of the workers, but for the cluster and what makes snapshots and comparisons frequent
    tell : called with a sentence on what happens
    faults : instead of those that the seed draws
    logs : an existing directory for what the workers say
    """
    calm_reconnect()
    tell("starting Apache Kafka on this machine")
    with Broker(BrokerSettings(properties=PROPERTIES)) as broker:
        config = _frequent(config, broker.address)
        create_or_verify(config.kafka)
        warm_up(config)
        tell(f"starting {settings.workers} workers")
        with Fleet(config, settings, tell, logs) as fleet:
            drawn = faults or plan(settings, config.kafka.session_timeout_s)
            try:
                return asyncio.run(_chaos(config, settings, drawn, broker, fleet))
            except asyncio.CancelledError:
                raise SystemExit(128 + signal.SIGTERM) from None
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None


def _frequent(config: Config, address: str) -> Config:
    replace = msgspec.structs.replace
    return replace(
        config,
        kafka=replace(config.kafka, broker=address, mock=False, namespace="chaos", partitions=6, session_timeout_s=6),
        rewards=replace(config.rewards, attribution_window_s=20),  # some slates are settled by silence
        worker=replace(config.worker, snapshot_s=10, fingerprint_every=200),
    )


async def _chaos(config: Config, settings: Settings, faults: Plan, broker: Broker, fleet: Fleet) -> Result:
    main = asyncio.current_task()
    assert main is not None  # noqa: S101  for the type checker
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    ledger = Ledger(config)
    tail, load = Tail(config, ledger), Load(config, settings, ledger)
    async with asyncio.TaskGroup() as group:
        reading, sending = group.create_task(tail.run()), group.create_task(load.run())
        doing = [group.create_task(fleet.inject_faults(n, own)) for n, own in enumerate(faults.workers)]
        if faults.broker is not None:
            doing.append(group.create_task(fleet.restart(broker, faults.broker)))
        await asyncio.sleep(settings.seconds)
        fleet.tell("no more faults; waiting until everything is accepted and all workers serve")
        fleet.ending.set()
        await asyncio.wait(doing)
        load.ending.set()
        await sending
        await _dwindled(ledger.missing, "events that are not accepted", fleet.tell)
        await fleet.serve()
        await _dwindled(ledger.unanswered, "slates or outcomes that were not read", fleet.tell)
        equal = await _equal(fleet, ledger)
        await fleet.end()
        while await tail.behind():
            await asyncio.sleep(0.1)
        log = dict(ledger.verdicts) | {"starts at offset": await tail.cut()}
        ledger.broken["users as recovered"] = await _differing(config, ledger)
        ledger.close()
        reading.cancel()
    return _result(settings, ledger, fleet, equal, log)


async def _dwindled(left: Callable[[], int], what: str, tell: Tell) -> None:
    """Wait until nothing is left, or no less for `STILL_S`."""
    least, since = left(), time.monotonic()
    while least and time.monotonic() - since < STILL_S:
        await asyncio.sleep(0.2)
        if (now := left()) < least:
            least, since = now, time.monotonic()
    if least:
        tell(f"{least:,} {what}, and no fewer for {STILL_S:.0f} s")


async def _equal(fleet: Fleet, ledger: Ledger) -> list[bool]:
    """Whether each worker's model is that of the fold at the same log offset, once nothing more is to be learned.

    Claims and snapshots go on, and they too belong to the fingerprint.
    """
    ledger.keep_digests()
    known, deadline = ledger.digests or {}, time.monotonic() + STILL_S
    while time.monotonic() < deadline:
        pages = [await asyncio.to_thread(worker.page, "/fingerprint") for worker in fleet.workers]
        found = [msgspec.json.decode(text) for status, text in pages if status == 200]
        offsets = [each["offset"] for each in found]
        while len(found) == len(pages) and ledger.model.offset < max(offsets) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        if len(found) == len(pages) and known.keys() >= set(offsets) and ledger.changed <= min(offsets):
            wrong = [n for n, each in enumerate(found) if each["fingerprint"] != known[each["offset"]]]
            fleet.remarks += [f"worker {n} has another model at log offset {offsets[n]}" for n in wrong]
            return [n not in wrong for n in range(len(found))]
        await asyncio.sleep(0.2)
    raise CheckError(f"all workers must reach log offset {ledger.changed} and say so within {STILL_S:.0f} s: {pages}")


async def _differing(config: Config, ledger: Ledger) -> int:
    """Sources whose users the next owner would find otherwise than the fold has them, or not at all."""
    connections, acceptance = Connections(config.kafka), ledger.model.acceptance
    recoveries = []
    for shard in ledger.users:
        stored = acceptance.stored.get(shard)
        parts = [] if stored is None else await _snapshot(connections, stored)
        if parts is not None:
            claimed = Claimed(ledger.model.offset, acceptance.shards[shard], stored)
            recoveries.append(Recovery(shard, claimed, parts, config.rewards.session_gap_s, ledger.model.lists))
    reader = connections.reader(LOG)
    position, end = await reader.start(min((recovery.start for recovery in recoveries), default=0))
    try:
        while position < end:
            for offset, data in await reader.read():
                message, position = decode_message(data, offset), offset + 1
                for recovery in recoveries:
                    recovery.read(message, offset)
    finally:
        await reader.stop()
    good = sum(recovery.users == ledger.users[recovery.shard] for recovery in recoveries)
    return len(ledger.users) - good


async def _snapshot(connections: Connections, stored: SnapshotCommitted) -> list[bytes] | None:
    """Parts of a snapshot as `Worker` finds them; None if it is not there."""
    assembly, reader = Assembly(), connections.reader(USER_SNAPSHOTS, ShardId.parse(stored.shard).partition)
    position, end = await reader.start(stored.first)
    try:
        while position < end:
            for at, record in await reader.read():
                whole, position = assembly.add(at, record), at + 1
                if whole is not None and (whole.subject, whole.first) == (stored.shard, stored.first):
                    return whole.parts
    finally:
        await reader.stop()
    return None


def _result(settings: Settings, ledger: Ledger, fleet: Fleet, equal: list[bool], log: dict[str, int]) -> Result:
    accepted = ledger.accepted()
    kinds = [KILL, END, LONG_STOP, SHORT_STOP, BROKER, BY_ITSELF]
    rows = [_faults(kind, [each for each in fleet.incidents if each.kind == kind], ledger) for kind in kinds]
    return Result(
        settings, [row for row in rows if row.times], len(accepted), ledger.acknowledged(), ledger.missing(),
        int((accepted > 1).sum()), dict(+ledger.broken), equal, ledger.pauses.longest(0.0, time.time()),
        _standstills(ledger, fleet), log, fleet.remarks,
    )  # fmt: skip


def _standstills(ledger: Ledger, fleet: Fleet) -> list[Stall]:
    pauses, incidents = ledger.pauses, fleet.incidents
    restart_s = max((each.recovery_s for each in incidents if each.recovery_s is not None), default=RESTART_S)
    found = []
    for each in pauses.standstills(EVERY):
        names = during(each, [(incident.name, incident.at) for incident in incidents], AFTER_S + restart_s)
        allowed = allowed_s(len(names), fleet.session_timeout_s, restart_s)
        found.append(Stall(each.where, each.at - pauses.started, each.length_s, allowed, names))
    return [each for n, each in enumerate(found) if n < SHOWN or each.length_s > each.allowed_s]


def allowed_s(faults: int, session_timeout_s: float, restart_s: float) -> float:
    """How long events may wait while so many faults follow each other without a rest.

    Each can make the whole group wait for a member that is silent, at most a session time-out, and then for a worker
    that starts, or for what was missed to be made up for, which takes about as long. `restart_s` is measured in the
    same run, so a slow or busy machine is given more.

    >>> allowed_s(1, 6.0, 4.0), allowed_s(3, 6.0, 4.0)
    (15.0, 35.0)
    """
    return QUIET_S + faults * (session_timeout_s + restart_s)


def _faults(kind: str, incidents: Sequence[Incident], ledger: Ledger) -> Faults:
    def pause_s(incident: Incident) -> float:
        return ledger.pauses.longest(incident.at - 1, incident.over + (incident.recovery_s or 0.0) + AFTER_S)

    recoveries = [each.recovery_s for each in incidents if each.recovery_s is not None]
    return Faults(
        kind, len(incidents), max(map(pause_s, incidents), default=0.0),
        median(recoveries) if recoveries else None, max(recoveries, default=None),
    )  # fmt: skip
