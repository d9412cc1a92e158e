"""Bodies are what the server takes: an id may be left out, an event says its type, a change may clear a field."""

from typing import Any

import msgspec
import pytest

from stream.gateway.contract.schemas import reference
from stream.records.http.answers import Chosen, ServedItem
from stream.records.http.asked import FIELDS
from stream.records.schemas import Event, Item, Profile
from tests.support.contract import COMPONENTS, errors

EVENT = {"type": "view", "event_id": "e", "user_id": "u", "item_id": "i", "timestamp": 1.7e9}


@pytest.mark.parametrize(
    ("schema", "value", "valid"),
    [
        ("EventBody", EVENT, True),
        ("EventBody", {key: value for key, value in EVENT.items() if key != "type"}, False),
        ("EventBody", EVENT | {"type": None}, False),
        ("EventBody", EVENT | {"type": "wish"}, False),
        ("EventBody", EVENT | {"price": "7"}, False),
        ("ItemBody", {}, True),
        ("ItemBody", {"item_id": "i", "price": 7.5}, True),
        ("ItemBody", {"tags": None}, False),
        ("ItemBody", {"tags": ["x" * 257]}, False),
        ("ItemBody", {"price": -1}, False),
        ("ItemChange", {"tags": None, "price": None, "attributes": {"a": None}}, True),
        ("ItemChange", {"tags": "blue"}, False),
        ("ProfileBody", {"attributes": {"country": "NL", "age": 7, "new": True}}, True),
        ("ProfileBody", {"attributes": {"a": [1]}}, False),
        ("ProfileChange", {"attributes": {"country": None}}, True),
        ("TokenRequest", {"user_id": "ada"}, True),
        ("TokenRequest", {"user_id": "ada", "second": 5}, False),
        ("TokenRequest", {"user_id": "ada", "seconds": 0}, False),
    ],
)
def test_a_body_is_valid_or_not(schema: str, value: Any, valid: bool) -> None:
    assert (not errors(reference(schema), value)) is valid


@pytest.mark.parametrize(("record", "bodies"), [(Event, "EventBody"), (Item, "ItemBody"), (Profile, "ProfileBody")])
def test_bodies_have_the_fields_of_their_records(record: type[msgspec.Struct], bodies: str) -> None:
    assert list(COMPONENTS["schemas"][bodies]["properties"]) == list(record.__struct_fields__)


def test_answers_have_the_fields_that_may_be_chosen() -> None:
    assert Chosen.__struct_fields__ == tuple(name for name in FIELDS if name != "title")
    assert set(Chosen.__struct_fields__) < set(ServedItem.__struct_fields__)


def test_a_change_has_no_defaults_since_what_is_left_out_stays() -> None:
    for name in ("ItemChange", "ProfileChange"):
        fields = COMPONENTS["schemas"][name]["properties"]
        assert not [field for field in fields.values() if "default" in field]
        assert all(not errors(field, None) for field in fields.values())
