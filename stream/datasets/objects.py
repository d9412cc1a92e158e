"""Events out of JSON objects, one a line or in one array: fields are found by paths, lists may hold the events."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from stream.datasets.layouts import OTHER, ROLES, Layout, Line, parser, plain_name
from stream.datasets.raw.text import Physical
from stream.datasets.table import Row
from stream.records.ids import fault
from stream.records.schemas import Attributes, Money, Version

NESTED = "JSON is nested too deeply"
Object = Mapping[str, Any]
ParseObject = Callable[[Object], list[Line]]
ParseText = Callable[[str], list[Line]]
_SPACES = re.compile(r"[\s,]*")
_NEXT = re.compile(r"[ \t,]*\{")  # on the same line
_DECODER = json.JSONDecoder()


class Wire(Struct, frozen=True, kw_only=True):
    """An event as on headwater's topics, where a file may leave out `event_id` and say `event` for `type`."""

    user_id: str | int
    item_id: str | int
    timestamp: float | str
    event_id: str | None = None
    type: str | None = None
    event: str | None = None
    session_id: str | int | None = None
    decision_id: str | None = None
    price: Money | None = None
    quantity: float | None = None
    rating: float | None = None
    context: Attributes = {}
    schema_version: Version = 1


def resolve(value: Any, path: str) -> Any:
    """What stands under a path; None if there is nothing.

    A list of objects with `key` and `value`, as GA4 writes parameters, is looked up by key.

    >>> resolve({"user": {"id": 7}, "a.b": 1}, "user.id"), resolve({"user": {"id": 7}, "a.b": 1}, "a.b")
    (7, 1)
    >>> resolve({"params": [{"key": "id", "value": {"string_value": None, "int_value": "5"}}]}, "params.id")
    '5'
    """
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        first, _, rest = path.partition(".")
        return resolve(value[first], rest) if rest and first in value else None
    if isinstance(value, list):
        held = next(
            (each.get("value") for each in value if isinstance(each, Mapping) and each.get("key") == path), None
        )
        if isinstance(held, Mapping):
            return next((each for each in held.values() if each is not None), None)
        return held
    return None


def text_of(value: Any) -> str:
    """A value as a column would hold it.

    >>> [text_of(value) for value in (None, "a", 7, 7.0, 1.5, True)]
    ['', 'a', '7', '7', '1.5', 'true']
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bytes):
        raise ValueError(f"must be text in UTF-8; got {value[:40]!r}")
    if isinstance(value, Mapping | list):
        raise ValueError(f"must be text or a number, not {'a list' if isinstance(value, list) else 'an object'}")
    return str(value)


def unfolded(value: Object, each: Sequence[str]) -> list[Object]:
    """One object for each element of the list under a path of `each`, with the element in the list's place."""
    for path in each:
        found = resolve(value, path)
        if isinstance(found, list):
            return [_replaced(value, path, element) for element in found]
    return [value]


def _replaced(value: Object, path: str, element: Any) -> Object:
    if path in value:
        return {**value, path: element}
    first, _, rest = path.partition(".")
    return {**value, first: _replaced(value[first], rest, element)}


def field(value: Object, paths: Sequence[str]) -> str:
    """The first of the paths that holds anything."""
    for path in paths:
        found = resolve(value, path)
        if found is not None and found != "":
            return text_of(found)
    return ""


def object_parser(layout: Layout, unit: str | None, has_event: bool) -> ParseObject:
    """The function from an object to its events; ValueError if any of them is invalid."""
    names = {role: paths[0] for role, paths in layout.columns.items()}
    parse = parser(layout, names, unit, has_event)
    paths = [layout.columns.get(role, ()) for role in ROLES]
    constants = [layout.constants.get(role, "") for role in ROLES]
    passes = has_event and layout.events.get(OTHER, "view") is None
    named = {plain_name(value) for value, kind in layout.events.items() if kind is not None}

    def parse_object(value: Object) -> list[Line]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a JSON object; got {str(value)[:80]!r}")
        if passes:
            kind = field(value, layout.columns["event"])
            if kind and plain_name(kind) not in named:  # such as a page view, which has none of the other fields
                return []
        found = []
        for each in unfolded(value, layout.each):
            line = parse([field(each, path) or constant for path, constant in zip(paths, constants)])
            if line is not None:
                found.append(line)
        return found

    return parse_object


def line_parser(parse: ParseObject) -> ParseText:
    """The function from the text of an object to its events."""
    return lambda text: parse(decoded(text))


def wire_parser(layout: Layout, unit: str | None, has_event: bool) -> ParseText:
    """The function from an event as on headwater's topics: no other format has a context and ids of its own."""
    names = {"user": "user_id", "item": "item_id", "event": "type"}
    parse, decode = parser(layout, names, unit, has_event), msgspec.json.Decoder(Wire).decode

    def parse_text(text: str) -> list[Line]:
        wire = _checked(decode, text)
        kind = wire.type or wire.event or ""
        if has_event and not kind:
            raise ValueError("must have a `type`: view, click or purchase")
        for name, own in (("event_id", wire.event_id), ("decision_id", wire.decision_id)):
            if own is not None and (wrong := fault(own)):
                raise ValueError(f"`{name}` {wrong}")
        line = parse(
            [
                text_of(wire.user_id), text_of(wire.item_id), str(wire.timestamp), kind, text_of(wire.session_id),
                text_of(wire.price), text_of(wire.quantity), text_of(wire.rating), *[""] * len(ROLES[8:]),
            ]
        )  # fmt: skip
        if line is None:
            return []
        return [line._replace(event_id=wire.event_id or "", decision_id=wire.decision_id, context=wire.context)]

    return parse_text


def rows(lines: Iterator[Physical], parse: ParseText) -> Iterator[Row]:
    """What came of each line, blank ones left out."""
    for line in lines:
        text = line.text.strip().removesuffix(",")  # of an array without its brackets
        if line.fault:
            yield Row(line, text, ValueError(line.fault))
        elif text:
            for piece in text.split("\r") if "\r" in text else (text,):
                try:
                    yield Row(line, piece, parse(piece))
                except ValueError as error:  # msgspec's errors are ValueErrors
                    yield Row(line, piece, error)


def decoded(text: str) -> Object:
    """The object of one line."""
    return cast("Object", _checked(msgspec.json.decode, text))


def _checked(decode: Callable[[str], Any], text: str) -> Any:
    """What is decoded; every error is a ValueError that says what is wrong."""
    try:
        return decode(text)
    except RecursionError:
        raise ValueError(NESTED) from None
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            raise ValueError(f"JSON is malformed: it ends too early; got {text[-40:]!r}") from None
        raise


def spans_lines(text: str) -> bool:
    r"""True if a text begins with an object that takes more than its first line, or that has another one behind it.

    >>> spans_lines('{"a":\n1}'), spans_lines('{"a": 1}{"a": 2}'), spans_lines('{"a": 1}\n{"a": 2}')
    (True, True, False)
    """
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end].strip() or _NEXT.match(text, end) is not None


def elements(text: str) -> Iterator[Physical]:
    r"""The elements of a JSON array, or objects of many lines without one, numbered by the line on which they begin.

    An invalid element costs itself: the next one is looked for where an object begins as the first one does.

    >>> [(each.number, each.text.strip() or each.fault) for each in elements('[{"a": 1},\n{"a": ,},\n{"a": 2}]')]
    [(1, '{"a": 1}'), (2, 'JSON is malformed: Expecting value'), (3, '{"a": 2}')]
    """
    place, number = (1 if text.startswith("[") else 0), 1
    counted = 0
    begin = re.compile(r"\n(?=" + _indentation(text, place) + r"\{)|\}\s*,?[ \t]*(?=\{)")
    while True:
        place = cast("re.Match[str]", _SPACES.match(text, place)).end()
        number += text.count("\n", counted, place)
        counted = place
        if place >= len(text) or text[place] == "]":
            return
        try:
            _, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield Physical(number, "", f"JSON is malformed: {said}")
            following = begin.search(text, place + 1)
            if following is None:
                return
            end = following.end()
        else:
            yield Physical(number, text[place:end] + "\n")
        place = end


def _indentation(text: str, place: int) -> str:
    spaces = cast("re.Match[str]", _SPACES.match(text, place)).group()
    return re.escape(spaces.rpartition("\n")[2]) if "\n" in spaces else ""
