"""Lines as records: the rules of the topics."""

import json
from typing import Any

import pytest

from stream.client.bulk.kinds import KINDS, Keyed, keyed
from stream.records.codec import Rejection
from stream.records.topics import CLICKS, ITEMS, USERS

NOW = 1_700_000_000.0
EVENT = {"type": "click", "event_id": "e", "user_id": "ada", "item_id": "tea", "timestamp": NOW}


def read(kind: str, document: Any, said: list[str] | None = None) -> Keyed | Rejection:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return keyed(KINDS[kind], text, NOW, ([] if said is None else said).append)


def test_a_record_goes_to_its_topic_as_it_came_under_its_key() -> None:
    text = b'{"item_id": "tea",  "price": 3}'
    assert read("items", text) == Keyed(ITEMS, "tea", text)
    assert read("users", {"user_id": "ada"}) == Keyed(USERS, "ada", b'{"user_id": "ada"}')
    found = read("events", EVENT)
    assert isinstance(found, Keyed)
    assert (found.topic, found.key, found.event_id) == (CLICKS, "ada", "e")


def test_ends_are_tombstones_also_of_ids_of_before_the_rule() -> None:
    assert read("items", {"item_id": "tea ", "deleted": True}) == Keyed(ITEMS, "tea ", None)
    assert read("users", {"user_id": "ada", "deleted": True}) == Keyed(USERS, "ada", None)
    found = read("items", {"item_id": "tea", "deleted": False, "attributes": {"deleted": True}})
    assert isinstance(found, Keyed)
    assert json.loads(found.value or b"") == {"item_id": "tea", "attributes": {"deleted": True}}


@pytest.mark.parametrize(
    ("kind", "document", "says"),
    [
        ("items", {"item_id": "tea", "price": "3"}, "at `$.price`"),
        ("items", {"item_id": "tea", "link": "/tea"}, "`link` must be an address"),
        ("items", {"item_id": "tea", "title": "x" * 2000}, "`title` must have at most 1024 characters"),
        ("items", {"title": "Tea"}, "missing required field `item_id`"),
        ("items", {"deleted": True}, "needs the item's id"),
        ("items", {"item_id": "tea", "deleted": "yes"}, "`deleted` must be true or false"),
        ("items", [1], "Expected `object`, got `array`"),
        ("items", b"\xff", "must be"),
        ("users", {"user_id": "ada", "attributes": {"a": [1]}}, "at `$.attributes"),
        ("events", {**EVENT, "type": "wish"}, "`type` must be one of view, click, purchase; got 'wish'"),
        ("events", {**EVENT, "timestamp": NOW * 1000}, "it looks like milliseconds"),
        ("events", {**EVENT, "timestamp": NOW + 400}, "400 s ahead of the clock"),
        (
            "events",
            {name: value for name, value in EVENT.items() if name != "event_id"},
            "missing required field `event_id`",
        ),
        ("events", {**EVENT, "quantity": 0, "type": "purchase"}, "quantity"),
    ],
)
def test_what_workers_would_not_accept_is_refused_with_its_field(kind: str, document: Any, says: str) -> None:
    found = read(kind, document)
    assert isinstance(found, Rejection)
    assert says in found.detail


def test_fields_that_nobody_reads_are_said() -> None:
    said = list[str]()
    for kind, document in (("items", {"item_id": "t", "titel": "T"}), ("events", {**EVENT, "sesion_id": "s"})):
        assert isinstance(read(kind, document, said), Keyed)
    assert ["did you mean 'title'?" in said[0], "did you mean 'session_id'?" in said[1]] == [True, True]
