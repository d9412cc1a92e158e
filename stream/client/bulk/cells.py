"""Records as rows of columns: lists with a bar between their words, or as JSON; objects as JSON."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from stream.records import times
from stream.records.numbers import number

LISTS = ("categories", "tags", "images")
OBJECTS = ("attributes", "context", "vectors")
NUMBERS = ("price", "list_price", "quantity")
TIMES = ("timestamp", "expires_at")
FLAGS = ("available", "deleted")
BAR = "|"
MAX_NUMBER = 15  # characters: a double keeps so many digits


def row_of(document: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """The cells of a record; what it does not have is empty.

    >>> row_of({"item_id": "i", "tags": ["a", "b"], "price": 3.0, "available": False}, ("item_id", "tags", "available"))
    ['i', 'a|b', 'false']
    """
    return [_cell(name, document.get(name)) for name in fields]


def document_of(columns: Sequence[str], row: Sequence[str]) -> bytes:
    """The record of a row, as JSON; empty cells are left out.

    Columns named `attributes.NAME` and `context.NAME` are entries of those: numbers as JSON writes them, `true` and
    `false` are taken as such, all else as text.

    Raises
    ------
    ValueError
        saying which column, what must hold, and what came

    >>> document_of(("item_id", "tags", "price", "attributes.size"), ("i", "a|b", "", "7"))
    b'{"item_id":"i","tags":["a","b"],"attributes":{"size":7}}'
    """
    if len(row) != len(columns):
        raise ValueError(f"must have {len(columns)} columns; got {len(row)}")
    found: dict[str, Any] = {}
    for column, cell in zip(columns, row, strict=True):
        if not cell:
            continue
        name, dot, entry = column.partition(".")
        if dot and name in OBJECTS:
            found.setdefault(name, {})[entry] = _scalar(cell)
            continue
        try:
            value = READ.get(column, str)(cell)
        except (ValueError, msgspec.DecodeError) as error:
            raise ValueError(f"`{column}` {error}") from None
        found[column] = found[column] | value if column in OBJECTS and column in found else value
    return msgspec.json.encode(found)


def _cell(name: str, value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, str):
        return value
    if name in LISTS and all(word and BAR not in word and word[0] != "[" for word in value):
        return BAR.join(value)
    return msgspec.json.encode(value).decode()


def _list(cell: str) -> list[str]:
    if not cell.startswith("["):
        return cell.split(BAR)
    try:
        return msgspec.json.decode(cell, type=list[str])
    except msgspec.DecodeError as error:
        raise ValueError(f"must be words with {BAR} between them, or a JSON list of texts: {error}") from None


def _object(cell: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(cell, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"must be a JSON object: {error}; got {cell[:60]!r}") from None


def _time(cell: str) -> float:
    try:
        return number(cell)
    except ValueError:
        return float(times.seconds(cell))


def _flag(cell: str) -> bool:
    found = {"true": True, "false": False, "1": True, "0": False}.get(cell.lower())
    if found is None:
        raise ValueError(f"must be true or false; got {cell[:40]!r}")
    return found


def _scalar(cell: str) -> Any:
    """A number only where JSON writes it so, and its digits fit: `007` and long codes stay text."""
    try:
        found = msgspec.json.decode(cell) if len(cell) <= MAX_NUMBER else cell
    except (msgspec.DecodeError, UnicodeEncodeError):
        return cell
    return found if isinstance(found, int | float) else cell


READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(LISTS, _list), **dict.fromkeys(OBJECTS, _object), **dict.fromkeys(NUMBERS, number),
    **dict.fromkeys(TIMES, _time), **dict.fromkeys(FLAGS, _flag),
}  # fmt: skip
