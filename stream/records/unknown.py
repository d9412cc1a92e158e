"""Fields that a record does not have: which they are, and which names were meant."""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from stream.records.requests import Request
from stream.records.schemas import Event, Experiment, Guard, Item, Profile, Variant

SHOWN = 60  # characters of a name
MOST = 20  # names of one record
CALLED: dict[type[msgspec.Struct], str] = {
    Event: "events", Item: "items", Profile: "users", Experiment: "experiments", Variant: "variants", Guard: "guards",
    Request: "requests",
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
    known = record.__struct_fields__
    return f"{name[:SHOWN]}: is no field of {CALLED[record]}, so it is not read{nearest(name, known)}"


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
    found = [sentence(record, name) for name in given if name not in known]
    for name, part in WITHIN.get(record, {}).items():
        for each in _objects(given.get(name, msgspec.Raw(b"[]"))):
            found += unknown_fields(part, each)
    return found[:MOST]


def _objects(body: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _OBJECTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
