"""Bytes of strangers: decoding never raises, and says what is wrong in words that help."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.records.codec import (
    REASONS,
    Rejection,
    decode_event,
    decode_experiment,
    decode_item,
    decode_profile,
    decode_tombstone,
    encode,
)
from stream.records.ids import fault
from stream.records.schemas import (
    KINDS,
    MAX_EVENT_BYTES,
    MAX_ID_BYTES,
    Event,
    EventType,
    Experiment,
    Item,
    Profile,
    Variant,
)
from stream.records.times import EARLIEST_S, MAX_AHEAD_S

NOW = 1_700_000_000.0
GOOD: dict[str, Any] = {"event_id": "e1", "user_id": "u1", "item_id": "i1", "timestamp": NOW - 5}
GONE = object()


def made(**fields: Any) -> bytes:
    """A good event with some fields changed."""
    return json.dumps({name: value for name, value in (GOOD | fields).items() if value is not GONE}).encode()


def literal(field: str, text: str) -> bytes:
    """A good event with a field written by hand."""
    return made(**{field: "HERE"}).replace(b'"HERE"', text.encode())


def rejected(value: bytes | None, key: bytes | None = b"u1", kind: EventType = "view") -> Rejection:
    found = decode_event(kind, key, value, NOW)
    assert isinstance(found, Rejection)
    return found


TABLE: list[tuple[str, str, bytes | None, str]] = [
    ("no value", "empty", None, "has no value; send a JSON object"),
    ("empty value", "not_json", b"", "must be a JSON object"),
    ("garbage bytes", "not_json", b"\xff\xfe\x00garbage", "must be a JSON object in UTF-8"),
    ("cut", "not_json", made()[:-3], "must be a JSON object"),
    ("another format", "not_json", b"<event/>", "it begins with b'<event/>'"),
    ("two events", "not_json", made() + made(), "trailing"),
    ("not UTF-8", "not_json", made(item_id="X").replace(b"X", b"\xed\xa0\x80"), "must be UTF-8"),
    ("lone surrogate", "not_json", literal("event_id", '"\\ud800"'), "surrogate"),
    ("low surrogate", "not_json", literal("event_id", '"\\udc00"'), "surrogate"),
    ("byte order mark", "not_json", b"\xef\xbb\xbf" + made(), ": leave out the byte-order mark"),
    ("NaN", "not_json", literal("timestamp", "NaN"), ": NaN is no JSON: leave the field out"),
    ("Infinity", "not_json", literal("price", "Infinity"), "must be a JSON object"),
    ("deep nesting", "out_of_range", literal("more", "[" * 30_000 + "]" * 30_000), "at most 16 deep"),
    ("300 levels", "out_of_range", literal("more", '{"a":' * 300 + "1" + "}" * 300), "at most 16 deep"),
    ("array", "wrong_type", b"[]", "Expected `object`, got `array`"),
    ("number", "wrong_type", b"7", "Expected `object`, got `int`"),
    ("null", "wrong_type", b"null", "Expected `object`, got `null`"),
    ("number as an id", "wrong_type", made(user_id=7), "got `int` - at `$.user_id`; an id is text: send it in quotes"),
    ("null as an id", "wrong_type", made(item_id=None), "`$.item_id`"),
    ("number as a type", "wrong_type", made(type=1), "`$.type`"),
    ("nested context", "wrong_type", made(context={"a": {"b": 1}}), "`$.context[...]`"),
    ("text as a price", "wrong_type", made(price="9.99"), "`$.price`"),
    ("another version", "wrong_type", made(schema_version=2), "`$.schema_version`"),
    ("no item", "missing_field", made(item_id=GONE), "missing required field `item_id`"),
    ("no event id", "missing_field", made(event_id=GONE), "missing required field `event_id`"),
    ("no time", "missing_field", made(timestamp=GONE), "missing required field `timestamp`"),
    ("an envelope", "missing_field", b'{"op": "c", "after": ' + made() + b"}", "; `after` holds an object with it"),
    ("a schema registry", "not_json", b"\0\0\0\0\7" + made(), ": it looks like a serializer with a schema registry"),
    ("two bytes a sign", "not_json", made().decode().encode("utf-16-le"), ": it looks like UTF-16: send UTF-8"),
    ("nothing at all", "missing_field", b"{}", "missing required field"),
    ("negative price", "out_of_range", made(price=-1), "`price` must be at least 0"),
    ("endless price", "out_of_range", literal("price", "1e999"), "out of range - at `$.price`"),
    ("no quantity", "out_of_range", made(quantity=0), "`quantity` must not be 0"),
    ("empty id", "out_of_range", made(item_id=""), "length >= 1 - at `$.item_id`"),
    ("large context", "out_of_range", made(context={str(n): n for n in range(65)}), "length <= 64 - at `$.context`"),
    ("long id", "id_too_long", made(user_id="u" * 257), "ids have at most 256 bytes"),
    ("id in bytes", "id_too_long", made(item_id="\U0001f600" * 65), "`item_id` must have at most 256 bytes; got 260"),
    ("long session", "id_too_long", made(session_id="ä" * 129), "`session_id` must have at most 256 bytes; got 258"),
    ("long decision", "id_too_long", made(decision_id="ä" * 129), "`decision_id` must have at most 256 bytes"),
    ("milliseconds", "bad_timestamp", made(timestamp=NOW * 1000), "looks like milliseconds: divide by 1,000"),
    ("future", "bad_timestamp", made(timestamp=NOW + 301), "301 s ahead of the clock (at most 300 s)"),
    ("1970", "bad_timestamp", made(timestamp=0), "from 1990 to now; got 0; it looks like a time of day, or cut off"),
    ("negative time", "bad_timestamp", made(timestamp=-1e300), "seconds since 1970"),
    ("endless time", "bad_timestamp", literal("timestamp", "1e999"), "out of range - at `$.timestamp`"),
    ("many digits", "bad_timestamp", literal("timestamp", "9" * 400), "`timestamp` must be a number of seconds"),
    ("text as time", "bad_timestamp", made(timestamp="2024-01-01"), "got the text '2024-01-01': send 1704067200"),
    ("true as time", "bad_timestamp", made(timestamp=True), "`timestamp` must be a number of seconds since 1970"),
    ("microseconds", "bad_timestamp", made(timestamp=NOW * 1e6), "looks like microseconds: divide by 1,000,000"),
    ("nanoseconds", "bad_timestamp", made(timestamp=int(NOW) * 10**9), "nanoseconds: divide by 1,000,000,000"),
    ("a date", "bad_timestamp", made(timestamp=20210131), "looks like a date YYYYMMDD: send 1612051200"),
    ("digits as text", "bad_timestamp", made(timestamp="1700000000000"), "the text '1700000000000': send 1700000000"),
    ("unknown type", "unknown_event_type", made(type="like"), "at `$.type`; must be one of view, click, purchase"),
    ("wrong topic", "wrong_topic", made(type="click"), "`type` is 'click' but it came on the topic of 'view'"),
    ("another's key", "wrong_key", made(user_id="u2"), "key must be its `user_id` ('u2'); got b'u1'"),
    ("blank at the end", "bad_id", made(user_id="u1 "), "`user_id` must not begin or end with white space; got 'u1 '"),
    ("NUL", "bad_id", made(item_id="a\x00"), "`item_id` must have no control or invisible characters; got U+0000"),
    ("no width", "bad_id", made(session_id="s\u200b"), "got U+200B ZERO WIDTH SPACE in 's\\u200b'"),
    ("line end", "bad_id", made(event_id="e\n"), "`event_id` must have no control or invisible characters; got U+000A"),
    ("byte order", "bad_id", made(decision_id="\ufeffd"), "got U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    ("oversize", "too_large", made(more="x" * MAX_EVENT_BYTES), f"at most {MAX_EVENT_BYTES} bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "value", "detail"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_wrong_is_said(reason: str, value: bytes | None, detail: str) -> None:
    found = rejected(value)
    assert found.reason == reason
    assert found.detail.startswith("event: ")
    assert detail in found.detail
    assert len(found.detail) < 300


@pytest.mark.parametrize(("time", "good"), [(NOW * 10, True), (253_402_300_799, True), (NOW * 1000, False), (0, False)])
def test_what_is_planned_may_lie_ahead(time: float, good: bool) -> None:
    both = [Variant(name="a", share=0.5), Variant(name="b", share=0.5)]
    for found in (
        decode_item(b"i", encode(Item(item_id="i", expires_at=time))),
        decode_experiment(b"x", encode(Experiment(name="x", variants=both, starts_at=time))),
    ):
        assert isinstance(found, Rejection) != good
        if isinstance(found, Rejection):
            assert found.reason == "bad_timestamp"


def test_every_reason_can_happen() -> None:
    assert {row[1] for row in TABLE} == set(REASONS) - {"unreadable"}  # of whole batches, see test_intake


def test_a_key_from_a_serializer_of_json_is_explained() -> None:
    rejected = decode_event("view", b'"u1"', made(), NOW)
    assert isinstance(rejected, Rejection)
    assert rejected.detail.endswith("got b'\"u1\"': send it without quotes, by a serializer of text and not of JSON")


def test_a_key_that_is_not_utf8_is_shown() -> None:
    assert rejected(made(), key=b"\xff\x00").detail.endswith(r"got b'\xff\x00'")


@pytest.mark.parametrize("key", [b"u1", None])
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_event_is_read(kind: EventType, key: bytes | None) -> None:
    assert decode_event(kind, key, made(type=kind), NOW) == Event(**GOOD, type=kind)


def test_unknown_fields_are_ignored() -> None:
    assert decode_event("view", b"u1", made(news={"a": [1, 2]}), NOW) == Event(**GOOD)


@pytest.mark.parametrize("time", [EARLIEST_S, NOW, NOW + MAX_AHEAD_S, 1_600_000_000])
def test_times_within_the_bounds(time: float) -> None:
    assert isinstance(decode_event("view", b"u1", made(timestamp=time), NOW), Event)


@pytest.mark.parametrize("text", ["u" * MAX_ID_BYTES, "\U0001f600" * 64, "a b", "é", "e\u0301"])
def test_unusual_ids_are_fine(text: str) -> None:
    assert isinstance(decode_event("view", text.encode(), made(user_id=text), NOW), Event)


# Laws

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64).filter(lambda text: not fault(text))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.floats(-1e300, 1e300), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
EVENTS = st.builds(
    Event, event_id=IDS, user_id=IDS, item_id=IDS, timestamp=st.floats(EARLIEST_S, NOW), session_id=st.none() | IDS,
    decision_id=st.none() | IDS, price=st.none() | st.floats(0, 1e12), quantity=st.none() | st.floats(1e-6, 1e6),
    context=st.dictionaries(IDS, SCALARS, max_size=4), type=st.sampled_from([None, "click"]),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*Event.__struct_fields__, *Item.__struct_fields__, *Profile.__struct_fields__, "other"])


def readable(key: bytes | None, value: bytes) -> None:
    """Whatever it is: a record, or a reason of the list with words."""
    for found in (
        decode_event("click", key, value, NOW), decode_item(key, value), decode_profile(key, value),
        decode_tombstone("item", key),
    ):  # fmt: skip
        if isinstance(found, Rejection):
            assert found.reason in REASONS
            assert found.detail


@settings(deadline=None, derandomize=True)
@given(EVENTS)
def test_what_is_written_is_what_is_read(event: Event) -> None:
    assert decode_event("click", event.user_id.encode(), encode(event), NOW) == event


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.none() | st.binary(max_size=8), st.binary(max_size=80))
def test_no_bytes_raise(key: bytes | None, value: bytes) -> None:
    readable(key, value)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(EVENTS, st.dictionaries(FIELDS, JSON, max_size=4), st.sets(FIELDS, max_size=2))
def test_no_mutated_event_raises(event: Event, changed: dict[str, Any], gone: set[str]) -> None:
    fields = {"item_id": "i", **json.loads(encode(event)), **changed}
    readable(b"k", json.dumps({name: value for name, value in fields.items() if name not in gone}).encode())


@settings(deadline=None, derandomize=True, max_examples=200)
@given(EVENTS, st.integers(0, 400), st.binary(max_size=3), st.integers(0, 6))
def test_no_damaged_event_raises(event: Event, at: int, inserted: bytes, lost: int) -> None:
    value = encode(event)
    at %= len(value)
    readable(event.user_id.encode(), value[:at] + inserted + value[at + lost :])


@settings(deadline=None, derandomize=True)
@given(
    st.builds(Item, item_id=IDS, title=st.none() | IDS, categories=st.lists(IDS, max_size=3), available=st.booleans())
)
def test_items_and_profiles_survive_the_wire(item: Item) -> None:
    assert decode_item(item.item_id.encode(), encode(item)) == item
    profile = Profile(user_id=item.item_id, attributes={"title": item.title, "available": item.available})
    assert decode_profile(item.item_id.encode(), encode(profile)) == profile


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"i1", "i1"),
        ("ü".encode(), "ü"),
        (None, "wrong_key"),
        (b"", "wrong_key"),
        (b"\xff", "wrong_key"),
        (b"i" * 257, "id_too_long"),
        (b"i \x00", "i \x00"),  # of before the rule for ids: can still be deleted
    ],
)
def test_a_tombstone_speaks_of_its_key(key: bytes | None, expected: str) -> None:
    found = decode_tombstone("item", key)
    assert (found.reason if isinstance(found, Rejection) else found) == expected
