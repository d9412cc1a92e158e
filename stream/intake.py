"""From Kafka records to what the engine takes: decoded, in order, exactly from the next position on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from faust.types import TP

from stream.codec import Rejection, decode_event, decode_item, decode_profile, decode_tombstone
from stream.config import Config
from stream.engine import Arrival
from stream.log import Happening, ItemChange, ProfileChange
from stream.observe import Observer
from stream.schemas import KINDS, DeadLetter, Event, EventType
from stream.topics import EVENT_TOPICS, INPUT_TOPICS, ITEMS, USER_TOPICS, USERS, Source, Topic, prefixed
from stream.transport import Poll

EVENT_KINDS: dict[str, EventType] = {topic.name: kind for kind, topic in EVENT_TOPICS.items()}


class Taken(NamedTuple):
    """What one source brought in one poll."""

    arrivals: list[Arrival]
    next: dict[str, int]  # topic (without namespace) -> position after it
    dead: list[tuple[bytes | None, DeadLetter]]  # with the key they came with
    seek: dict[TP, int]  # positions to be read again
    written_at: dict[tuple[int, int], float]  # (topic index, offset) -> when the event was written, unix seconds


class Intake:
    """Reads polls. Holds nothing but which holes in the offsets it has asked for again."""

    def __init__(self, config: Config, observer: Observer) -> None:
        self.observer = observer
        self.topics = {prefixed(config.kafka.namespace, topic): topic for topic in INPUT_TOPICS}
        self._holes: dict[TP, tuple[int, int]] = {}

    def source_of(self, tp: TP) -> str:
        """The source that a topic-partition belongs to.

        >>> Intake(Config(), Observer()).source_of(TP("events.click", 3))
        'users/3'
        """
        return str(Source("items" if self.topics[tp.topic] is ITEMS else "users", tp.partition))

    def by_source(self, poll: Poll) -> Iterator[tuple[str, list[tuple[TP, list[Any]]]]]:
        """Parts of the poll that belong to one source."""
        sources: dict[str, list[tuple[TP, list[Any]]]] = {}
        for tp, records in poll:
            sources.setdefault(self.source_of(tp), []).append((tp, records))
        yield from sources.items()

    def read(self, position: Mapping[str, int], fetched: Iterable[tuple[TP, list[Any]]], now: float) -> Taken:
        """Decode what stands at a source's next positions, in the order in which it was written to Kafka."""
        taken = Taken([], {}, [], {}, {})
        found: list[tuple[float, float, Arrival]] = []
        for tp, records in fetched:
            topic = self.topics[tp.topic]
            fresh = self._at_position(tp, records, position[topic.name], taken)
            if not fresh:
                continue
            taken.next[topic.name] = fresh[-1].offset + 1
            for record in fresh:
                arrival = self._decode(topic, record, now)
                if isinstance(arrival, Rejection):
                    self.observer.dead(arrival.reason)
                    taken.dead.append((record.key, dead_letter(record, arrival)))
                    continue
                written = record.timestamp / 1000
                time = written
                if isinstance(arrival, tuple):
                    time = arrival[1].time
                    taken.written_at[arrival[1].topic, record.offset] = written
                found.append((written, time, arrival))
        found.sort(key=lambda entry: entry[:2])  # stable: what is equal stays in the order of its topic
        taken.arrivals.extend(arrival for _, _, arrival in found)
        return taken

    def _at_position(self, tp: TP, records: list[Any], position: int, taken: Taken) -> list[Any]:
        """Records from `position` on; none, and a wish to seek, if the poll is one of before a seek.

        Compaction, retention and transaction markers leave holes in the offsets too: the same hole again is real.
        """
        first = records[0].offset
        if first < position:
            return [record for record in records if record.offset >= position]
        if first > position and self._holes.get(tp) != (position, first):
            self._holes[tp] = (position, first)
            taken.seek[tp] = position
            return []
        return records

    def _decode(self, topic: Topic, record: Any, now: float) -> Arrival | Rejection:
        if topic is ITEMS:
            return _item_change(record)
        if topic is USERS:
            return _profile_change(record)
        if record.key is None:
            self.observer.keyless()
        event = decode_event(EVENT_KINDS[topic.name], record.key, record.value, now)
        if isinstance(event, Rejection):
            return event
        return event.user_id, _happening(event, topic, record.offset)


def pieces(fetched: Iterable[tuple[TP, list[Any]]], size: int) -> Iterator[list[tuple[TP, list[Any]]]]:
    """The same records in the same order per topic-partition, at most about `size` at a time.

    >>> list(pieces([("a", [1, 2, 3]), ("b", [4])], 2))
    [[('a', [1]), ('b', [4])], [('a', [2, 3])]]
    """
    waiting = list(fetched)
    while waiting:
        share = max(1, size // len(waiting))
        yield [(tp, records[:share]) for tp, records in waiting]
        waiting = [(tp, records[share:]) for tp, records in waiting if len(records) > share]


def dead_letter(record: Any, rejection: Rejection) -> DeadLetter:
    """All that is needed to mend and resend a record that could not be read."""
    return DeadLetter(
        topic=record.topic, partition=record.partition, offset=record.offset, timestamp=record.timestamp / 1000,
        reason=rejection.reason, detail=rejection.detail, key=record.key, value=record.value,
    )  # fmt: skip


def _happening(event: Event, topic: Topic, offset: int) -> Happening:
    kind = EVENT_KINDS[topic.name]
    return Happening(
        USER_TOPICS.index(topic), offset, event.event_id, event.item_id, KINDS.index(kind), event.timestamp,
        event.session_id, event.decision_id,
    )  # fmt: skip


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
