"""One site on a real Kafka, for the tests of the worker: its topics, a producer, and all that can be read back."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from stream.config import Config, Kafka, Slate
from stream.kafka.admin import create_or_verify
from stream.records.acceptance import Acceptance
from stream.records.codec import encode
from stream.records.log import Batch, Decision, ItemChange, ProfileChange, Record, Step, decode_message
from stream.records.schemas import DeadLetter, Event, EventType, Outcome, Recommendation
from stream.records.topics import DEAD, EVENT_TOPICS, LOG, OUTCOMES, RECOMMENDATIONS, Topic, prefixed

PARTITIONS = 4
SLOTS = 20
R = TypeVar("R")
T = TypeVar("T")


def event(user: str, item: str, name: str, **fields: Any) -> Event:
    """An event that happens now."""
    return Event(event_id=name, user_id=user, item_id=item, timestamp=time.time(), **fields)


def walk(name: str, users: int, count: int) -> list[tuple[EventType, Event]]:
    """Events of users who go from `first-n` to `second-n`, for some n of 20, and then to another pair."""
    rng, kinds = random.Random(name), sorted(EVENT_TOPICS)
    next_: dict[str, str] = {}
    found: list[tuple[EventType, Event]] = []
    for n in range(count):
        user = f"{name}-{rng.randrange(users)}"
        item = next_.pop(user, None) or f"first-{rng.randrange(20)}"
        if item.startswith("first"):
            next_[user] = item.replace("first", "second")
        found.append((rng.choice(kinds), event(user, item, f"{name}.{n}")))
    return found


def until(look: Callable[[], T | None], what: str, within_s: float = 20.0) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
    return found


@dataclass
class Folded:
    """What the log says after the rules of acceptance, as far as it has been read."""

    end: int = 0  # offset after the last message
    events: Counter[str] = field(default_factory=Counter)  # accepted, by event id
    taken: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (source, topic index) -> event offsets
    recent: dict[str, list[str]] = field(default_factory=dict)  # event id -> the user's items before it, newest first
    offered: dict[str, list[str]] = field(default_factory=dict)  # event id -> the user's own list after it
    decisions: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    requests: dict[str, list[str]] = field(default_factory=dict)  # request id -> decisions made for it
    changes: dict[str, int] = field(default_factory=dict)  # item or user of the catalogue -> log offset of the newest
    records: int = 0
    rules: Acceptance = field(default_factory=Acceptance)

    def fold(self, offset: int, data: bytes) -> None:
        """Take in one message."""
        message = decode_message(data, offset)
        self.end = offset + 1
        if self.rules.judge(message, offset) == "accepted":
            assert isinstance(message, Batch)
            for record in message.records:
                self.records += 1
                self._take(message.shard, record, offset)

    def _take(self, source: str, record: Record, offset: int) -> None:
        if isinstance(record, ItemChange):
            self.changes[record.item_id] = offset
        if isinstance(record, ProfileChange):
            self.changes[record.user_id] = offset
        if not isinstance(record, Step):
            return
        if record.event is not None:
            self.events[record.event.event_id] += 1
            self.recent[record.event.event_id] = record.recent
            self.taken.setdefault((source, str(record.event.topic)), []).append(record.event.offset)
        if record.settled is not None:
            self.settled[record.settled.decision_id] += 1
        if record.decision is not None:
            self.decisions[record.decision.decision_id] += 1
            if record.decision.request_id:
                self.requests.setdefault(record.decision.request_id, []).append(record.decision.decision_id)
            if record.event is not None:
                self.offered[record.event.event_id] = own_list(record.decision)

    def check(self) -> None:
        """Laws that hold for any log: nothing twice, in order, and only decisions that were made are settled, once."""
        assert self.rules.backward == 0
        for offsets in self.taken.values():
            assert offsets == sorted(set(offsets))
        for counts in (self.events, self.decisions, self.settled):
            assert set(counts.values()) <= {1}
        assert self.settled.keys() <= self.decisions.keys()


class Site:
    """Topics under one namespace, a producer, and readers of what headwater writes.

    Parameters
    ----------
    address : of the broker
    """

    def __init__(self, address: str, namespace: str) -> None:
        self.config = Config(
            kafka=Kafka(
                broker=address, namespace=namespace, partitions=PARTITIONS,
                session_timeout_s=6,  # Kafka's least: until a killed worker's partitions are free
            ),
            slate=Slate(wait_ms=0.0),  # a slate for every event, however slow the machine
        )  # fmt: skip
        create_or_verify(self.config.kafka)
        self.producer = KafkaProducer(bootstrap_servers=address, acks="all", linger_ms=2, delivery_timeout_ms=60_000)

    def close(self) -> None:
        """Disconnect."""
        self.producer.close(timeout=5)

    def name(self, topic: Topic) -> str:
        """Full name of a topic."""
        return prefixed(self.config.kafka.namespace, topic)

    def write(self, topic: Topic, key: bytes | None, value: bytes | None, partition: int | None = None) -> Any:
        """Send one record as it is; returns a future."""
        return self.producer.send(self.name(topic), key=key, value=value, partition=partition)

    def send(self, *events: tuple[EventType, Event]) -> None:
        """Send events, and wait until Kafka has them."""
        for kind, record in events:
            self.write(EVENT_TOPICS[kind], record.user_id.encode(), encode(record))
        self.producer.flush(30)

    @contextmanager
    def reader(self, topic: Topic) -> Iterator[KafkaConsumer]:
        """Consumer of a whole topic from its beginning."""
        consumer = KafkaConsumer(bootstrap_servers=self.config.kafka.broker, auto_offset_reset="earliest")
        try:
            count = len(consumer.partitions_for_topic(self.name(topic)))
            consumer.assign([TopicPartition(self.name(topic), n) for n in range(count)])
            yield consumer
        finally:
            consumer.close()

    def records(self, topic: Topic) -> list[Any]:
        """All of a topic."""
        with self.reader(topic) as consumer:
            ends = consumer.end_offsets(consumer.assignment())
            found: list[Any] = []
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                found += _polled(consumer)
            return found

    def wait_for(
        self, topic: Topic, wanted: Callable[[list[Any]], Any], what: str, within_s: float = 20.0
    ) -> list[Any]:
        """All of a topic as soon as it is as it should be."""
        found: list[Any] = []

        def look() -> bool:
            found.extend(_polled(consumer))
            return bool(wanted(found))

        with self.reader(topic) as consumer:
            until(look, what, within_s)
        return found

    def slate(self, event_id: str) -> Recommendation:
        """The slate that an event caused."""
        found = self.wait_for(RECOMMENDATIONS, lambda all_: slates(all_, event_id), f"slate after {event_id}")
        return slates(found, event_id)[0]

    def outcome(self, decision_id: str) -> Outcome:
        """What became of a decision."""
        found = self.wait_for(
            OUTCOMES, lambda all_: [o for o in read(all_, Outcome) if o.decision_id == decision_id],
            f"outcome of {decision_id}",
        )  # fmt: skip
        return next(outcome for outcome in read(found, Outcome) if outcome.decision_id == decision_id)

    def dead_letters(self, count: int) -> list[DeadLetter]:
        """All dead letters, as soon as there are so many."""
        return read(self.wait_for(DEAD, lambda all_: len(all_) >= count, f"{count} dead letters"), DeadLetter)

    def folded(self, wanted: Callable[[Folded], bool], what: str, within_s: float = 20.0) -> Folded:
        """The log, folded as far as it goes when it is as it should be."""
        folded = Folded()

        def look() -> bool:
            for record in _polled(consumer):
                folded.fold(record.offset, record.value)
            return wanted(folded)

        with self.reader(LOG) as consumer:
            until(look, what, within_s)
        return folded

    def learned(self, event_ids: Iterable[str], within_s: float = 20.0) -> Folded:
        """The log, folded as far as it goes when it holds all these events."""
        wanted = set(event_ids)
        return self.folded(lambda log: wanted <= log.events.keys(), f"{len(wanted)} events in the log", within_s)


def read(records: Sequence[Any], type_: type[R]) -> list[R]:
    """Decode wire records, but for tombstones."""
    return [msgspec.json.decode(record.value, type=type_) for record in records if record.value is not None]


def own_list(decision: Decision) -> list[str]:
    """Items of the last list of a decision, which is the user's own."""
    own = np.frombuffer(decision.lists, "<u2")[-SLOTS:]
    return [decision.items[place] for place in own.tolist() if place != 65535]


def slates(records: Sequence[Any], event_id: str) -> list[Recommendation]:
    """Slates that an event caused."""
    mark = event_id.encode()
    candidates = [record for record in records if record.value is not None and mark in record.value]
    return [slate for slate in read(candidates, Recommendation) if slate.event_id == event_id]


def _polled(consumer: KafkaConsumer) -> list[Any]:
    return [record for found in consumer.poll(timeout_ms=100).values() for record in found]
