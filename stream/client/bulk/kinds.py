"""What is moved in bulk: items, users and events, and how a line of each becomes a record, checked as everywhere."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from stream.records.codec import (
    Rejection,
    decode_item,
    decode_profile,
    decode_tombstone,
    decode_typed_event,
)
from stream.records.schemas import Event, Item, Profile
from stream.records.topics import EVENT_TOPICS, ITEMS, USERS, Topic
from stream.records.unknown import sentence, unknown_fields

DELETED = "deleted"  # field of a line that says the end of an item, or that a user is to be forgotten


class Keyed(NamedTuple):
    """A record on its way to a topic."""

    topic: Topic
    key: str
    value: bytes | None  # None: a tombstone
    event_id: str = ""


class Kind(NamedTuple):
    """One of the three."""

    name: str
    one: str  # of them, in sentences
    key: str
    record: type[msgspec.Struct]
    topics: tuple[Topic, ...]

    @property
    def is_state(self) -> bool:
        """Whether the newest record of a key holds, and all others are history."""
        return self.name != "events"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a line."""
        own = tuple(name for name in self.record.__struct_fields__ if name != "schema_version")
        return (*own, DELETED) if self.is_state else ("type", *(name for name in own if name != "type"))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("items", "item", "item_id", Item, (ITEMS,)),
        Kind("users", "user", "user_id", Profile, (USERS,)),
        Kind("events", "event", "user_id", Event, tuple(EVENT_TOPICS.values())),
    )
}
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def keyed(kind: Kind, document: bytes, now: float, unread: Callable[[str], None]) -> Keyed | Rejection:
    """The record of a line, by the rules of the topics; `now`, in unix seconds, bounds the times of events.

    Parameters
    ----------
    unread : called with a sentence about each field that the record does not have

    >>> keyed(KINDS["users"], b'{"user_id": "ada", "deleted": true}', 1.7e9, print).value is None
    True
    >>> keyed(KINDS["items"], b'{"item_id": "tea", "price": "3"}', 1.7e9, print).detail
    'item: Expected `float | null`, got `str` - at `$.price`'
    """
    if not kind.is_state:
        found = decode_typed_event(document, now, lambda name: unread(sentence(Event, name)))
        if isinstance(found, Rejection):
            return found
        type_, event = found
        return Keyed(EVENT_TOPICS[type_], event.user_id, document, event.event_id)
    if b'"deleted"' in document:
        ending = _ending(kind, document)
        if not isinstance(ending, bytes):
            return ending
        document = ending
    record = (decode_item if kind.record is Item else decode_profile)(None, document)
    if isinstance(record, Rejection):
        return record
    for said in unknown_fields(kind.record, document):
        unread(said)
    return Keyed(kind.topics[0], getattr(record, kind.key), document)


def _ending(kind: Kind, document: bytes) -> Keyed | Rejection | bytes:
    """A tombstone if the line says so; the document without the field if it does not."""
    try:
        found = _OBJECT.decode(document)
        deleted = msgspec.json.decode(found.pop(DELETED, msgspec.Raw(b"false")), type=bool)
        name = msgspec.json.decode(found.get(kind.key, msgspec.Raw(b'""')), type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection("wrong_type", f"{kind.one}: `{DELETED}` must be true or false, `{kind.key}` text: {error}")
    if not deleted:
        return msgspec.json.encode(found)
    ended = decode_tombstone(kind.one, name.encode())
    return ended if isinstance(ended, Rejection) else Keyed(kind.topics[0], ended, None)
