"""From Kafka records to what the engine takes: decoded, in order, exactly from the next position on."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from heapq import merge
from typing import Any, NamedTuple

from faust.types import TP
from kafka.partitioner.default import murmur2
from msgspec import Struct

from stream.config import Config
from stream.decisions.arrivals import Arrival, QuestionAsked, UserEvent
from stream.errors import UsageError
from stream.experiments.definition import check
from stream.kafka.polls import Poll
from stream.kafka.unreadable import Unreadable, first_offset
from stream.observe import Observer
from stream.records.amounts import units
from stream.records.codec import (
    Rejection,
    decode_event,
    decode_experiment,
    decode_item,
    decode_profile,
    decode_tombstone,
)
from stream.records.log import ExperimentChange, ItemChange, ProfileChange, logged_event
from stream.records.questions.reading import is_question
from stream.records.questions.records import Question
from stream.records.requests import Request
from stream.records.schemas import DeadLetter, Event, Experiment, Item, Profile
from stream.records.topics import (
    BRIEF,
    EVENT_KINDS,
    EXPERIMENTS,
    INPUT_TOPICS,
    ITEMS,
    REQUESTS,
    USERS,
    ShardId,
    Topic,
    prefixed,
)
from stream.records.unknown import sentence, unknown_fields
from stream.worker.asking.requests import read_question, read_request

HASHES = 65_536  # keys whose hash is remembered: it takes some microseconds, and most keys come again
UNREAD_S = 10.0  # between two lines about fields that are not read
MAX_UNREAD = 100  # names that are reported, each once: further ones are counted only
BATCH_RECORDS = 200  # of one log message: fits topics.LOG_BYTES even if all ids are as long as they may be
# What topics hold that have no events.
DESCRIBED: dict[str, type[Struct]] = {
    ITEMS.name: Item, USERS.name: Profile, EXPERIMENTS.name: Experiment, REQUESTS.name: Request,
}  # fmt: skip
log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """The part of a poll that goes into one message of the log."""

    arrivals: list[Arrival]
    next: dict[str, int]  # topic (without namespace) -> position after it
    dead: list[tuple[bytes | None, DeadLetter]]  # with the key they came with
    written_at: dict[tuple[int, int], float]  # (topic index, offset) -> when the event was written, unix seconds
    questions: list[QuestionAsked]


class Reading(NamedTuple):
    """The records of one shard in one poll, split into messages."""

    parts: list[Taken]
    seek: dict[TP, int]  # positions to be read again


class _Found(NamedTuple):
    """One record: decoded, or not."""

    written: float  # to Kafka, unix seconds
    time: float  # of the event, or again when it was written
    topic: Topic
    record: Any
    arrival: Arrival | QuestionAsked | Rejection


class Intake:
    """Reads polls. Holds nothing but which gaps in the offsets are real."""

    def __init__(self, config: Config, observer: Observer) -> None:
        self.config, self.observer = config, observer
        self._slates = 1 + len(config.pushed)  # of an event
        self.traits = config.sources.traits.split(",")
        self.topics = {prefixed(config.kafka.namespace, topic): topic for topic in INPUT_TOPICS}
        # The newest gap: a position, the offset of the next record, and how many records between were deleted.
        self._brief = {prefixed(config.kafka.namespace, topic) for topic in BRIEF}
        self.partitions: Mapping[str, int] = {}  # of each topic, by name without the namespace; not known: unchecked
        self._misplaced: set[str] = set()  # topics with keys on a wrong partition, said once
        self._unread: set[tuple[str, str]] = set()  # topics, and sentences about fields that are not read
        self._names = list[str]()  # of such fields of the event that is being decoded
        self._unread_at = dict[str, float]()  # when the newest of these was said, by topic
        self._gaps: dict[TP, tuple[int, int, int]] = {}

    def shard_of(self, tp: TP) -> str:
        """The shard that a topic-partition belongs to.

        >>> Intake(Config(), Observer()).shard_of(TP("events.click", 3))
        'users/3'
        """
        return str(ShardId.of(self.topics[tp.topic], tp.partition))

    def by_shard(self, poll: Poll) -> Iterator[tuple[str, list[tuple[TP, list[Any]]]]]:
        """Parts of the poll that belong to one shard."""
        shards: dict[str, list[tuple[TP, list[Any]]]] = {}
        for tp, records in poll:
            shards.setdefault(self.shard_of(tp), []).append((tp, records))
        yield from shards.items()

    def read(self, position: Mapping[str, int], fetched: Iterable[tuple[TP, list[Any]]], now: float) -> Reading:
        """Decode the records from a shard's next positions on.

        The topics are merged by the time at which their records were written; within a topic the order of offsets
        stays as it is, so the merged stream can be split anywhere and the positions are exact.
        """
        reading = Reading([], {})
        streams = [
            self._decoded(self.topics[tp.topic], self._at_position(tp, records, position, reading.seek), now)
            for tp, records in fetched
        ]
        for n, found in enumerate(merge(*streams, key=lambda found: found[:2])):
            if n % max(1, BATCH_RECORDS // self._slates) == 0:
                reading.parts.append(Taken([], {}, [], {}, []))
            self._add(reading.parts[-1], found)
        return reading

    def add_gap(self, tp: TP, wanted: int, first: int, deleted: int = 0) -> None:
        """Note that from position `wanted` on, the next record is at `first`, and how many were deleted between."""
        self._gaps[tp] = (wanted, first, deleted)

    def _decoded(self, topic: Topic, records: list[Any], now: float) -> list[_Found]:
        found = []
        for record in records:
            arrival = self._decode(topic, record, now)
            written = record.timestamp / 1000
            time = arrival.event.time if isinstance(arrival, UserEvent) else written
            found.append(_Found(written, time, topic, record, arrival))
        return found

    def _add(self, taken: Taken, found: _Found) -> None:
        record, arrival = found.record, found.arrival
        taken.next[found.topic.name] = record.offset + 1
        if isinstance(record.value, Unreadable):
            self.observer.unreadable(found.topic.name, record.value.last + 1 - record.value.first)
            log.error("%s/%d: %s; stepped over", record.topic, record.partition, record.value)
        if isinstance(arrival, Rejection):
            self.observer.dead(arrival.reason)
            taken.dead.append((record.key, dead_letter(record, arrival)))
            return
        if isinstance(arrival, QuestionAsked):
            taken.questions.append(arrival)
            return
        taken.arrivals.append(arrival)
        if isinstance(arrival, UserEvent):
            taken.written_at[arrival.event.topic, record.offset] = found.written

    def _at_position(self, tp: TP, records: list[Any], position: Mapping[str, int], seek: dict[TP, int]) -> list[Any]:
        """Records from the next position on; none, and a position to seek, if the poll was fetched before a seek.

        Compaction, retention and transaction markers leave gaps in the offsets too: those that `add_gap` names.
        """
        first, wanted = first_offset(records[0]), position.get(self.topics[tp.topic].name)
        if wanted is None:  # the topic came while the shard was served: it is recovered anew with it
            return []
        if first < wanted:
            return [record for record in records if record.offset >= wanted]
        *known, deleted = self._gaps.get(tp, (-1, -1, 0))
        if first > wanted and known != [wanted, first]:
            seek[tp] = wanted
            return []
        if first > wanted:
            self.observer.skipped_offsets(first - wanted)
            if deleted and tp.topic not in self._brief:
                self.observer.lost(deleted)
                log.error("%s/%d: %d records from %d on were deleted before they were read", *tp, deleted, wanted)
        return records

    def _check_place(self, topic: Topic, record: Any) -> None:
        """Count keys that are not on the partition that Java's and headwater's own producers put them on."""
        count = self.partitions.get(topic.name, 1)
        if count < 2 or record.key is None or _hash(record.key) % count == record.partition:
            return
        self.observer.misplaced(topic.name)
        if topic.name not in self._misplaced:
            self._misplaced.add(topic.name)
            log.error(
                "%s/%d offset %d: key %.60r belongs on partition %d of %d: a producer has another partitioner "
                "(librdkafka: set partitioner=murmur2_random) or another partition count; events of one user "
                "in different topics do not meet. Further ones are counted in headwater_misplaced_records_total",
                record.topic, record.partition, record.offset, record.key, _hash(record.key) % count, count,
            )  # fmt: skip

    def _note_unread(self, topic: Topic, record: Any, said: list[str], now: float) -> None:
        """Count a record with fields that nobody reads; report each name once, one record in ten seconds a topic."""
        self.observer.unread(topic.name)
        if len(self._unread) >= MAX_UNREAD or all((topic.name, each) in self._unread for each in said):
            return
        if 0.0 <= now - self._unread_at.get(topic.name, -UNREAD_S) < UNREAD_S:
            return
        self._unread_at[topic.name] = now
        if topic.name in EVENT_KINDS:
            said = unknown_fields(Event, record.value) or said  # decoding an event stops at the first
        new = [each for each in said if (topic.name, each) not in self._unread][: MAX_UNREAD - len(self._unread)]
        self._unread.update((topic.name, each) for each in new)
        log.warning(
            "%s/%d offset %d: a field is not read (headwater_unknown_fields_total counts such records): %s",
            record.topic, record.partition, record.offset, "; ".join(new),
        )  # fmt: skip

    def _decode(self, topic: Topic, record: Any, now: float) -> Arrival | QuestionAsked | Rejection:
        if isinstance(record.value, Unreadable):
            return Rejection("unreadable", str(record.value))
        self._check_place(topic, record)
        if topic.name in EVENT_KINDS:
            return self._event(topic, record, now)
        described = Question if (asks := topic is REQUESTS and is_question(record.value)) else DESCRIBED[topic.name]
        if record.value and (found := unknown_fields(described, record.value)):
            self._note_unread(topic, record, found, now)
        if topic is ITEMS:
            return _item_change(record)
        if topic is REQUESTS:
            return read_question(record, now) if asks else read_request(record, now)
        return _profile_change(record) if topic is USERS else self._experiment_change(record)

    def _event(self, topic: Topic, record: Any, now: float) -> UserEvent | Rejection:
        if record.key is None:
            self.observer.keyless()
        kind = EVENT_KINDS[topic.name]
        event = decode_event(kind, record.key, record.value, now, self._names.append)
        if self._names:
            self._note_unread(topic, record, [sentence(Event, self._names.pop())], now)
        if isinstance(event, Rejection):
            return event
        return UserEvent(event.user_id, logged_event(event, kind, record.offset, self.traits), units(event, kind))

    def _experiment_change(self, record: Any) -> ExperimentChange | Rejection:
        if not record.value:
            name = decode_tombstone("experiment", record.key)
            return name if isinstance(name, Rejection) else ExperimentChange(name, None)
        found = decode_experiment(record.key, record.value)
        if isinstance(found, Rejection):
            return found
        try:
            check(found, self.config, f"experiment {found.name}")
        except UsageError as error:
            return Rejection("out_of_range", str(error))
        return ExperimentChange(found.name, found)


def dead_letter(record: Any, rejection: Rejection) -> DeadLetter:
    """All that is needed to repair and resend a record that could not be read."""
    return DeadLetter(
        topic=record.topic, partition=record.partition, offset=record.offset, timestamp=record.timestamp / 1000,
        reason=rejection.reason, detail=rejection.detail, key=record.key,
        value=None if isinstance(record.value, Unreadable) else record.value,
    )  # fmt: skip


@lru_cache(HASHES)
def _hash(key: bytes) -> int:
    """What Kafka's default partitioner makes of a key."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _item_change(record: Any) -> ItemChange | Rejection:
    if record.value:
        item = decode_item(record.key, record.value)
        return item if isinstance(item, Rejection) else ItemChange(item.item_id, item)
    item_id = decode_tombstone("item", record.key)
    return item_id if isinstance(item_id, Rejection) else ItemChange(item_id, None)


def _profile_change(record: Any) -> ProfileChange | Rejection:
    if record.value:
        profile = decode_profile(record.key, record.value)
        return profile if isinstance(profile, Rejection) else ProfileChange(profile.user_id, profile.attributes)
    user_id = decode_tombstone("user", record.key)
    return user_id if isinstance(user_id, Rejection) else ProfileChange(user_id, None)
