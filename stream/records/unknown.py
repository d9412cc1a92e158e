"""Fields that a record does not have: which they are, and which names were meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice

import msgspec

from stream.records.questions.records import Question
from stream.records.requests import Request
from stream.records.schemas import Event, Experiment, Guard, Item, Profile, Variant

SHOWN = 60  # characters of a name
MOST = 20  # names of one record
CALLED: dict[type[msgspec.Struct], str] = {
    Event: "events", Item: "items", Profile: "users", Experiment: "experiments", Variant: "variants", Guard: "guards",
    Request: "requests", Question: "questions",
}  # fmt: skip
WITHIN: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {  # fields that are lists of records
    Experiment: {"variants": Variant, "guards": Guard}
}

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[msgspec.Raw])


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after the name that was meant; empty if none is near.

    >>> nearest("titel", ["title", "price"]), nearest("zzz", ["title"])
    ("; did you mean 'title'?", '')
    """
    found = get_close_matches(name[:SHOWN].lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def sentence(record: type[msgspec.Struct], name: str) -> str:
    """What is wrong with a name.

    >>> sentence(Item, "titel")
    "titel: is no field of items, so it is not read; did you mean 'title'?"
    """
    return _sentence(record, name[:SHOWN])


@lru_cache(maxsize=4096)  # finding the nearest name takes a tenth of a millisecond
def _sentence(record: type[msgspec.Struct], name: str) -> str:
    return f"{name}: is no field of {CALLED[record]}, so it is not read{nearest(name, record.__struct_fields__)}"


def unknown_fields(record: type[msgspec.Struct], body: bytes) -> list[str]:
    """Sentences about the fields of a JSON object that the record does not have, at most `MOST`.

    >>> unknown_fields(Experiment, b'{"name": "e", "variants": [{"name": "a", "setings": {}}]}')
    ["setings: is no field of variants, so it is not read; did you mean 'settings'?"]
    """
    try:
        given = _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []  # refused elsewhere
    known = record.__struct_fields__
    # No more than are said: a body may have 60,000 names.
    found = [sentence(record, name) for name in islice((name for name in given if name not in known), MOST)]
    for name, part in WITHIN.get(record, {}).items():
        for each in _objects(given.get(name, msgspec.Raw(b"[]"))):
            if len(found) < MOST:
                found += unknown_fields(part, each)
    return found[:MOST]


def wrapped(body: bytes, missing: str) -> list[str]:
    """A sentence about the field that holds the record, if an object holds it that was wrapped around it.

    >>> wrapped(b'{"schema": {}, "payload": {"event_id": "e"}}', "event_id")
    ['`payload` holds an object with it: send that object itself']
    """
    try:
        for name, held in _FIELDS.decode(body).items():
            if bytes(held).startswith(b"{") and missing in _FIELDS.decode(held):
                return [f"`{name[:SHOWN]}` holds an object with it: send that object itself"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # refused elsewhere
    return []


def _objects(body: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _OBJECTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
