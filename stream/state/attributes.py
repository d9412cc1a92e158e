"""Attributes of catalogue records as numbers that compiled code can compare.

A fact is a pair (field, value) of 64-bit integers: a text is its hash, a number its bits; the last bit of the field
is 1 for numbers. A fact takes 16 bytes, and there is no table of names that grows. Two of a million texts share a hash
with probability 3e-8.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from struct import pack, unpack
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import composed
from stream.records.schemas import Item, Scalar

MAX_FACTS = 512  # of one item; a list of all countries has 250


class Table(NamedTuple):
    """All facts, item by item."""

    facts: NDArray[np.int64]  # [rows, 2]: field, value
    start: NDArray[np.int64]  # [items]: an item's first row
    size: NDArray[np.int32]  # [items]: its rows
    keys: NDArray[np.int64]  # [items]: its hashed id; empty in the catalogue


def hashed(text: str) -> int:
    """Hash a text to 64 bits, signed.

    >>> hashed("tea") == hashed("tea"), hashed("tea") == hashed("Tea")
    (True, False)
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


@lru_cache(8192)
def field_key(name: str) -> int:
    """The number of a field's texts; that of its numbers is one more."""
    return hashed(name) & ~1


def as_fact(name: str, value: str | bool | float) -> tuple[int, int]:
    """Field and value as numbers; true and false are texts.

    >>> as_fact("price", 2) == as_fact("price", 2.0) != as_fact("price", "2")
    True
    """
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, str):
        return field_key(name), hashed(composed(value))
    return field_key(name) + 1, int(unpack("<q", pack("<d", value + 0.0))[0])  # + 0.0 turns -0.0 into 0.0


def entries(value: Scalar) -> list[str | bool | float]:
    """An attribute's values: a text with commas is a list.

    >>> entries("DE, AT"), entries(18.0), entries(None), entries("")
    (['DE', 'AT'], [18.0], [], [])
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [entry for part in value.split(",") if (entry := part.strip())]
    return [value]


def attribute_facts(attributes: Mapping[str, Scalar]) -> Iterator[tuple[int, int]]:
    """Facts of attributes, by name."""
    for name in sorted(attributes):
        for value in entries(attributes[name]):
            yield as_fact(f"attributes.{name}", value)


def item_facts(item: Item) -> list[tuple[int, int]]:
    """Facts of a catalogue record: categories in their order, price, attributes; at most `MAX_FACTS`."""
    found = [as_fact("category", category) for category in item.categories]
    if item.price is not None:
        found.append(as_fact("price", item.price))
    found += attribute_facts(item.attributes)
    return list(dict.fromkeys(found))[:MAX_FACTS]


class Facts:
    """The facts of every item, in one array with holes that is packed when half of it is holes."""

    def __init__(self) -> None:
        self.table = _table(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))
        self._end = 0  # rows in use, holes included
        self._kept = 0  # rows in use

    def make_room(self, items: int) -> None:
        """Make room for so many items in `start` and `count`."""
        facts, start, count, _ = self.table
        more = items - len(start)
        if more > 0:
            self.table = _table(
                facts, np.concatenate([start, np.zeros(more, np.int64)]),
                np.concatenate([count, np.zeros(more, np.int32)]),
            )  # fmt: skip

    def put(self, item: int, found: list[tuple[int, int]]) -> None:
        """Replace the facts of an item."""
        _, start, count, _ = self.table
        old, new = int(count[item]), len(found)
        self._kept += new - old
        if new > old:
            if self._end + new > 2 * self._kept + 1024:
                count[item] = 0
                self._pack(self._kept)
            if self._end + new > len(self.table.facts):
                larger = np.zeros((2 * (self._end + new), 2), np.int64)
                larger[: self._end] = self.table.facts[: self._end]
                self.table = self.table._replace(facts=larger)
            start[item], self._end = self._end, self._end + new
        count[item] = new
        if found:
            self.table.facts[start[item] : start[item] + new] = found

    def state(self, items: int) -> dict[str, NDArray[Any]]:
        """Everything, packed: the same facts give the same bytes."""
        facts, start, count, _ = self.table
        return {"facts": packed(facts, start[:items], count[:items]), "fact_counts": count[:items]}

    def restore(self, facts: NDArray[Any], count: NDArray[Any]) -> None:
        """Continue from a copy of `state`."""
        ends = np.cumsum(count, dtype=np.int64)
        self.table = _table(np.array(facts, np.int64).reshape(-1, 2), ends - count, np.array(count, np.int32))
        self._end = self._kept = len(facts)

    def _pack(self, room: int) -> None:
        facts, start, count, _ = self.table
        rows = packed(facts, start, count)
        start[:] = np.cumsum(count, dtype=np.int64) - count
        larger = np.zeros((2 * room + 1024, 2), np.int64)
        larger[: len(rows)] = rows
        self.table, self._end = _table(larger, start, count), len(rows)


def _table(facts: NDArray[np.int64], start: NDArray[np.int64], count: NDArray[np.int32]) -> Table:
    return Table(facts, start, count, np.zeros(0, np.int64))


@njit(cache=True)
def packed(facts: NDArray[np.int64], start: NDArray[np.int64], count: NDArray[np.int32]) -> NDArray[np.int64]:
    """The facts of item after item, without holes."""
    rows = np.empty((count.sum(), 2), np.int64)
    n = 0
    for item in range(len(count)):
        for row in range(start[item], start[item] + count[item]):
            rows[n] = facts[row]
            n += 1
    return rows
