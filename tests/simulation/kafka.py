"""Brokers that are lists, and what a worker sees of them: a producer, readers, and the deletion of records.

Orders hold as in Kafka: one request per topic-partition and producer is under way at a time, the next follows when it
has been acknowledged or has failed. What a stopped process has on the way arrives; what it has not sent yet waits.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aiokafka.errors import KafkaTimeoutError

from stream.kafka.connections import TruncatedError
from stream.kafka.topic_facts import REAL, TopicFacts
from stream.records.topics import (
    DEAD,
    EXPERIMENTS,
    INPUT_TOPICS,
    ITEMS,
    LOG,
    MODEL_SNAPSHOTS,
    TOPICS,
    USER_SNAPSHOTS,
    Topic,
)
from tests.simulation.clock import PROCESS, Process, VirtualLoop
from tests.simulation.schedule import EPOCH, PARTITIONS, SendFault

FAILS_S = 4.0  # a send fails for good after so long without an acknowledgement
IDLE_S = 1.0  # an idle read ends after so long
BUILDER_RECORDS = 4  # of one batch of a producer
SINGLE = (ITEMS, EXPERIMENTS, DEAD, LOG, MODEL_SNAPSHOTS)  # topics of one partition


class Written(NamedTuple):
    """A record, as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds
    key: bytes | None
    value: bytes | None


class PartitionLog:
    """One topic-partition. What has been deleted stays, for the checker."""

    def __init__(self) -> None:
        self.records: list[Written] = []
        self.start = 0
        self.waiting: list[asyncio.Future[None]] = []  # readers at its end

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return len(self.records)

    def wake(self) -> None:
        """Tell who waits."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Cluster:
    """All brokers together.

    Parameters
    ----------
    faults : of the n-th request to a topic
    appended : called after each append with the record and its writer
    deleted : called after each deletion with topic, partition and the new start
    """

    def __init__(
        self, loop: VirtualLoop, seed: str, faults: tuple[SendFault, ...],
        appended: Callable[[Written, str], None], deleted: Callable[[str, int, int], None],
    ) -> None:  # fmt: skip
        self.loop, self.seed, self.appended, self.deleted = loop, seed, appended, deleted
        self.partitions = {
            (topic.name, partition): PartitionLog()
            for topic in TOPICS
            for partition in range(1 if topic in SINGLE else PARTITIONS)
        }
        self.faults = {(fault.topic, fault.nth): fault for fault in faults}
        self.trace: list[str] = []
        self.requests: Counter[str] = Counter()
        self.former: dict[tuple[str, int, int], PartitionLog] = {}
        self.lives: Counter[str] = Counter()  # how often a topic was deleted and made again
        self.appends = 0  # of records by workers
        self.crashes_at: set[int] = set()  # numbers of appends that their writer does not survive
        self.chunks = 0  # of snapshots of users
        self.sleeps_at: set[int] = set()  # numbers of chunks whose writer falls asleep
        self.fell_asleep: Callable[[Process], None] = lambda _: None
        self.inputs = {topic.name for topic in INPUT_TOPICS}
        self.news: list[Callable[[], None]] = []  # called at every new input record

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.loop.time():.6f} {text}")

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None, by: str) -> int:
        """Write one record."""
        log = self.partitions[topic, partition]
        now = int((EPOCH + self.loop.time()) * 1000)
        record = Written(topic, partition, log.end, now, key, value)
        log.records.append(record)
        size = 0 if value is None else hash_of(value)
        self.note(f"{by}: {topic}/{partition} {record.offset} {size:08x}")
        log.wake()
        if topic in self.inputs:
            for call in self.news:
                call()
        self.appended(record, by)
        return record.offset

    def remake(self, topic: str) -> None:
        """Delete a topic and make it again: the offsets begin anew, what was there is kept for the checker."""
        self.lives[topic] += 1
        self.note(f"made again: {topic}")
        for name, partition in [key for key in self.partitions if key[0] == topic]:
            old = self.partitions[name, partition]
            self.former[name, partition, REAL + self.lives[topic] - 1] = old
            self.partitions[name, partition] = PartitionLog()
            old.wake()

    def of_number(self, topic: str, partition: int, number: int | None) -> PartitionLog:
        """The partition of the topic with that number, whether it still exists or not."""
        return self.former.get((topic, partition, number or REAL), self.partitions[topic, partition])

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Let the log start later."""
        log = self.partitions[topic, partition]
        if log.start < offset <= log.end:
            log.start = offset
            self.note(f"cut: {topic}/{partition} {offset}")
            self.deleted(topic, partition, offset)


def hash_of(value: bytes) -> int:
    """A number that stands for a value in the trace."""
    return random.Random(value).getrandbits(32)


class Builder:
    """Several records of one partition, as aiokafka's."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None]] = []

    def append(self, *, key: bytes | None, value: bytes | None, timestamp: int | None) -> object | None:
        """Take a record; None: it is full."""
        del timestamp
        if len(self.records) >= BUILDER_RECORDS:
            return None
        self.records.append((key, value))
        return self


class _Sent(NamedTuple):
    records: list[tuple[bytes | None, bytes | None]]
    future: "asyncio.Future[Any]"


class Acknowledged(NamedTuple):
    """What a send's future holds."""

    offset: int


class Producer:
    """A producer of one process."""

    def __init__(self, cluster: Cluster, process: Process) -> None:
        self._cluster, self._process = cluster, process
        self._random = random.Random(f"{cluster.seed}/producer/{process.name}")
        self._queues: dict[tuple[str, int], asyncio.Queue[_Sent]] = {}

    async def send(
        self, topic: str, *, value: bytes | None, key: bytes | None = None, partition: int | None = None
    ) -> "asyncio.Future[Any]":
        """Queue one record."""
        return self._put(topic, partition or 0, [(key, value)])

    def create_batch(self) -> Builder:
        """Start a batch of records."""
        return Builder()

    async def send_batch(self, batch: Builder, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        """Queue a batch."""
        return self._put(topic, partition, batch.records)

    async def stop(self) -> None:
        """Wait for all that is queued."""
        for queue in self._queues.values():
            await queue.join()

    def _put(
        self, topic: str, partition: int, records: list[tuple[bytes | None, bytes | None]]
    ) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._cluster.loop.create_future()
        target = topic, partition
        if target not in self._queues:
            self._queues[target] = asyncio.Queue()
            self._cluster.loop.start_in(self._process, self._send_in_order(target))
        self._queues[target].put_nowait(_Sent(records, future))
        return future

    async def _send_in_order(self, target: tuple[str, int]) -> None:
        queue = self._queues[target]
        while True:
            sent = await queue.get()
            await self._request(target, sent)
            queue.task_done()

    async def _request(self, target: tuple[str, int], sent: _Sent) -> None:
        """One request: on the way, appended, acknowledged; or what the fault makes of it."""
        cluster, loop = self._cluster, self._cluster.loop
        number = cluster.requests[target[0]]
        cluster.requests[target[0]] += 1
        fault = cluster.faults.get((target[0], number))
        how, delay = ("ok", 0.0) if fault is None else (fault.how, fault.delay)
        there, back = self._delay(), self._delay()
        answer: asyncio.Future[int] = loop.create_future()
        if fault is not None:
            cluster.note(f"{self._process.name}: {target[0]} request {number} is {how}")
        if how in ("ok", "twice"):
            loop.later(there, self._arrive, target, sent, answer, back)
        if how == "unacknowledged":
            loop.later(there, self._arrive, target, sent, None, 0.0)
        if how == "late":
            loop.later(FAILS_S + delay, self._arrive, target, sent, None, 0.0)
        if how == "twice":
            loop.later(there + delay, self._arrive, target, sent, None, 0.0)
        if how in ("lost", "late", "unacknowledged"):
            loop.later(FAILS_S, _fail, answer)
        try:
            offset = await answer
        except KafkaTimeoutError as error:
            if not sent.future.done():
                sent.future.set_exception(error)
        else:
            if not sent.future.done():
                sent.future.set_result(Acknowledged(offset))

    def _arrive(self, target: tuple[str, int], sent: _Sent, answer: "asyncio.Future[int] | None", back: float) -> None:
        cluster, first = self._cluster, -1
        for key, value in sent.records:
            offset = cluster.append(*target, key, value, self._process.name)
            first = offset if first < 0 else first
            cluster.appends += 1
            if cluster.appends in cluster.crashes_at:
                self._process.crash()
            cluster.chunks += target[0] == USER_SNAPSHOTS.name
            if target[0] == USER_SNAPSHOTS.name and cluster.chunks in cluster.sleeps_at:
                cluster.fell_asleep(self._process)
        if answer is not None:
            cluster.loop.later(back, _answer, answer, first)

    def _delay(self) -> float:
        return self._random.choice((0.001, 0.002, 0.004, 0.01, 0.05)) * (1 + self._random.random())


def _answer(future: "asyncio.Future[int]", offset: int) -> None:
    if not future.done():
        future.set_result(offset)


def _fail(future: "asyncio.Future[int]") -> None:
    if not future.done():
        future.set_exception(KafkaTimeoutError("no acknowledgement"))


class Reader:
    """Reads one topic-partition, as `stream.kafka.connections.Reader`."""

    def __init__(self, connections: "SimulatedConnections", topic: Topic, partition: int) -> None:
        self._connections = connections
        self.name = f"{topic.name}/{partition}"
        self._log = connections.cluster.partitions[topic.name, partition]
        self._random = random.Random(
            f"{connections.cluster.seed}/reader/{connections.process.name}/{self.name}/{connections.readers}"
        )
        self._position = 0
        self.written_at = 0.0

    async def start(self, position: int | None = None) -> tuple[int, int]:
        """Go to a position."""
        await self._pause()
        first, end = self._log.start, self._log.end
        self._position = first if position is None else max(first, min(position, end))
        await self._pause()
        return first, end

    async def stop(self) -> None:
        """Nothing is held."""

    async def read(self) -> list[tuple[int, bytes]]:
        """The next records; empty after a while."""
        loop = self._connections.cluster.loop
        if self._position >= self._log.end:
            news: asyncio.Future[None] = loop.create_future()
            self._log.waiting.append(news)
            loop.later(IDLE_S, _wake, news)
            await news
        await self._pause()
        if self._position < self._log.start:
            raise TruncatedError(f"{self.name}: was truncated to {self._log.start}; read to {self._position}")
        found = self._log.records[self._position : self._position + self._random.choice((1, 2, 5, 100))]
        self._position += len(found)
        if found:
            self.written_at = found[-1].timestamp / 1000
        return [(record.offset, record.value or b"") for record in found]

    async def position(self) -> int:
        """Offset of the next record."""
        return self._position

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.choice((0.001, 0.002, 0.01)) * self._connections.slowness)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class SimulatedConnections:
    """What one process uses in place of `stream.kafka.connections.Connections`."""

    def __init__(self, cluster: Cluster, process: Process) -> None:
        self.cluster, self.process = cluster, process
        self.slowness = 1.0
        self.readers = 0
        self._random = random.Random(f"{cluster.seed}/admin/{process.name}")

    async def producer(self) -> Any:
        """A started producer."""
        await asyncio.sleep(0.01)
        return Producer(self.cluster, self.process)

    def reader(self, topic: Topic, partition: int = 0) -> Reader:
        """A reader, to be started."""
        self.readers += 1
        return Reader(self, topic, partition)

    async def topics(self, topics: Iterable[Topic]) -> dict[str, TopicFacts]:
        """Facts of the topics."""
        return {
            topic.name: TopicFacts(1 if topic in SINGLE else PARTITIONS, REAL + self.cluster.lives[topic.name])
            for topic in topics
        }

    def close(self) -> None:
        """Nothing is held."""

    async def delete_before(self, topic: Topic, partition: int, offset: int) -> None:
        """Let Kafka drop what stands before an offset; like a send, it arrives even if this process stops now."""
        await asyncio.sleep(0.002)
        done: asyncio.Future[None] = self.cluster.loop.create_future()
        self.cluster.loop.later(
            self._random.choice((0.001, 0.02, 0.2)), self._delete, topic.name, partition, offset, done
        )
        await done

    def _delete(self, topic: str, partition: int, offset: int, done: "asyncio.Future[None]") -> None:
        self.cluster.delete_before(topic, partition, offset)
        _wake(done)


def current() -> Process | None:
    """The process whose code runs now."""
    return PROCESS.get()
