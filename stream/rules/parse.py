"""Reading one table of a rules file: each key by its type, unknown keys are errors; and conditions.

Every error names the file, the rule and the key, what must hold, what came, and what was probably meant. msgspec's
structs would read the tables too, but their errors name neither the value that came, nor the keys that exist.
"""

import difflib
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

from stream.errors import UsageError
from stream.records.ids import fault

Value = str | bool | float
Op = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "exists", "missing"]
OPS: tuple[Op, ...] = ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "exists", "missing")
ORDERS = ("<", "<=", ">", ">=")
SHORT = {"brand": "attributes.brand", "seller": "attributes.seller"}
ITEM_FIELDS = ("item", "category", "price", "brand", "seller", "attributes.NAME")
USER_FIELDS = ("attributes.NAME",)


class RulesError(UsageError):
    """A rules file that cannot be used."""


class Condition(NamedTuple):
    """One comparison of a field with given values."""

    field: str
    op: Op
    values: tuple[Value, ...]


def near(word: object, known: Iterable[str]) -> str:
    """`; did you mean ...?` if a known word is similar."""
    found = difflib.get_close_matches(str(word), list(known), 1)
    return f"; did you mean `{found[0]}`?" if found else ""


class TableReader:
    """A TOML table, with its place in the file for errors.

    Parameters
    ----------
    where : the file and the rule, with which errors begin
    """

    def __init__(self, where: str, table: object) -> None:
        self.where = where
        if not isinstance(table, dict):
            raise RulesError(f"{where}: must be a table; got {table!r}")
        self._table: dict[str, Any] = table
        self._read: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def fail(self, key: str, must: str, hint: str = "") -> RulesError:
        """Make the error of a key, for the caller to raise."""
        got = f"got {self._table[key]!r}" if key in self._table else "it is missing"
        return RulesError(f"{self.where}: key `{key}`: {must}; {got}{hint}")

    def take(self, key: str) -> Any:
        """The value of a key, None if there is none."""
        self._read.append(key)
        return self._table.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; the key is required if there is no default."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value:
            raise self.fail(key, "must be a text")
        return value

    def item(self, key: str) -> str:
        """The id of an item."""
        value = self.text(key)
        if wrong := fault(value):
            raise RulesError(f"{self.where}: key `{key}`: {wrong}")
        return value

    def word(self, key: str, words: Iterable[str], default: str | None = None) -> str:
        """One of `words`."""
        known = list(words)
        value = self.take(key)
        if value is None and default is not None:
            return default
        if value not in known:
            raise self.fail(key, f"must be one of {', '.join(known)}", near(value, known))
        return str(value)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number in [low, high]."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not _is_number(value) or not low <= value <= high:
            raise self.fail(key, f"must be a number in [{low:g}, {high:g}]")
        return float(value)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(key, f"must be a whole number in [{low}, {high}]")
        return value

    def moment(self, key: str, default: float) -> float:
        """A date-time with its offset, as unix seconds."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.fail(key, "must be a date-time with an offset such as 2026-11-27T00:00:00Z, without quotes")
        return value.timestamp()

    def field(self, key: str, fields: tuple[str, ...]) -> str:
        """Name of a field of items or users; short names are expanded."""
        value = self.take(key)
        name = SHORT.get(value, value) if isinstance(value, str) else value
        known = isinstance(value, str) and (value in fields or (name.startswith("attributes.") and len(name) > 11))
        if not known or value == "attributes.NAME":
            guess = near(value, [field for field in fields if "." not in field])
            hint = guess or (f"; did you mean `attributes.{value}`?" if isinstance(value, str) and value else "")
            raise self.fail(key, f"must be one of {', '.join(fields)}", hint)
        return str(name)

    def conditions(self, key: str, fields: tuple[str, ...], *, required: bool = False) -> tuple[Condition, ...]:
        """A list of conditions, all of which must hold; an empty one holds of everything."""
        value = self.take(key)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or not value:
            raise self.fail(key, "must be a list of conditions such as [{ field = ..., op = ..., value = ... }]")
        return tuple(
            read_condition(TableReader(f"{self.where}: `{key}` {n}", each), fields) for n, each in enumerate(value, 1)
        )

    def end(self) -> None:
        """Raise for the first key that was not read."""
        for key in self._table:
            if key not in self._read:
                raise RulesError(
                    f"{self.where}: key `{key}`: must be one of {', '.join(self._read)}{near(key, self._read)}"
                )


def read_condition(table: TableReader, fields: tuple[str, ...]) -> Condition:
    """One condition: field, op and the value that the op needs."""
    field = table.field("field", fields)
    op: Op = next(known for known in OPS if known == table.word("op", OPS))
    values: tuple[Value, ...] = ()
    if op in ("exists", "missing"):
        if "value" in table:
            raise table.fail("value", f"must not be there with op `{op}`")
    elif op in ORDERS:
        values = (table.number("value", -math.inf, math.inf),)
    elif op in ("=", "!="):
        values = (_value(table, field, table.take("value")),)
    else:
        listed = table.take("value")
        if not isinstance(listed, list) or not listed:
            raise table.fail("value", f"must be a list with op `{op}`")
        values = tuple(_value(table, field, each) for each in listed)
    table.end()
    _check_kind(table, field, op, values)
    return Condition(field, op, values)


def _check_kind(table: TableReader, field: str, op: Op, values: tuple[Value, ...]) -> None:
    texts = field in ("item", "category")
    if texts and (op in ORDERS or not all(isinstance(value, str) for value in values)):
        raise table.fail("value", f"must be a text, or texts with `in`: `{field}` is a text")
    if field == "price" and not all(_is_number(value) for value in values):
        raise table.fail("value", "must be a number: `price` is one")


def _value(table: TableReader, field: str, value: object) -> Value:
    if isinstance(value, str) and value:
        if field.startswith("attributes.") and (value != value.strip() or "," in value):
            raise table.fail("value", "must be one entry without commas; for several use op `in` with a list")
        if field == "item" and (wrong := fault(value)):
            raise RulesError(f"{table.where}: key `value`: {wrong}")
        return value
    if isinstance(value, bool) or _is_number(value):
        return value  # type: ignore[return-value]  # a number, as _is_number has checked
    raise table.fail("value", "must be a text, a number, true or false")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
