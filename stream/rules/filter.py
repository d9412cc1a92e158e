"""The filter of a request: which items meet all of its conditions, by the catalogue's facts."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from stream.records.requests import Condition, Range
from stream.rules.compile import compile_conditions, field_keys
from stream.rules.kernels import holds_any
from stream.rules.parse import Condition as Atom
from stream.state.attributes import Table

_FIELDS = {"category": "category", "categories": "category", "price": "price"}  # all others are attributes
_FIRST_RULE = np.zeros(1, np.int64)


def meets(conditions: Mapping[str, Condition], table: Table, items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which items meet all conditions; those that lack a field do not."""
    found: NDArray[np.bool_] = holds_any(table, compile_conditions([tuple(_atoms(conditions))]), _FIRST_RULE, items)
    return found


def unheld(conditions: Mapping[str, Condition], table: Table) -> list[str]:
    """The fields that no item has at all."""
    held = np.unique(table.facts[:, 0] & ~1)
    return [name for name in conditions if not np.isin(field_keys([_field(name)]), held).any()]


def _field(name: str) -> str:
    return _FIELDS.get(name) or f"attributes.{name.removeprefix('attributes.')}"


def _atoms(conditions: Mapping[str, Condition]) -> Iterator[Atom]:
    for name, condition in conditions.items():
        field = _field(name)
        if isinstance(condition, list):
            yield Atom(field, "in", tuple(condition))
        elif not isinstance(condition, Range):
            yield Atom(field, "=", (condition,))
        else:
            if condition.min is not None:
                yield Atom(field, ">=", (condition.min,))
            if condition.max is not None:
                yield Atom(field, "<=", (condition.max,))
