"""Batches of records that can never be read: stepped over, counted and said, in every Kafka client of headwater.

Both client libraries raise at a batch whose checksum is wrong, whose codec nobody knows or whose bytes do not unpack,
at every attempt: a program that is started again meets the same batch again. Here their private parsers are replaced,
each with its reason; a test fails when what is replaced changes. A consumer made with
`value_deserializer=keep_unreadable` gets a record in place of the batch, with an `Unreadable` as its value; the others
read on after it.
"""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiokafka.codec
import aiokafka.consumer.fetcher
import kafka.codec
import kafka.consumer.fetcher
from aiokafka.structs import ConsumerRecord
from kafka.record.memory_records import MemoryRecords

from stream.errors import HeadwaterError

CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}  # by their numbers in a batch's attributes
LIBRARIES = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}  # that kafka-python unpacks them with
MOST_RECORDS = 1 << 20  # of one batch: a header that claims more is itself broken
LATEST_MS = 1 << 43  # in the year 2248

log = logging.getLogger(__name__)
_said: set[tuple[str, int, int]] = set()  # topic, partition and first offset of what was said once
_MOST_SAID = 10_000


class MissingCodecError(HeadwaterError):
    """The library that unpacks a batch is not installed."""


class Unreadable(NamedTuple):
    """Stands where the value of a record stands: these offsets are one batch that cannot be read."""

    first: int
    last: int
    why: str

    def __str__(self) -> str:
        return f"offsets {self.first} to {self.last} cannot be read for good: {self.why}"


def keep_unreadable(value: Any) -> Any:
    """The value, unchanged. A consumer that has this as its deserializer gets a record for each unreadable batch."""
    return value


def missing_codecs() -> dict[str, str]:
    """Codecs that this installation cannot unpack, with the package that is missing."""
    found = {}
    for name, package in LIBRARIES.items():
        if not getattr(aiokafka.codec, f"has_{name}")():
            found[name] = "cramjam"
        elif not getattr(kafka.codec, f"has_{name}")():
            found[name] = package
    return found


def first_offset(record: Any) -> int:
    """Offset of a record, or the first one of an unreadable batch; its own offset is that of the last one."""
    return record.value.first if isinstance(record.value, Unreadable) else int(record.offset)


def step_over() -> None:
    """Let all consumers of this process, aiokafka's and kafka-python's, step over what cannot be read."""
    aiokafka.consumer.fetcher.PartitionRecords = SteppingRecords
    kafka.consumer.fetcher.Fetcher.PartitionRecords = SteppingRecordsOfKafkaPython


def _parsed(batch: Any, *, check_crc: bool) -> list[Any]:
    """All records of a batch; those of a control batch, which only brokers write, are not looked at."""
    if check_crc and not batch.validate_crc():
        raise ValueError("bad checksum")
    return [] if getattr(batch, "is_control_batch", False) else list(batch)


def _why(batch: Any, error: Exception) -> str:
    """The reason in words.

    Raises
    ------
    MissingCodecError
        if the batch could be read with a library that is missing: then it must not be left out
    """
    codec = int(getattr(batch, "compression_type", 0) or 0)
    name = CODECS.get(codec)
    if name in (missing := missing_codecs()):
        raise MissingCodecError(
            f"a batch is packed with {name}, and the library that unpacks it is not installed: "
            f"`pip install {missing[name]}`"
        ) from error
    if codec and name is None:
        return f"unknown codec {codec}"
    said = str(error) or type(error).__name__
    return said if said == "bad checksum" else f"its {name or 'records'} do not unpack ({said})"[:300]


def _after(batch: Any, ahead: Any, at: int) -> int:
    """Offset after an unreadable batch: a broken header may claim any, so the batch behind it has the first word."""
    if ahead is not None and ahead.base_offset > at:
        return int(ahead.base_offset)
    claimed = int(getattr(batch, "next_offset", 0) or 0)
    return claimed if at < claimed <= at + MOST_RECORDS else at + 1


def _following(batch: Any, ahead: Any, at: int) -> int:
    """Offset after a batch that was read to `at`: what its header claims, if that leaves nothing out."""
    at = max(at, int(batch.base_offset))
    claimed = int(getattr(batch, "next_offset", 0) or 0)
    most = at + MOST_RECORDS if ahead is None else int(ahead.base_offset)
    return claimed if at < claimed <= most else at


def _say(topic: str, partition: int, found: Unreadable) -> None:
    """Log it once, however often it is read."""
    known = topic, partition, found.first
    if known not in _said and len(_said) < _MOST_SAID:
        _said.add(known)
        log.error("%s/%d: %s; stepped over", topic, partition, found)


class SteppingRecords(aiokafka.consumer.fetcher.PartitionRecords):  # type: ignore[misc]  # has no types
    """aiokafka's records of one fetch."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        """Overridden: the original raises at the first batch that cannot be read, and at each later attempt.

        A batch is read as a whole before its first record is given out. A control batch ends its producer's
        transaction whatever it says, so its contents are not looked at either.
        """
        ahead, broken = self._next_batch()
        while (batch := ahead) is not None:
            ahead, broken = self._next_batch()
            try:
                found = _parsed(batch, check_crc=self._check_crcs)
            except Exception as error:
                yield from self._unreadable(batch, ahead, error)
                continue
            if not self._is_aborted(batch):
                for record in found:
                    if record.offset >= self.next_fetch_offset:  # else of a batch that began before the position
                        self.next_fetch_offset = record.offset + 1
                        yield self._consumer_record(self._tp, record)
            self.next_fetch_offset = _following(batch, ahead, self.next_fetch_offset)
        if broken is not None:
            raise broken

    def _next_batch(self) -> tuple[Any, Exception | None]:
        """The next batch, or an error once what lies before it has been given out."""
        try:
            return (self._records.next_batch() if self._records.has_next() else None), None
        except Exception as error:
            return None, error

    def _is_aborted(self, batch: Any) -> bool:
        """Whether a batch belongs to a transaction that was aborted; the same as in the original."""
        if self._isolation_level != aiokafka.consumer.fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch:
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborted_producers)

    def _unreadable(self, batch: Any, ahead: Any, error: Exception) -> Iterator[Any]:
        """A record for the batch, if the consumer asks for it; read on after it."""
        first = self.next_fetch_offset
        last = _after(batch, ahead, first) - 1
        found = Unreadable(first, last, _why(batch, error))
        self.next_fetch_offset = last + 1
        if self._value_deserializer is not keep_unreadable:
            _say(self._tp.topic, self._tp.partition, found)
            return
        at = int(getattr(batch, "max_timestamp", 0) or 0)
        yield ConsumerRecord(
            self._tp.topic, self._tp.partition, last, at if 0 < at < LATEST_MS else 0, 0, None, found, None, -1, -1, ()
        )


class SteppingRecordsOfKafkaPython(kafka.consumer.fetcher.Fetcher.PartitionRecords):  # type: ignore[misc]  # no types
    """kafka-python's records of one fetch."""

    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Iterator[Any]:
        """Overridden: the original gets its batches already parsed, without those that cannot be read."""
        return super()._unpack_records(tp, _ParsedBatches(self, tp, records), *deserializers)  # type: ignore[no-any-return]


class _ParsedBatches:
    """Stands in for `MemoryRecords`."""

    def __init__(self, owner: Any, tp: Any, records: MemoryRecords) -> None:
        self._owner, self._tp, self._records = owner, tp, records
        self._begun = False  # the fetcher looks at `records` before it asks for the first
        self._ahead: Any = None

    def next_batch(self) -> Any:
        """The next batch that can be read; None at the end."""
        if not self._begun:
            self._begun, self._ahead = True, self._records.next_batch()
        while (batch := self._ahead) is not None:
            self._ahead = self._records.next_batch()
            try:
                found = _parsed(batch, check_crc=self._owner.check_crcs)
                at = found[-1].offset + 1 if found else self._owner.next_fetch_offset
                return _ParsedBatch(batch, found, _following(batch, self._ahead, at))
            except Exception as error:
                first = max(self._owner.next_fetch_offset, batch.base_offset)
                last = _after(batch, self._ahead, first) - 1
                _say(self._tp.topic, self._tp.partition, Unreadable(first, last, _why(batch, error)))
                self._owner.next_fetch_offset = last + 1
        return None


class _ParsedBatch:
    """A batch whose records have been read; all else is the batch's own."""

    def __init__(self, batch: Any, records: list[Any], next_offset: int) -> None:
        self._batch, self._parsed, self.next_offset = batch, records, next_offset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parsed)

    def __next__(self) -> Any:
        """Asked of control batches only: each ends its producer's transaction, whatever it says."""
        return SimpleNamespace(abort=True)

    def validate_crc(self) -> bool:
        """It was checked."""
        return True
