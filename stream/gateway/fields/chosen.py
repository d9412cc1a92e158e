"""Which fields of items an answer holds beside the title: those of the parameter `fields`, as in the catalogue."""

from typing import Any, NamedTuple

from stream.gateway.problems import Problem
from stream.gateway.reasons.words import IN_ENGLISH, Words
from stream.records.http.asked import FIELDS
from stream.records.schemas import Item
from stream.records.unknown import SHOWN, nearest

_UNDESCRIBED = Item(item_id="-")


class View(NamedTuple):
    """How a request wants items: their fields, and the words of reasons."""

    fields: tuple[str, ...] = ()
    words: Words = IN_ENGLISH


def chosen(text: str) -> tuple[str, ...]:
    """The fields that a parameter names, separated by commas, in the order of the schema; the title is always there.

    >>> chosen("tags,title,price,tags")
    ('price', 'tags')

    Raises
    ------
    Problem
        422 for a name that items do not have
    """
    names = {name.strip() for name in text.split(",")} if text else set()
    for name in sorted(names - set(FIELDS)):
        near = nearest(name, FIELDS)
        raise Problem(422, f"fields: {name[:SHOWN]!r} is no field of items; known: {', '.join(FIELDS)}{near}")
    return tuple(name for name in FIELDS if name in names and name != "title")


def described(item: Item | None, fields: tuple[str, ...]) -> dict[str, Any]:
    """Fields of an item; one that the catalogue does not describe has null, or nothing, in all of them.

    >>> described(Item(item_id="i", price=3.5), ("price", "tags")), described(None, ("price",))
    ({'price': 3.5, 'tags': []}, {'price': None})
    """
    return {name: getattr(item or _UNDESCRIBED, name) for name in fields}
