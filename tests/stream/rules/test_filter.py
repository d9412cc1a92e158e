"""Which items meet the filter of a request."""

from typing import Any

import numpy as np
import pytest

from stream.records.requests import Condition, Range
from stream.records.schemas import Item
from stream.rules.filter import meets, unheld
from stream.state.catalogue import Catalogue

ITEMS = (
    Item(item_id="a", categories=["tea", "gifts"], price=5.0, attributes={"brand": "x", "size": 3, "new": True}),
    Item(item_id="b", categories=["tea"], price=9.0, attributes={"brand": "y", "size": "3", "countries": "NL, BE"}),
    Item(item_id="c", categories=["pots"], attributes={"size": 4.5, "new": False}),
    Item(item_id="d"),
)


def catalogue() -> Catalogue:
    found = Catalogue()
    for n, item in enumerate(ITEMS):
        found.add_item(n)
        found.describe(n, item)
    return found


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "abcd"),
        ({"category": "tea"}, "ab"),
        ({"categories": "gifts"}, "a"),
        ({"category": ["gifts", "pots"]}, "ac"),
        ({"price": Range(min=5.0)}, "ab"),
        ({"price": Range(max=5.0)}, "a"),
        ({"price": Range(min=5.5, max=9.0)}, "b"),
        ({"price": 9.0}, "b"),
        ({"size": 3.0}, "a"),
        ({"size": "3"}, "b"),
        ({"size": Range(min=2.0)}, "ac"),
        ({"attributes.size": [3.0, 4.5]}, "ac"),
        ({"new": True}, "a"),
        ({"new": False}, "c"),
        ({"countries": "BE"}, "b"),
        ({"category": "tea", "brand": ["x", "z"]}, "a"),
        ({"category": "tea", "brand": "z"}, ""),
        ({"colour": "red"}, ""),
    ],
)
def test_all_conditions_must_hold_and_what_lacks_a_field_meets_none(
    conditions: dict[str, Any], expected: str
) -> None:  # fmt: skip
    found = meets(conditions, catalogue().facts.table, np.arange(len(ITEMS), dtype=np.int32))
    assert "".join(item.item_id for item, met in zip(ITEMS, found.tolist(), strict=True) if met) == expected


def test_a_field_that_no_item_has_is_named() -> None:
    conditions: dict[str, Condition] = {"category": "x", "price": 1.0, "size": 1.0, "colour": "red", "new": True}
    assert unheld(conditions, catalogue().facts.table) == ["colour"]
