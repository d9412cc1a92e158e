"""From a file to the topics: each line checked as a worker would, sent, acknowledged, and noted in a position file.

Killed between an acknowledgement and the note, an import would send some events again when it goes on; so it looks
first which of them the topics hold from the noted offsets on. Workers would drop most of them as duplicates, but they
remember the last ids of each user only.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.client.bulk.kinds import Keyed, Kind, keyed
from stream.client.bulk.positions import ImportPosition, write_position
from stream.client.bulk.source import Document, SourceFile
from stream.client.producer import Sender
from stream.config import Kafka
from stream.datasets.raw.bad import OnBad, at
from stream.errors import BrokerError
from stream.kafka.security import kafka_options
from stream.records.codec import Rejection
from stream.records.topics import prefixed

AT_ONCE = 2_000  # records between two notes
POLL_MS = 500
MAX_SAID = 20  # fields that nobody reads, by name

Offsets = dict[str, dict[int, int]]  # topic, with its namespace -> partition -> offset


class _Event(msgspec.Struct):
    """The one field that is looked for."""

    event_id: str = ""


_EVENT = msgspec.json.Decoder(_Event)


class Imported(NamedTuple):
    """What became of a file.

    >>> print(Imported("events", sent=12_000, before=40, seconds=2.0))
    sent 12,000 events in 2.0 s: 6,000/s; 40 were in Kafka already
    """

    kind: str
    sent: int
    before: int
    seconds: float

    def __str__(self) -> str:
        rate = f": {self.sent / self.seconds:,.0f}/s" if self.seconds > 0 else ""
        again = f"; {self.before:,} were in Kafka already" if self.before else ""
        return f"sent {self.sent:,} {self.kind} in {self.seconds:.1f} s{rate}{again}"


class Import:
    """One run over a file.

    Parameters
    ----------
    path : of the position file; None: it cannot be gone on with
    position : where to begin
    on_bad : called with the error of each line that a worker would not accept
    moved : called with how many lines have been read, after each note
    """

    def __init__(
        self, config: Kafka, kind: Kind, path: Path | None, position: ImportPosition, on_bad: OnBad,
        moved: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.config, self.kind, self.path, self.position = config, kind, path, position
        self._on_bad, self._moved = on_bad, moved
        self.unread: dict[str, None] = {}  # sentences about fields that nobody reads
        self.valid = 0

    def check(self, source: SourceFile, documents: Iterable[Document]) -> None:
        """Check all lines and send none."""
        for n, document in enumerate(documents, 1):
            self._record(source, document)
            if n % AT_ONCE == 0:
                self._moved(source.line)

    def send(self, source: SourceFile, documents: Iterable[Document], partitions: Mapping[str, int]) -> Imported:
        """Send what a file holds, note after note.

        Parameters
        ----------
        partitions : of each topic, by full name
        """
        position, begun, sent, before = self.position, time.monotonic(), 0, 0
        names = [prefixed(self.config.namespace, topic) for topic in self.kind.topics]
        tps = [TopicPartition(name, n) for name in names for n in range(partitions[name])]
        after = {} if position.done else position.after
        there, position.after = _since(self.config, tps, after, wanted=not self.kind.is_state)
        position.done = False
        write_position(self.path, position)
        waiting = iter(documents)
        with Sender(self.config) as sender:
            while part := list(islice(waiting, AT_ONCE)):
                for record in [self._record(source, document) for document in part]:
                    if record is None:
                        continue
                    if record.event_id in there:
                        before += 1
                        continue
                    sender.record(record.topic, record.key, record.value)
                    sent += 1
                    position.sent += 1
                sender.flush()
                for (name, partition), offsets in sender.offsets.items():
                    position.after[name][partition] = max(offsets) + 1
                sender.offsets.clear()
                position.line, position.digest = source.line, source.digest
                write_position(self.path, position)
                self._moved(source.line)
        position.line, position.digest, position.done = source.line, source.digest, True
        write_position(self.path, position)
        return Imported(self.kind.name, sent, before, time.monotonic() - begun)

    def _record(self, source: SourceFile, document: Document) -> Keyed | None:
        found = keyed(self.kind, document.text, time.time(), self._say)
        if isinstance(found, Rejection):
            self._on_bad(at(source.path, document.line, found.detail))
            return None
        self.valid += 1
        return found

    def _say(self, sentence: str) -> None:
        if len(self.unread) < MAX_SAID:
            self.unread[sentence] = None


def _since(config: Kafka, tps: list[TopicPartition], after: Offsets, *, wanted: bool) -> tuple[set[str], Offsets]:
    """Ids of the events that topics hold from some offsets on, and their ends; without offsets, the ends only."""
    found = set[str]()
    try:
        with closing(KafkaConsumer(**kafka_options(config), enable_auto_commit=False)) as consumer:
            consumer.assign(tps)
            ends, starts = consumer.end_offsets(tps), consumer.beginning_offsets(tps)
            if after and wanted:
                for tp in tps:
                    consumer.seek(tp, max(starts[tp], after.get(tp.topic, {}).get(tp.partition, 0)))
                while any(consumer.position(tp) < end for tp, end in ends.items()):
                    for records in consumer.poll(timeout_ms=POLL_MS).values():
                        found.update(_id(record.value) for record in records if record.value)
    except KafkaError as error:
        raise BrokerError(f"broker {config.broker}: the topics cannot be read: {error}") from error
    at_ends: Offsets = {tp.topic: {} for tp in tps}
    for tp, end in ends.items():
        at_ends[tp.topic][tp.partition] = end
    return found - {""}, after or at_ends


def _id(value: bytes) -> str:
    try:
        return _EVENT.decode(value).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
