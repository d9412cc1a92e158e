"""Intake: exactly from the next position on, in the order of writing, and nothing bad gets through."""

from typing import Any, NamedTuple

import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.client.watch import partition_of
from stream.config import Config, Kafka, Rewards
from stream.decisions.arrivals import Arrival, SlateAsked, UserEvent
from stream.decisions.shard import Shard
from stream.kafka.polls import Poll
from stream.kafka.unreadable import Unreadable
from stream.observe import Observer
from stream.records.codec import REASONS, encode
from stream.records.log import ItemChange, ProfileChange
from stream.records.schemas import DeadLetter, Event, Item, Profile
from stream.worker.intake import BATCH_RECORDS, MAX_UNREAD, Intake, Taken

T = 1_700_000_000.0
VIEWS, CLICKS, USERS, ITEMS = (
    TP(name, 0) for name in ("events.view", "events.click", "catalog.users", "catalog.items")
)


class Record(NamedTuple):
    """As aiokafka hands it out."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # ms
    key: bytes | None
    value: bytes | None


class Tally(Observer):
    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.without_key = 0

    def dead(self, reason: str) -> None:
        self.reasons.append(reason)

    def keyless(self) -> None:
        self.without_key += 1


def view(offset: int, *, written: float = T, time: float = T, item: str = "a", tp: TP = VIEWS) -> Record:
    event = Event(event_id=f"{tp.topic}-{offset}", user_id="u", item_id=item, timestamp=time)
    return Record(tp.topic, 0, offset, int(written * 1000), b"u", encode(event))


def raw(tp: TP, offset: int, key: bytes | None, value: bytes | None) -> Record:
    return Record(tp.topic, tp.partition, offset, int(T * 1000), key, value)


class Seen(NamedTuple):
    """What one read gave, when it is one message at most."""

    arrivals: list[Arrival]
    next: dict[str, int]
    dead: list[tuple[bytes | None, DeadLetter]]
    seek: dict[TP, int]
    written_at: dict[tuple[int, int], float]


class Reader:
    """An intake with the shard that it reads."""

    def __init__(self, shard: str = "users/0", **positions: int) -> None:
        self.seen = Tally()
        self.intake = Intake(Config(), self.seen)
        self.shard = Shard(shard, 0, Rewards())
        names = ("events.view", "events.click", "events.purchase", "catalog.users", "catalog.items", "requests")
        self.shard.next = {name: positions.get(name.split(".")[-1], 0) for name in names}

    def read(self, *fetched: tuple[TP, list[Record]]) -> Seen:
        reading = self.intake.read(self.shard.next, fetched, T + 1000)
        taken = reading.parts[0] if reading.parts else Taken([], {}, [], {}, [])
        assert len(reading.parts) <= 1
        self.shard.next |= taken.next
        return Seen(taken.arrivals, taken.next, taken.dead, reading.seek, taken.written_at)


def offsets(taken: Seen) -> list[int]:
    return [arrival.event.offset for arrival in taken.arrivals if isinstance(arrival, UserEvent)]


def test_older_offsets_are_dropped() -> None:
    reader = Reader(view=5)
    taken = reader.read((VIEWS, [view(n) for n in range(3, 8)]))
    assert (offsets(taken), taken.next, taken.seek) == ([5, 6, 7], {"events.view": 8}, {})
    again = reader.read((VIEWS, [view(n) for n in range(3, 8)]))
    assert again == Seen([], {}, [], {}, {})


def test_a_gap_is_sought_until_it_is_known_to_be_real() -> None:
    reader = Reader(view=5)
    assert reader.read((VIEWS, [view(9)])).seek == {VIEWS: 5}
    stale = reader.read((VIEWS, [view(9)]), (CLICKS, [view(0, tp=CLICKS)]))
    assert (stale.seek, stale.next, offsets(stale)) == ({VIEWS: 5}, {"events.click": 1}, [0])
    reader.intake.add_gap(VIEWS, 5, 9)
    assert reader.read((VIEWS, [view(11)])).seek == {VIEWS: 5}
    real = reader.read((VIEWS, [view(9)]))
    assert (real.seek, real.next, offsets(real)) == ({}, {"events.view": 10}, [9])


def test_a_stale_poll_after_a_seek_is_no_gap() -> None:
    """Two polls from before the seek are still on their way; then comes what was asked for."""
    reader = Reader(view=5)
    assert reader.read((VIEWS, [view(8)])).seek == {VIEWS: 5}
    assert reader.read((VIEWS, [view(9)])).seek == {VIEWS: 5}
    assert offsets(reader.read((VIEWS, [view(5), view(6)]))) == [5, 6]
    assert reader.read((VIEWS, [view(9)])).seek == {VIEWS: 7}


def test_topics_are_independent() -> None:
    reader = Reader(view=2, click=7)
    taken = reader.read((VIEWS, [view(1)]), (CLICKS, [view(7, tp=CLICKS)]))
    assert (taken.next, offsets(taken), taken.seek) == ({"events.click": 8}, [7], {})


def test_the_order_is_that_of_writing_then_that_of_event_time() -> None:
    reader = Reader()
    views = [view(0, written=T + 2, item="c"), view(1, written=T + 3, time=T + 9, item="e")]
    clicks = [
        view(0, written=T + 1, item="a", time=T + 99, tp=CLICKS),
        view(1, written=T + 2, time=T - 1, item="b", tp=CLICKS),
    ]
    clicks.append(view(2, written=T + 3, time=T + 8, item="d", tp=CLICKS))
    taken = reader.read((VIEWS, views), (CLICKS, clicks))
    assert [arrival.event.item_id for arrival in taken.arrivals if isinstance(arrival, UserEvent)] == list("abcde")


def test_equal_times_keep_the_order_of_the_topic() -> None:
    assert offsets(Reader().read((VIEWS, [view(n) for n in range(5)]))) == list(range(5))


def test_an_event_says_where_it_came_from() -> None:
    reader = Reader()
    taken = reader.read((CLICKS, [view(0, written=T + 1.5, tp=CLICKS)]))
    (arrival,) = taken.arrivals
    assert isinstance(arrival, UserEvent)
    user, event, _ = arrival
    assert (user, event.topic, event.offset, event.kind, event.item_id, event.time) == ("u", 1, 0, 1, "a", T)
    assert taken.written_at == {(1, 0): T + 1.5}


def test_a_request_is_asked_as_of_its_time_or_of_its_record() -> None:
    tp = TP("requests", 0)
    values = [
        b'{"request_id": "r0", "user_id": "u", "timestamp": 1690000000.5, "exclude": ["a"], "k": 3}',
        b'{"request_id": "r1", "user_id": "u"}',
        b'{"request_id": "r2", "user_id": "another"}',
        b"",
    ]
    reader = Reader()
    taken = reader.read((tp, [raw(tp, n, b"u", value) for n, value in enumerate(values)]))
    assert [(each.now, each.written, each.user_id) for each in taken.arrivals if isinstance(each, SlateAsked)] == [
        (1_690_000_000.5, T, "u"), (T, T, "u"),
    ]  # fmt: skip
    assert reader.seen.reasons == ["wrong_key", "not_json"]
    assert taken.next == {"requests": 4}


def test_a_dead_letter_holds_the_original() -> None:
    reader = Reader()
    bad = Record("events.view", 0, 4, int((T + 0.25) * 1000), b"\xffkey", b"\x00garbage")
    reader.shard.next["events.view"] = 4
    taken = reader.read((VIEWS, [bad, view(5)]))
    ((key, letter),) = taken.dead
    assert key == b"\xffkey"
    assert letter == DeadLetter(
        topic="events.view", partition=0, offset=4, timestamp=T + 0.25, reason="not_json", detail=letter.detail,
        key=b"\xffkey", value=b"\x00garbage",
    )  # fmt: skip
    assert letter.detail
    assert (offsets(taken), taken.next) == ([5], {"events.view": 6})
    assert reader.seen.reasons == ["not_json"]


def test_a_poll_of_nothing_but_bad_records_moves_on() -> None:
    reader = Reader()
    taken = reader.read((VIEWS, [raw(VIEWS, 0, b"u", None), raw(VIEWS, 1, b"u", b"{")]))
    assert (taken.arrivals, taken.next) == ([], {"events.view": 2})
    assert [letter.reason for _, letter in taken.dead] == ["empty", "not_json"]


@pytest.mark.parametrize(
    ("tp", "key", "value", "expected"),
    [
        (ITEMS, b"a", None, ItemChange("a", None)),
        (ITEMS, b"a", b"", ItemChange("a", None)),
        (ITEMS, b"a", encode(Item(item_id="a", title="A")), ItemChange("a", Item(item_id="a", title="A"))),
        (USERS, b"u", None, ProfileChange("u", None)),
        (USERS, b"u", encode(Profile(user_id="u", attributes={"x": 1.0})), ProfileChange("u", {"x": 1.0})),
        (ITEMS, None, None, "wrong_key"),
        (USERS, b"", None, "wrong_key"),
        (USERS, b"\xff", None, "wrong_key"),
        (ITEMS, b"x" * 257, None, "id_too_long"),
        (ITEMS, b"b", encode(Item(item_id="a")), "wrong_key"),
        (USERS, b"u", b'{"user_id": 3}', "wrong_type"),
    ],
)
def test_the_catalogue_and_its_tombstones(tp: TP, key: bytes | None, value: bytes | None, expected: Any) -> None:
    reader = Reader()
    taken = reader.read((tp, [raw(tp, 0, key, value)]))
    assert taken.next == {tp.topic: 1}
    if isinstance(expected, str):
        assert expected in REASONS
        assert (taken.arrivals, [letter.reason for _, letter in taken.dead]) == ([], [expected])
    else:
        assert (taken.arrivals, taken.dead) == ([expected], [])


def test_events_without_a_key_are_taken_and_counted() -> None:
    reader = Reader()
    taken = reader.read((VIEWS, [view(0)._replace(key=None), view(1)]))
    assert (offsets(taken), reader.seen.without_key) == ([0, 1], 1)


def test_a_poll_is_split_by_shard() -> None:
    intake = Intake(Config(kafka=Kafka(namespace="shop")), Observer())
    tps = [
        TP(f"shop.{name}", n)
        for name, n in (("events.view", 1), ("events.view", 0), ("catalog.users", 1), ("catalog.items", 1))
    ]
    poll = Poll((tp, []) for tp in tps)
    assert [(shard, [tp for tp, _ in parts]) for shard, parts in intake.by_shard(poll)] == [
        ("users/1", [tps[0], tps[2]]), ("users/0", [tps[1]]), ("items/1", [tps[3]]),
    ]  # fmt: skip


def test_a_large_poll_is_split_into_messages_without_losing_the_order_of_time() -> None:
    views = [view(n, written=T + n, time=T + n) for n in range(900)]
    clicks = [view(n, written=T + 10 * n + 0.5, time=T + 10 * n, tp=CLICKS) for n in range(90)]
    reader = Reader()
    reading = reader.intake.read(reader.shard.next, [(VIEWS, views), (CLICKS, clicks)], T + 1000)
    assert [len(part.arrivals) for part in reading.parts] == [200] * 4 + [190]
    times = [
        arrival.event.time for part in reading.parts for arrival in part.arrivals if isinstance(arrival, UserEvent)
    ]
    assert times == sorted(times)
    position = {"events.view": 0, "events.click": 0}
    for part in reading.parts:  # each message is complete in itself: its positions follow from what it holds
        for arrival in part.arrivals:
            assert isinstance(arrival, UserEvent)
            position[("events.view", "events.click")[arrival.event.topic]] += 1
        assert position == position | part.next
    assert position == {"events.view": 900, "events.click": 90}
    assert BATCH_RECORDS == 200


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_a_topic_stays_in_the_order_of_its_offsets_whatever_the_clocks_say(times: list[tuple[int, int]]) -> None:
    records = [view(n, written=T + written, time=T + time) for n, (written, time) in enumerate(times)]
    found = Reader().read((VIEWS, records), (CLICKS, [view(0, written=T + 1, tp=CLICKS)])) if records else None
    own = (
        []
        if found is None
        else [a.event.offset for a in found.arrivals if isinstance(a, UserEvent) and a.event.topic == 0]
    )
    assert own == list(range(len(records)))


class Places(Observer):
    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def misplaced(self, topic: str) -> None:
        self.seen.append(("misplaced", topic))

    def unreadable(self, topic: str, count: int) -> None:
        self.seen.append(("unreadable", topic, count))


def test_a_batch_that_nobody_can_read_is_one_record_of_all_its_offsets(caplog: pytest.LogCaptureFixture) -> None:
    observer = Places()
    bad: Any = Unreadable(3, 6, "bad checksum")
    records = [Record(*VIEWS, 2, 0, b"u", None), Record(*VIEWS, 6, 0, None, bad), Record(*VIEWS, 7, 0, b"u", None)]
    intake = Intake(Config(), observer)
    (part,) = intake.read({"events.view": 2}, [(VIEWS, records)], T).parts
    assert part.next == {"events.view": 8}
    assert [(letter.reason, letter.offset) for _, letter in part.dead] == [
        ("empty", 2),
        ("unreadable", 6),
        ("empty", 7),
    ]
    assert part.dead[1][1].value is None
    assert observer.seen == [("unreadable", "events.view", 4)]
    assert "events.view/0: offsets 3 to 6 cannot be read for good: bad checksum; stepped over" in caplog.text
    (part,) = intake.read({"events.view": 3}, [(VIEWS, records[1:])], T).parts  # it begins where the position is
    assert part.next == {"events.view": 8}
    assert intake.read({"events.view": 1}, [(VIEWS, records[1:])], T).seek == {VIEWS: 1}


def test_keys_on_a_wrong_partition_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    observer = Places()
    intake = Intake(Config(), observer)
    records = [Record(*VIEWS, n, 0, b"u%d" % n, None) for n in range(40)]
    right = sum(partition_of(f"u{n}", 8) == 0 for n in range(40))
    assert 0 < right < 40
    intake.read({"events.view": 0}, [(VIEWS, records)], T)
    assert observer.seen == []  # the number of partitions is not known
    intake.partitions = {"events.view": 8}
    intake.read({"events.view": 0}, [(VIEWS, records)], T)
    assert observer.seen == [("misplaced", "events.view")] * (40 - right)
    assert caplog.text.count("set partitioner=murmur2_random") == 1


def unread(records: list[Record], now: float = T) -> tuple[list[str], Intake]:
    """The topics that were counted, and the intake."""
    found = list[str]()

    class Unread(Observer):
        def unread(self, topic: str) -> None:
            found.append(topic)

    intake = Intake(Config(), Unread())
    for n, record in enumerate(records):
        tp = TP(record.topic, 0)
        reading = intake.read({record.topic: record.offset}, [(tp, [record])], now + 20 * n)
        assert reading.parts[0].next == {record.topic: record.offset + 1}
    return found, intake


def with_fields(tp: TP, offset: int, key: bytes, text: str) -> Record:
    return raw(tp, offset, key, text.encode())


EVENT = '"event_id": "e%d", "user_id": "u", "item_id": "a", "timestamp": 1700000000.0'


def test_fields_that_nobody_reads_are_counted_and_each_name_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    trial = '{"name": "t", "starts_at": 1, "variants": [{"name": "a", "share": 0.5, "setings": {}}, {"name": "b"}]}'
    found, _ = unread([
        view(0),
        with_fields(VIEWS, 1, b"u", "{" + EVENT % 1 + ', "desicion_id": "1"}'),
        with_fields(VIEWS, 2, b"u", "{" + EVENT % 2 + ', "desicion_id": "1", "context": {"anything": 1}}'),
        with_fields(ITEMS, 0, b"a", '{"item_id": "a", "titel": "Mug", "attributes": {"anything": 1}}'),
        with_fields(USERS, 0, b"u", '{"user_id": "u", "atributes": {}}'),
        with_fields(TP("experiments", 0), 0, b"t", trial),
        with_fields(CLICKS, 0, b"u", "{" + EVENT % 3 + ', "price": 3, "schema_version": 1}'),
    ])  # fmt: skip
    assert found == ["events.view", "events.view", "catalog.items", "catalog.users", "experiments"]
    assert caplog.text.count("did you mean 'decision_id'?") == 1
    for name in ("title", "attributes", "settings"):
        assert caplog.text.count(f"did you mean {name!r}?") == 1
    assert ": desicion_id: is no field of events" in caplog.text


def test_all_names_of_a_record_are_said_and_a_topic_does_not_wait_for_another(caplog: pytest.LogCaptureFixture) -> None:
    """What is sent once, such as a catalogue, comes within the ten seconds of another topic's line."""
    items, users = TP("catalog.items", 0), TP("catalog.users", 0)
    Intake(Config(), Observer()).read({"events.view": 0, "catalog.items": 0, "catalog.users": 0}, [
        (VIEWS, [with_fields(VIEWS, 0, b"u", "{" + EVENT % 0 + ', "desicion_id": "1", "pirce": 3}')]),
        (items, [with_fields(items, 0, b"a", '{"item_id": "a", "titel": "Mug", "pricee": 3}')]),
        (users, [with_fields(users, 0, b"u", '{"user_id": "u", "atributes": {}}')]),
    ], T)  # fmt: skip
    for name in ("decision_id", "title", "attributes"):
        assert caplog.text.count(f"did you mean {name!r}?") == 1
    assert caplog.text.count("did you mean 'price'?") == 2
    assert len(caplog.records) == 3


def test_an_event_with_an_unknown_field_is_taken_in_like_any_other() -> None:
    text = "{" + EVENT % 1 + ', "session_id": "s", "price": 2.5, "context": {"device": "tv"}'
    plain, odd = Reader(), Reader()
    taken = [reader.read((VIEWS, [with_fields(VIEWS, 0, b"u", text + more)])) for reader, more in
             ((plain, "}"), (odd, ', "colour": "red"}'))]  # fmt: skip
    assert taken[0].arrivals == taken[1].arrivals


def test_lines_about_unknown_fields_are_few(caplog: pytest.LogCaptureFixture) -> None:
    records = [with_fields(VIEWS, n, b"u", "{" + EVENT % n + f', "x{n}": 1}}') for n in range(MAX_UNREAD + 50)]
    found, intake = unread(records)
    assert len(found) == MAX_UNREAD + 50
    assert caplog.text.count("is no field of events") == len(intake._unread) == MAX_UNREAD
    caplog.clear()
    Intake(Config(), Observer()).read({"events.view": 0}, [(VIEWS, records)], T)  # all at once: one in ten seconds
    assert caplog.text.count("is no field of events") == 1


def test_what_lacks_a_field_is_told_the_name_that_it_has_instead() -> None:
    text = '{"event_id": "e", "user_id": "u", "itemid": "a", "timestamp": 1700000000.0}'
    (part,) = Intake(Config(), Observer()).read(
        {"events.view": 0}, [(VIEWS, [with_fields(VIEWS, 0, b"u", text)])], T
    ).parts  # fmt: skip
    ((_, letter),) = part.dead
    assert letter.reason == "missing_field"
    assert "itemid: is no field of events, so it is not read; did you mean 'item_id'?" in letter.detail
