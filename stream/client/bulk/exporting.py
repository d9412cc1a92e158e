"""From the topics to a file: of items and users the newest record of each, of events all, up to the ends by then."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.client.bulk.kinds import DELETED, Kind, keyed
from stream.client.bulk.merged import Offsets, merged, reading
from stream.client.bulk.positions import ExportPosition, write_position
from stream.client.bulk.target import TargetFile
from stream.config import Kafka
from stream.records.codec import Rejection, decode_tombstone
from stream.records.topics import EVENT_TOPICS, prefixed

AT_ONCE = 5_000  # records between two marks
SAID = 1_000  # records between two calls of `moved`
_OBJECT = msgspec.json.Decoder(dict[str, Any])


class Exported(NamedTuple):
    """What was written.

    >>> print(Exported("items", written=1_200, left_out=2, seconds=1.0))
    wrote 1,200 items in 1.0 s; 2 records were left out, which workers do not accept either
    """

    kind: str
    written: int
    left_out: int
    seconds: float

    def __str__(self) -> str:
        bad = f"; {self.left_out:,} records were left out, which workers do not accept either" if self.left_out else ""
        return f"wrote {self.written:,} {self.kind} in {self.seconds:.1f} s{bad}"


class Export:
    """One run.

    Parameters
    ----------
    path : of the position file; None: it cannot be gone on with
    position : where to begin
    moved : called with how many records of the topics have been read, and how many there are
    """

    def __init__(
        self, config: Kafka, kind: Kind, path: Path | None, position: ExportPosition, moved: Callable[[int, int], None]
    ) -> None:
        self.config, self.kind, self.path, self.position, self._moved = config, kind, path, position, moved
        self._types = {prefixed(config.namespace, topic): type_ for type_, topic in EVENT_TOPICS.items()}

    async def run(self, target: TargetFile, partitions: Mapping[str, int]) -> Exported:
        """Write all up to where the topics end now, or where they ended when an export began that was killed."""
        begun, left_out, count, position = time.monotonic(), 0, 0, self.position
        names = [prefixed(self.config.namespace, topic) for topic in self.kind.topics]
        tps = [TopicPartition(name, n) for name in names for n in range(partitions[name])]
        before = position.written
        async with reading(self.config, tps) as consumer:
            resumed, found = _offsets(position.ends), await consumer.end_offsets(tps)
            ends = {tp: resumed.get(tp, 0) if resumed else found[tp] for tp in tps}
            first, known = await consumer.beginning_offsets(tps), _offsets(position.next)
            next_ = {tp: min(max(first[tp], known.get(tp, 0)), ends[tp]) for tp in tps}
            if not resumed:
                position.begin, position.ends = _nested(next_), _nested(ends)
            self._note(target, next_)
            async for record in self._wanted(consumer, next_, ends, resumed=bool(resumed)):
                line = self._line(record)
                if line is None:
                    left_out += record.value is not None
                else:
                    target.add(line)
                    position.written += 1
                tp = TopicPartition(record.topic, record.partition)
                next_[tp] = max(next_[tp], min(record.offset + 1, ends[tp]))
                count += 1
                if count % AT_ONCE == 0:
                    self._note(target, next_)
        position.ends, position.changes = {}, True
        self._note(target, ends)
        return Exported(self.kind.name, position.written - before, left_out, time.monotonic() - begun)

    def _note(self, target: TargetFile, next_: Offsets) -> None:
        self.position.size, self.position.next = target.mark(), _nested(next_)
        write_position(self.path, self.position)

    async def _wanted(
        self, consumer: AIOKafkaConsumer, starts: Offsets, ends: Offsets, *, resumed: bool
    ) -> AsyncIterator[Any]:
        """All records, or the newest of each key, in the order in which they were written.

        Of items and users the topic is read twice: first for the offset of the newest record of each key, then for the
        records. One that was compacted away meanwhile has a newer one behind the ends, which is taken; where an export
        goes on that was killed, so is that of each key which the topic does not have before them.
        """
        if not self.kind.is_state:
            async for record in self._counted(merged(consumer, dict(starts), ends), starts, ends):
                yield record
            return
        begin = _offsets(self.position.begin) if resumed else dict(starts)
        newest: dict[bytes, tuple[int, int]] = {}  # key -> partition and offset
        async for record in merged(consumer, begin, ends):
            newest[record.key or b""] = record.partition, record.offset
        seen = set(newest)
        async for record in self._counted(merged(consumer, dict(starts), ends), starts, ends):
            if newest.get(record.key or b"") == (record.partition, record.offset):
                del newest[record.key or b""]
                yield record
        gone = {
            key for key, (n, offset) in newest.items() if offset >= starts[TopicPartition(next(iter(ends)).topic, n)]
        }
        if gone or resumed:
            late = dict[bytes, Any]()
            async for record in merged(consumer, ends, await consumer.end_offsets(list(ends))):
                if record.key in gone or (resumed and record.key not in seen):
                    late[record.key] = record
            for record in late.values():
                yield record

    async def _counted(self, records: AsyncIterator[Any], starts: Offsets, ends: Offsets) -> AsyncIterator[Any]:
        total, n = sum(ends[tp] - starts[tp] for tp in ends), 0
        async for record in records:
            n += 1
            if n % SAID == 0:
                self._moved(n, total)
            yield record

    def _line(self, record: Any) -> dict[str, Any] | None:
        """A record as it stands in the file; None for one that workers do not accept, or an end that is no news."""
        key: bytes | None = record.key
        if record.value is None:
            ended = decode_tombstone(self.kind.one, key)
            return {self.kind.key: ended, DELETED: True} if self.position.changes and isinstance(ended, str) else None
        if not isinstance(record.value, bytes):  # of a batch that cannot be read
            return None
        try:
            found = _OBJECT.decode(record.value)
            if record.topic in self._types:
                found = {"type": self._types[record.topic]} | found
            checked = keyed(self.kind, msgspec.json.encode(found), time.time(), _ignore)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return None if isinstance(checked, Rejection) or checked.value is None else found


def _ignore(sentence: str) -> None:
    """Unknown fields are exported as they are."""


def _nested(offsets: Offsets) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for tp, offset in sorted(offsets.items()):
        found.setdefault(tp.topic, {})[tp.partition] = offset
    return found


def _offsets(nested: dict[str, dict[int, int]]) -> Offsets:
    return {TopicPartition(name, n): offset for name, found in nested.items() for n, offset in found.items()}
