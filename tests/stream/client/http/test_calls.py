"""Every request of the gateway's document can be made, and is what the document says."""

import inspect
import json
from typing import Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from stream.client import AsyncClient, Client
from stream.client.http import calls, list_calls
from stream.client.http.call import Call, Reply, Versioned
from stream.records.http.asked import SlateRequest
from stream.records.http.messages import MESSAGES, Message
from stream.records.schemas import Event, Item
from tests.support.contract import DOCUMENT, errors, operation_of

ODD = "sofa, red/2 é"
EVENT = Event(type="click", event_id="e", user_id=ODD, item_id="i", timestamp=1.7e9, context={"device": "phone"})
MADE: list[Call[Any]] = [
    calls.recommendations(ODD), calls.recommendations(ODD, k=5, exclude=["a,b", "c"]),
    calls.recommendations(ODD, fields=["price", "image"], lang="nl", after=ODD), calls.explanation(ODD, lang="nl"),
    calls.recommend(ODD), calls.recommend(ODD, k=5, exclude=["a,b"], fields=["price"], lang="nl", deadline_ms=100),
    calls.recommend_several(SlateRequest(user_id=ODD, k=2), SlateRequest(user_id="ben")),
    calls.list_users(), calls.list_users(cursor="aQ", limit=500), calls.list_items(limit=7, fields=["price"]),
    calls.get_user(ODD), calls.put_user(ODD, {"age": 7}), calls.patch_user(ODD, {"age": None}, if_match='"1"'),
    calls.forget(ODD), calls.search(), calls.search("mug & cup", k=50), list_calls.similar(ODD, k=3, exclude=[ODD]),
    calls.search(fields=["price", "image"]), list_calls.similar(ODD, fields=["tags"]), calls.explanation(ODD),
    list_calls.also_bought(ODD, lang="en"), list_calls.popular(), list_calls.rising(ODD, k=3, exclude=[ODD]),
    list_calls.latest(fields=["tags"]), list_calls.audience(ODD, k=100, deadline_ms=10_000),
    list_calls.similar_users(ODD, lang="nl"),
    calls.get_item(ODD), calls.put_item(Item(item_id=ODD, title="Sofa", price=9.5)), calls.drop_item(ODD),
    calls.patch_item(ODD, {"price": 8, "tags": None}, if_match='"1"'), calls.write_events(EVENT),
    calls.write_events(EVENT, EVENT, idempotency_key="k"), calls.issue_token(ODD), calls.issue_token(ODD, seconds=60),
    calls.stream(["slate", "event"], ODD, fields=["link", "price"], lang="nl"), calls.stream(), calls.healthz(),
    calls.readyz(),    calls.metrics(), calls.openapi(),
]  # fmt: skip


@pytest.mark.parametrize("call", MADE, ids=lambda call: call.name)
def test_a_request_is_one_of_the_document(call: Call[Any]) -> None:
    found = operation_of(call.method, call.path)
    assert found is not None
    path, operation = found
    parts = dict(zip(path.split("/"), urlsplit(call.path).path.split("/"), strict=True))
    assert all(unquote(part) == ODD for name, part in parts.items() if name.startswith("{"))
    known = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
    for name, values in parse_qs(urlsplit(call.path).query, strict_parsing="?" in call.path).items():
        kind, part = known[name]["schema"], known[name]
        given: Any = values if part.get("explode") else values[0].split(",") if "explode" in part else values[0]
        assert not errors(kind, int(given) if kind.get("type") == "integer" else given), name
    if call.body is not None:
        media = operation["requestBody"]["content"][call.headers["Content-Type"]]
        assert not errors(media["schema"], json.loads(call.body))
    assert ("requestBody" in operation) is (call.body is not None)
    assert set(call.headers) - {"Content-Type"} <= {p["name"] for p in operation["parameters"] if p["in"] == "header"}


def test_every_operation_has_a_method_of_both_clients() -> None:
    names = {operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()}
    for client in (Client, AsyncClient):
        methods = {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}
        assert methods - {"close", "send", "list_items", "recommend_several"} == names
        assert all(inspect.getdoc(getattr(client, name)) for name in names)
    assert {operation_of(call.method, call.path)[1]["operationId"] for call in MADE} == names  # type: ignore[index]


def test_which_requests_may_be_repeated() -> None:
    once = {call.name for call in MADE if not call.repeatable}
    patches = {f"PATCH /v1/{kind}/sofa%2C%20red%2F2%20%C3%A9" for kind in ("users", "items")}
    assert once == {"POST /v1/tokens", "POST /v1/recommendations", *patches}
    assert calls.patch_item("i", {"price": 8}).repeatable, "without If-Match the same change may come twice"


def test_exclusions_are_repeated_so_that_commas_of_ids_survive() -> None:
    path = calls.recommendations("ada", exclude=["a,b", "c d"]).path
    assert path == "/v1/users/ada/recommendations?exclude=a%2Cb&exclude=c+d"


def test_events_need_a_type() -> None:
    for events in ((), (Event(event_id="e", user_id="u", item_id="i", timestamp=1.7e9),)):
        with pytest.raises(ValueError, match="each with a type"):
            calls.write_events(*events)


def test_a_version_is_the_header_of_its_answer() -> None:
    reply = Reply(200, {"etag": '"v1"'}, b'{"item_id": "i", "price": 8, "a newer field": 1}')
    assert calls.get_item("i").read(reply) == Versioned(Item(item_id="i", price=8.0), '"v1"')


def test_messages_are_those_that_a_stream_has() -> None:
    assert set(get_args(Message)) == set(MESSAGES.values())
