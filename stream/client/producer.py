"""A file of events, sent to Kafka as if it were logged_event now: at a rate, or at the pace of its own timestamps."""

import contextlib
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import RecordMetadata
from msgspec import Struct

from stream.config import Kafka
from stream.datasets.readers import Entry
from stream.errors import BrokerError
from stream.kafka.security import kafka_options
from stream.records.codec import encode
from stream.records.schemas import Event, EventType, Experiment, Item
from stream.records.topics import EVENT_TOPICS, EXPERIMENTS, ITEMS, USERS, Topic, prefixed

LINGER_MS = 5  # gathers records into requests; without it every record is a request of its own
BATCH_BYTES = 64 * 1024
DELIVERY_S = 30.0  # until a record that no broker acknowledges is an error
NAP_S = 0.001  # shorter waits are not slept: sleep itself takes longer


class Pace(NamedTuple):
    """When events are due. Neither of the two: as fast as they are taken."""

    rate: float | None = None  # events per second
    speed_up: float | None = None  # how much faster than the events' own time

    def due(self, n: int, elapsed: float) -> float:
        """Seconds after the start when event `n` is due, which came `elapsed` seconds of event time after the first.

        >>> Pace(rate=500).due(250, 86_400.0), Pace(speed_up=3600).due(250, 86_400.0), Pace().due(250, 86_400.0)
        (0.5, 24.0, 0.0)
        """
        if self.rate is not None:
            return n / self.rate
        return 0.0 if self.speed_up is None else elapsed / self.speed_up


class Sender:
    """Writes items and events to their topics through kafka-python: acknowledged by all replicas, keyed, in batches."""

    def __init__(self, config: Kafka) -> None:
        self.config = config
        self.items = self.events = 0  # sent so far
        self.offsets: defaultdict[tuple[str, int], array[int]] = defaultdict(lambda: array("q"))  # acknowledged
        self._started = time.monotonic()  # with the first event
        self._failure: BaseException | None = None
        self._producer = KafkaProducer(
            **kafka_options(config), acks="all", linger_ms=LINGER_MS, batch_size=BATCH_BYTES,
            request_timeout_ms=int(DELIVERY_S * 500), delivery_timeout_ms=int(DELIVERY_S * 1000),
        )  # fmt: skip

    def item(self, item: Item) -> None:
        """Send one item of the catalogue."""
        self.items += 1
        self._send(ITEMS, item.item_id, item)

    def event(self, kind: EventType, event: Event) -> None:
        """Send one event; its Kafka timestamp is now."""
        if self.events == 0:
            self._started = time.monotonic()
        self.events += 1
        self._send(EVENT_TOPICS[kind], event.user_id, event)

    def forget(self, user_id: str) -> None:
        """Ask for everything about a user to be forgotten: a tombstone in catalog.users."""
        self._send(USERS, user_id, None)

    def experiment(self, name: str, experiment: Experiment | None) -> None:
        """Start an experiment, or end the one of this name."""
        self._send(EXPERIMENTS, name, experiment)

    def record(self, topic: Topic, key: str, value: bytes | None) -> None:
        """Send a record that is encoded already; None is a tombstone."""
        self._raise_failure()
        try:
            # By murmur2 of the key, as everything that is keyed by user must be.
            future = self._producer.send(prefixed(self.config.namespace, topic), key=key.encode(), value=value)
        except KafkaError as error:
            self._failure = error
            self._raise_failure()
        else:
            future.add_callback(self._acknowledge)
            future.add_errback(self._fail)

    def flush(self) -> None:
        """Return when everything is acknowledged; raise BrokerError if something cannot be."""
        try:
            self._producer.flush(DELIVERY_S + 1.0)
        except KafkaError as error:
            self._failure = error
        self._raise_failure()

    def report(self) -> "Report":
        """What was sent so far."""
        return Report(self.items, self.events, time.monotonic() - self._started if self.events else 0.0)

    def close(self) -> None:
        """Send what is under way, for a few seconds at most, and disconnect."""
        with contextlib.suppress(KafkaError):  # Kafka is away: `flush` has told, or nobody waits for it any more
            self._producer.close(timeout=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, topic: Topic, key: str, record: Struct | None) -> None:
        self.record(topic, key, None if record is None else encode(record))

    def _acknowledge(self, metadata: RecordMetadata) -> None:
        self.offsets[metadata.topic, metadata.partition].append(metadata.offset)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise BrokerError(f"broker {self.config.broker}: a record was not taken: {self._failure}")


def select(entries: Iterable[Entry], users: int | None = None, limit: int | None = None) -> Iterator[Entry]:
    """Only the events of the first so many users, only so many events, and the items that occur in them."""
    chosen: set[str] = set()
    items: dict[str, Item] = {}  # whose first event is yet to come
    events = 0
    for entry in entries:
        if isinstance(entry, Item):
            items[entry.item_id] = entry
            continue
        if limit is not None and events >= limit:
            return
        _, event = entry
        if event.user_id not in chosen:
            if users is not None and len(chosen) >= users:
                continue
            chosen.add(event.user_id)
        if event.item_id in items:
            yield items.pop(event.item_id)
        yield entry
        events += 1


def paced(
    events: Iterable[tuple[EventType, Event]],
    pace: Pace,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[EventType, Event]]:
    """Each event when it is due; one that is late comes at once, so that the whole keeps to the schedule."""
    start = clock()
    first: float | None = None
    for n, (kind, event) in enumerate(events):
        first = event.timestamp if first is None else first
        wait = start + pace.due(n, event.timestamp - first) - clock()
        if wait >= NAP_S:
            sleep(wait)
        yield kind, event


class Report(NamedTuple):
    """What was sent.

    >>> print(Report(items=20, events=1000, seconds=2.0))
    sent 20 items and 1,000 events in 2.0 s: 500 events/s
    """

    items: int
    events: int
    seconds: float  # from the first event to the last acknowledgement

    def __str__(self) -> str:
        rate = self.events / self.seconds if self.seconds else 0.0
        return f"sent {self.items:,} items and {self.events:,} events in {self.seconds:.1f} s: {rate:,.0f} events/s"
