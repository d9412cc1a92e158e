"""Bytes to records and back. Nothing that a producer sends raises past this file: it becomes a `Rejection`."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec
import orjson
from msgspec import Struct

from stream.records import amounts, ids, times
from stream.records.limits import MAX_DEPTH, MAX_ITEM_BYTES, MAX_PROFILE_BYTES, excess, too_deep
from stream.records.questions.records import Question
from stream.records.requests import MAX_REQUEST_BYTES, Request, condition_at
from stream.records.schemas import KINDS, MAX_EVENT_BYTES, MAX_ID_BYTES, Event, EventType, Experiment, Item, Profile
from stream.records.unknown import unknown_fields, wrapped

REASONS = (
    "not_json", "missing_field", "wrong_type", "out_of_range", "id_too_long", "bad_timestamp", "unknown_event_type",
    "wrong_topic", "wrong_key", "too_large", "empty", "unreadable", "bad_id",
)  # fmt: skip

TIMES = {"timestamp", "expires_at", "starts_at"}  # fields that hold a time


class _KnownEvent(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """An event all of whose fields are read."""


class _Typed(Struct):
    """The field that decides the topic."""

    type: str | None = None


R = TypeVar("R", bound=Struct)
_EVENT = msgspec.json.Decoder(Event)
_KNOWN_EVENT = msgspec.json.Decoder(_KnownEvent)
_TYPED = msgspec.json.Decoder(_Typed)
_ITEM = msgspec.json.Decoder(Item)
_PROFILE = msgspec.json.Decoder(Profile)
_EXPERIMENT = msgspec.json.Decoder(Experiment)
NO_JSON = {  # first bytes -> what to do
    b"\0": ": it looks like a serializer with a schema registry: send plain JSON",
    b"\xef\xbb\xbf": ": leave out the byte-order mark",
    b"\xff\xfe": ": it looks like UTF-16: send UTF-8",
    b"\xfe\xff": ": it looks like UTF-16: send UTF-8",
    b"{\0": ": it looks like UTF-16: send UTF-8",
    b"\x1f\x8b": ": it looks packed by gzip: send it as it is, with compression.type=gzip of the producer",
    b"\xac\xed": ": it looks like an object of Java: send JSON in UTF-8",
}
_NAN = re.compile(rb"[:,\[]\s*-?(?:NaN|Infinity)\b")
_REQUEST = msgspec.json.Decoder(Request)
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
RECORDS: dict[str, type[Struct]] = {  # by their names in sentences
    "event": Event, "item": Item, "user": Profile, "experiment": Experiment, "request": Request, "question": Question,
}  # fmt: skip


class Rejection(NamedTuple):
    """Why a record was not accepted: a word of `REASONS` for counters, and a sentence for the producer's author."""

    reason: str
    detail: str


def decode_event(
    kind: EventType, key: bytes | None, value: bytes | None, now: float, unread: Callable[[str], None] | None = None
) -> Event | Rejection:
    """Read one record of the topic of `kind`; `now` in unix seconds bounds its timestamp from above.

    Parameters
    ----------
    unread : called with the first field that events do not have. Costs nothing where all are known

    >>> decode_event("view", b"u1", b'{"event_id": "e1", "user_id": "u1", "timestamp": 1e9}', now=1e9)
    Rejection(reason='missing_field', detail='event: Object missing required field `item_id`')
    """
    if value is None:
        return Rejection("empty", "event: the record has no value; send a JSON object")
    if len(value) > MAX_EVENT_BYTES:
        return Rejection("too_large", f"event: must have at most {MAX_EVENT_BYTES} bytes; got {len(value)}")
    known = None if unread is None else _decode_known(value, unread)
    event = known or decode_record(_EVENT, "event", value)
    if isinstance(event, Rejection):
        return event
    return _check_event(event, kind, key, now) or event


def decode_typed_event(
    value: bytes, now: float, unread: Callable[[str], None] | None = None
) -> tuple[EventType, Event] | Rejection:
    """Read an event that says its type itself, as `decode_event` does.

    >>> decode_typed_event(b'{"type": "wish"}', now=1e9).detail
    "event: `type` must be one of view, click, purchase; got 'wish'"
    """
    if len(value) > MAX_EVENT_BYTES:
        return Rejection("too_large", f"event: must have at most {MAX_EVENT_BYTES} bytes; got {len(value)}")
    try:
        found = _TYPED.decode(value).type
    except msgspec.ValidationError as error:
        return Rejection("wrong_type", f"event: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection("not_json", f"event: must be a JSON object in UTF-8: {error}")
    kind = next((kind for kind in KINDS if kind == found), None)
    if kind is None:
        got = repr(found)[:100]
        return Rejection("unknown_event_type", f"event: `type` must be one of {', '.join(KINDS)}; got {got}")
    event = decode_event(kind, None, value, now, unread)
    return event if isinstance(event, Rejection) else (kind, event)


def decode_item(key: bytes | None, value: bytes) -> Item | Rejection:
    """Read one non-empty record of the catalogue."""
    if len(value) > MAX_ITEM_BYTES:
        return Rejection("too_large", f"item: must have at most {MAX_ITEM_BYTES} bytes; got {len(value)}")
    item = decode_record(_ITEM, "item", value)
    if isinstance(item, Rejection):
        return item
    if found := excess(item):
        return Rejection("out_of_range", f"item: {found}")
    return (
        _check_ids("item", {"item_id": item.item_id})
        or _check_planned("item", "expires_at", item.expires_at)
        or _check_key("item", "item_id", item.item_id, key)
        or item
    )


def decode_profile(key: bytes | None, value: bytes) -> Profile | Rejection:
    """Read one non-empty record of catalog.users."""
    if len(value) > MAX_PROFILE_BYTES:
        return Rejection("too_large", f"user: must have at most {MAX_PROFILE_BYTES} bytes; got {len(value)}")
    profile = decode_record(_PROFILE, "user", value)
    if isinstance(profile, Rejection):
        return profile
    return (
        _check_ids("user", {"user_id": profile.user_id})
        or _check_key("user", "user_id", profile.user_id, key)
        or profile
    )


def decode_experiment(key: bytes | None, value: bytes) -> Experiment | Rejection:
    """Read one non-empty record of experiments."""
    found = decode_record(_EXPERIMENT, "experiment", value)
    if isinstance(found, Rejection):
        return found
    return (
        _check_planned("experiment", "starts_at", found.starts_at)
        or _check_key("experiment", "name", found.name, key)
        or found
    )


def decode_request(key: bytes | None, value: bytes | None, now: float) -> Request | Rejection:
    """Read one record of requests; `now` in unix seconds bounds its timestamp from above."""
    if value is None:
        return Rejection("empty", "request: the record has no value; send a JSON object")
    if len(value) > MAX_REQUEST_BYTES:
        return Rejection("too_large", f"request: must have at most {MAX_REQUEST_BYTES} bytes; got {len(value)}")
    found = decode_record(_REQUEST, "request", value)
    if isinstance(found, Rejection):
        return found
    wrong = "" if found.timestamp is None else times.fault(found.timestamp, now)
    if wrong:
        return Rejection("bad_timestamp", f"request: `timestamp` {wrong}")
    if (fault := found.fault()) is not None:
        return Rejection(fault[0], f"request: {fault[1]}")
    return _check_key("request", "user_id", found.user_id, key) or found


def decode_tombstone(name: str, key: bytes | None) -> str | Rejection:
    """Id that an empty record of a catalogue topic speaks of: any of the right length, see `stream.records.ids`."""
    if not key:
        return Rejection("wrong_key", f"{name}: an empty record (tombstone) needs the {name}'s id as its key")
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return Rejection("wrong_key", f"{name}: the key must be the {name}'s id in UTF-8; got {key[:40]!r}")
    wrong = ids.length_fault(text)
    return Rejection("id_too_long", f"{name}: `key` {wrong}") if wrong else text


def encode(record: Struct) -> bytes:
    """JSON bytes of a record that headwater publishes."""
    return orjson.dumps(msgspec.to_builtins(record))


def _decode_known(value: bytes, unread: Callable[[str], None]) -> Event | None:
    """An event all of whose fields are read; None for any other, and for what is no event."""
    try:
        return None if too_deep(value) else _KNOWN_EVENT.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if (found := _UNKNOWN.match(str(error))) is not None:
            unread(found.group(1))
        return None


def decode_record(decoder: "msgspec.json.Decoder[R]", name: str, value: bytes) -> R | Rejection:
    """Read JSON as a record; `name` is that of `RECORDS`, for the sentence."""
    if too_deep(value):
        return Rejection("out_of_range", f"{name}: objects and lists must stand at most {MAX_DEPTH} deep in each other")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        return _explain(name, str(error), value)
    except msgspec.DecodeError as error:
        says = f"{name}: must be a JSON object in UTF-8: {error}; it begins with {value[:40]!r}{_not_json(value)}"
        return Rejection("not_json", says)
    except UnicodeDecodeError as error:
        return Rejection("not_json", f"{name}: must be UTF-8: {error.reason} at byte {error.start} of a string")
    except RecursionError:
        return Rejection("not_json", f"{name}: is nested too deeply")


def _not_json(value: bytes) -> str:
    """What a producer has sent in place of JSON, and what to do about it; empty if nothing comes to mind."""
    if found := next((says for head, says in NO_JSON.items() if value.startswith(head)), ""):
        return found
    return ": NaN is no JSON: leave the field out" if _NAN.search(value) else ""


def _explain(name: str, message: str, value: bytes) -> Rejection:
    where = _AT.search(message)
    field = where.group(1) if where else ""
    detail = f"{name}: {message}{condition_at(field, value)}"
    if "missing required field" in message:
        missing = message.split("`")[1]
        about = wrapped(value, missing) or unknown_fields(RECORDS[name], value)[:1]
        return Rejection("missing_field", "; ".join([detail, *about]))
    if field == "type" and "enum" in message:
        return Rejection("unknown_event_type", f"{detail}; must be one of {', '.join(KINDS)}")
    if field in TIMES:
        return Rejection("bad_timestamp", f"{detail}; `{field}` {times.text_fault(_text(value, field))}")
    if field.endswith("_id") and "length <=" in message:
        return Rejection("id_too_long", f"{detail}; ids have at most {MAX_ID_BYTES} bytes")
    if "length" in message or ">" in message or "<" in message or "range" in message:
        return Rejection("out_of_range", detail)
    text = "; an id is text: send it in quotes" if field.endswith("_id") and "got `int`" in message else ""
    return Rejection("wrong_type", detail + text)


def _text(value: bytes, field: str) -> str | None:
    """A field that should have been a number, if it is text in a record that is JSON to its end."""
    try:
        return msgspec.json.decode(msgspec.json.decode(value, type=dict[str, msgspec.Raw])[field], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return None


def _check_event(event: Event, kind: EventType, key: bytes | None, now: float) -> Rejection | None:
    if event.type is not None and event.type != kind:
        return Rejection("wrong_topic", f"event: `type` is {event.type!r} but it came on the topic of {kind!r}")
    if (event.price is not None or event.quantity is not None) and (wrong := amounts.fault(event, kind)):
        return Rejection("out_of_range", f"event: {wrong}")
    if not times.EARLIEST_S <= event.timestamp <= now:
        rejection = _check_time(event.timestamp, now)
        if rejection is not None:
            return rejection
    optional = f"{event.session_id or ''}{event.decision_id or ''}"
    if not ids.are_plain(f"{event.event_id}{event.user_id}{event.item_id}{optional}"):
        names = ("event_id", "user_id", "item_id", "session_id", "decision_id")
        found = {name: text for name in names if (text := getattr(event, name)) is not None}
        rejection = _check_ids("event", found)
        if rejection is not None:
            return rejection
    return _check_key("event", "user_id", event.user_id, key)


def _check_time(timestamp: float, now: float) -> Rejection | None:
    wrong = times.fault(timestamp, now)
    return Rejection("bad_timestamp", f"event: `timestamp` {wrong}") if wrong else None


def _check_planned(name: str, field: str, time: float | None) -> Rejection | None:
    wrong = "" if time is None else times.planned_fault(time)
    return Rejection("bad_timestamp", f"{name}: `{field}` {wrong}") if wrong else None


def _check_ids(name: str, found: dict[str, str]) -> Rejection | None:
    for field, text in found.items():
        wrong = ids.fault(text)
        if wrong:
            return Rejection("id_too_long" if ids.length_fault(text) else "bad_id", f"{name}: `{field}` {wrong}")
    return None


def _check_key(name: str, field: str, text: str, key: bytes | None) -> Rejection | None:
    """A key that is not the id would spread one user over several partitions; no key at all is only counted."""
    if key is None or key == text.encode():
        return None
    quoted = key == b'"%b"' % text.encode()
    hint = ": send it without quotes, by a serializer of text and not of JSON" if quoted else ""
    return Rejection("wrong_key", f"{name}: the record's key must be its `{field}` ({text!r}); got {key[:40]!r}{hint}")
