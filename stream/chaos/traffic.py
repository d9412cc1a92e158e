"""The events and requests that a run of chaos sends, and all that headwater writes, read once without interruption."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.partitioner import murmur2

from stream.bench.workloads import USERS, workload
from stream.chaos.fleet import Settings
from stream.chaos.ledger import Ledger
from stream.chaos.requests import RequestLedger
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.security import aiokafka_options
from stream.records.codec import encode
from stream.records.requests import Request
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, LOG, OUTCOMES, RECOMMENDATIONS, REQUESTS, RESPONSES, prefixed

STRANGERS = 500  # users who never do anything, but ask
DEADLINE_MS = 1_000
TICK_S = 0.01  # between two requests for all partitions with the events that are due
BURST = 5.0  # times the rate: how fast the events are sent that were due while there was no broker


class Load:
    """Sends events at a steady rate until `ending`, and enters them in the ledger."""

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


class RequestLoad:
    """Asks for slates at a steady rate until `ending`, for users with and without events.

    Half of the requests have a deadline that a killed worker makes them miss. The producer is idempotent: a request
    that is written twice would be decided twice.
    """

    def __init__(self, config: Config, settings: Settings, ledger: RequestLedger) -> None:
        self.config, self.settings, self.ledger = config, settings, ledger
        self.ending = asyncio.Event()
        self._rng = random.Random(f"{settings.seed}/chaos/requests")

    async def run(self) -> None:
        """Send; returns when Kafka has acknowledged, or refused, everything."""
        if self.settings.requests == 0:
            return
        producer = AIOKafkaProducer(**aiokafka_options(self.config.kafka), enable_idempotence=True)
        await producer.start()
        try:
            topic, sent, started = prefixed(self.config.kafka.namespace, REQUESTS), 0, time.monotonic()
            while not self.ending.is_set():
                due = int((time.monotonic() - started) * self.settings.requests) + 1 - sent
                for n in range(sent, sent + due):
                    await self._send(producer, topic, n)
                sent += due
                await asyncio.sleep(TICK_S)
            await producer.flush()
        finally:
            await producer.stop()

    async def _send(self, producer: Any, topic: str, n: int) -> None:
        rng = self._rng
        request = Request(
            request_id=f"chaos-{n}", user_id=f"u{int((USERS + STRANGERS) * rng.random())}", k=rng.choice((None, 5)),
            deadline_ms=rng.choice((None, DEADLINE_MS)),
        )  # fmt: skip
        number = self.ledger.send(request)
        try:
            future = await producer.send(topic, encode(request), key=request.user_id.encode())
        except KafkaError:
            return  # never acknowledged
        future.add_done_callback(lambda done: self._acknowledged(done, number))

    def _acknowledged(self, done: "asyncio.Future[Any]", number: int) -> None:
        if not done.cancelled() and done.exception() is None:
            self.ledger.acknowledge(number)


class Tail:
    """Reads all that headwater writes, from the beginning, before it is deleted or compacted."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.ledger = ledger
        name, every = config.kafka.namespace, range(config.kafka.partitions)
        self.log = TopicPartition(prefixed(name, LOG), 0)
        self._slates = {TopicPartition(prefixed(name, RECOMMENDATIONS), p) for p in every}
        self._outcomes = {TopicPartition(prefixed(name, OUTCOMES), p) for p in every}
        self._responses = {TopicPartition(prefixed(name, RESPONSES), p) for p in every}
        self._next = dict.fromkeys([self.log, *self._slates, *self._outcomes, *self._responses], 0)
        self._unseen = asyncio.Queue[dict[TopicPartition, list[Any]]]()
        self._consumer = AIOKafkaConsumer(
            **aiokafka_options(config.kafka), group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            fetch_max_wait_ms=100, max_partition_fetch_bytes=4 << 20,
        )  # fmt: skip

    async def read(self) -> None:
        """Read without end, also while `run` is late: workers delete of the log what their snapshots hold."""
        await self._consumer.start()
        try:
            self._consumer.assign(list(self._next))
            for tp in self._next:
                self._consumer.seek(tp, 0)
            while True:
                self._unseen.put_nowait(await self._consumer.getmany(timeout_ms=200))
        except OffsetOutOfRangeError as error:
            raise CheckError(f"must be read before it is deleted; it was deleted before: {error}") from error
        finally:
            await self._consumer.stop()

    async def run(self) -> None:
        """Pass on what was read, without end."""
        while True:
            found = await self._unseen.get()
            for tp in sorted(found, key=lambda tp: (tp == self.log, tp)):  # slates first: they were written first
                for n, record in enumerate(found[tp]):
                    self._take(tp, record)
                    if n % 50 == 49:
                        await asyncio.sleep(0)

    def _take(self, tp: TopicPartition, record: Any) -> None:
        if tp in self._slates:
            self.ledger.publish(record.value, record.timestamp)
        elif record.offset != self._next[tp]:
            raise CheckError(f"{tp.topic}: must be read as a whole; offset {self._next[tp]} has been deleted")
        elif tp in self._outcomes:
            self.ledger.outcome(record.value)
        elif tp in self._responses:
            self.ledger.requests.respond(record.value, tp.partition, record.timestamp)
        else:
            self.ledger.fold(record.offset, record.value, record.timestamp)
        self._next[tp] = record.offset + 1

    async def behind(self) -> int:
        """Records that have not been read yet, roughly: compaction leaves gaps."""
        ends = await self._consumer.end_offsets(list(self._next))
        return sum(max(0, ends[tp] - position) for tp, position in self._next.items())

    async def log_start(self) -> int:
        """Where the log starts by now."""
        return int((await self._consumer.beginning_offsets([self.log]))[self.log])
