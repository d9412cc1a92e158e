"""The worker's own connections to Kafka, beside Faust's consumer: what it writes, reads back and deletes.

The worker uses Kafka only through this file and `faust_polls.Positions`, so a simulation can stand in for both.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import OffsetOutOfRangeError

from stream.config import Kafka
from stream.errors import HeadwaterError
from stream.kafka.security import aiokafka_options
from stream.kafka.topic_facts import FactsReader, TopicFacts
from stream.kafka.unreadable import Unreadable, keep_unreadable
from stream.records.topics import INPUT_TOPICS, LOG, LOG_BYTES, USER_SNAPSHOTS, Topic, prefixed

IDLE_MS = 100  # an idle read waits so long; data ends the wait at once
FETCH_WAIT_MS = 500  # and so long an empty fetch at the broker, over several reads
REQUEST_S = 90.0  # a send fails for good after so long without an acknowledgement: a broker may be gone for a minute
MAX_BATCH_BYTES = 256 * 1024
MAX_FETCH_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class TruncatedError(HeadwaterError):
    """What was to be read has been deleted."""


class UnreadableError(HeadwaterError):
    """A batch cannot be read, and what it held cannot be left out."""

    retriable = False


class Reader:
    """Reads one topic-partition from a position on, without a group."""

    def __init__(self, config: Kafka, topic: Topic, partition: int) -> None:
        self._tp = TopicPartition(prefixed(config.namespace, topic), partition)
        self.name = f"{self._tp.topic}/{partition}"
        self._topic = topic
        self._options = aiokafka_options(config)
        self.written_at = 0.0  # when the newest record read was written, unix seconds

    async def start(self, position: int | None = None) -> tuple[int, int]:
        """Connect and go to a position, None: the first; returns the first and the offset after the last record."""
        self._consumer = AIOKafkaConsumer(
            **self._options, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS, max_partition_fetch_bytes=MAX_FETCH_BYTES,
            isolation_level="read_committed", value_deserializer=keep_unreadable,
        )  # fmt: skip
        try:
            await self._consumer.start()
            self._consumer.assign([self._tp])
            first = int((await self._consumer.beginning_offsets([self._tp]))[self._tp])
            end = int((await self._consumer.end_offsets([self._tp]))[self._tp])
            self._consumer.seek(self._tp, first if position is None else max(first, min(position, end)))
        except BaseException:
            await self.stop()
            raise
        return first, end

    async def stop(self) -> None:
        """Disconnect."""
        stopping = asyncio.ensure_future(self._consumer.stop())
        await asyncio.wait({stopping})
        if not stopping.cancelled():  # where Kafka is away, aiokafka raises the end of one of its own tasks
            stopping.result()

    async def read(self) -> list[tuple[int, bytes]]:
        """The next records with their positions; empty after a while without any.

        Raises
        ------
        TruncatedError
            if they have been deleted
        UnreadableError
            if they cannot be read, and nothing may be missing
        """
        try:
            found = (await self._consumer.getmany(self._tp, timeout_ms=IDLE_MS)).get(self._tp, [])
        except OffsetOutOfRangeError as error:
            raise TruncatedError(f"{self.name}: was truncated beyond the position read: {error}") from error
        if found:
            self.written_at = found[-1].timestamp / 1000
        return [each for record in found if (each := self._readable(record.offset, record.value)) is not None]

    async def position(self) -> int:
        """Offset up to which all was read; the last offsets may hold no record: markers, aborted transactions."""
        return int(await self._consumer.position(self._tp))

    def _readable(self, offset: int, value: Any) -> tuple[int, bytes] | None:
        if not isinstance(value, Unreadable):
            return offset, value
        if self._topic in (LOG, USER_SNAPSHOTS):
            raise UnreadableError(
                f"{self.name}: {value}. All workers fold the same records of this topic, so none may be left out: "
                "restore the topic from a copy or another replica of its partition, or begin under another "
                "kafka.namespace"
            )
        if self._topic in INPUT_TOPICS:
            return value.first, b""  # who reads input here asks only where the next record stands
        log.error("%s: %s; this snapshot does not count, an older one may", self.name, value)
        return None


class Connections:
    """Makes connections to the cluster of the settings."""

    def __init__(self, config: Kafka) -> None:
        self.config = config
        self._facts = FactsReader(config)

    async def topics(self, topics: Iterable[Topic]) -> dict[str, TopicFacts]:
        """What the cluster says of those topics that exist, by name without the namespace."""
        return await self._facts.read(topics)

    def close(self) -> None:
        """Disconnect what is kept."""
        self._facts.close()

    async def producer(self) -> Any:
        """A started aiokafka producer."""
        producer = AIOKafkaProducer(
            **aiokafka_options(self.config), acks="all", linger_ms=0, max_batch_size=MAX_BATCH_BYTES,
            max_request_size=LOG_BYTES, request_timeout_ms=int(REQUEST_S * 1000),
        )  # fmt: skip
        await producer.start()
        return producer

    def reader(self, topic: Topic, partition: int = 0) -> Reader:
        """A reader, to be started and stopped."""
        return Reader(self.config, topic, partition)

    async def delete_before(self, topic: Topic, partition: int, offset: int) -> None:
        """Let Kafka drop what stands before an offset."""
        admin = AIOKafkaAdminClient(**aiokafka_options(self.config))
        await admin.start()
        try:
            tp = TopicPartition(prefixed(self.config.namespace, topic), partition)
            await admin.delete_records({tp: RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()
