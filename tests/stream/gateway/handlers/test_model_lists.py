"""Lists of the model over HTTP: what is left out, what is said, and who may ask for users."""

import json
from typing import Any

import msgspec
import pytest

from stream.config import Gateway
from stream.gateway.asking.requester import Failed
from stream.gateway.guard.keys import new_key
from stream.gateway.handlers.parts import READ_MODEL
from stream.records.schemas import Item
from tests.support.served import Model, Served, answered, served

KEYS = {scope: new_key(scope, scope) for scope in ("slates", "events", "catalogue", "admin")}
USERS = ("/v1/items/a/audience", "/v1/users/ada/similar")


def asked(*paths: str, model: Model | None = None, key: str = "") -> list[tuple[int, Any]]:
    """Status and body of the answers; the catalogue has a to e, of which e is not available."""
    lines = ",".join(line for _, line in KEYS.values()) if key else ""

    async def ask(site: Served) -> list[tuple[int, Any]]:
        for item in "abcde":
            site.app[READ_MODEL].item(item, Item(item_id=item, title=item.upper(), available=item != "e"))
        headers = (f"Authorization: Bearer {KEYS[key][0]}",) if key else ()
        found = []
        for path in paths:
            status, answer = await site.ask("GET", path, *headers)
            found.append((status, json.loads(answer.partition(b"\r\n\r\n")[2])))
        return found

    result: list[tuple[int, Any]] = served(Gateway(keys=lines), ask, model)
    return result


def shown(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def test_what_is_excluded_withdrawn_or_the_item_itself_is_left_out() -> None:
    model = Model(answered(*"abcde"))
    found = asked("/v1/items/a/similar", "/v1/items/a/similar?k=1", "/v1/items/a/also-bought?exclude=b", model=model)
    assert [shown(body) for _, body in found] == [["b", "c", "d"], ["b"], ["c", "d"]]
    (_, whole), (_, one), _ = found
    assert (whole["item_id"], whole["title"], whole["status"], whole["stale"]) == ("a", "A", "fresh", None)
    assert whole["items"][0] == {
        "item_id": "b", "title": "B", "score": 0.5, "source": "covisitation", "reason": "goes with A",
    }  # fmt: skip
    assert (one["asked"], one["short"]) == (1, None)
    assert whole["short"] == "asked for 20 items, got 3: no other item is known that may be shown"
    assert len(model.asked) == 2, "k and exclusions are seen to here"


def test_lists_of_all_items_have_a_category() -> None:
    model = Model(answered(*"ab"))
    found = asked("/v1/popular", "/v1/rising?category=Mugs&fields=price", "/v1/latest?k=1", model=model)
    assert [(body["category"], shown(body)) for _, body in found] == [
        (None, ["a", "b"]), ("Mugs", ["a", "b"]), (None, ["a"]),
    ]  # fmt: skip
    assert [asked[0:3] for asked in model.asked] == [
        ("popular", None, None), ("rising", None, "Mugs"), ("latest", None, None),
    ]  # fmt: skip
    assert found[1][1]["items"][0]["price"] is None


def test_users_come_with_what_speaks_for_them() -> None:
    model = Model(answered(users=[("x", 0.5), ("y", 0.25)]), Failed("late", "too late"), partitions=2)
    (status, body), (_, one) = asked("/v1/items/a/audience", "/v1/users/ada/similar?k=1", model=model)
    assert status == 200
    assert body["users"] == [
        {"user_id": "x", "score": 0.5, "through": "a", "title": "A", "reason": "has A"},
        {"user_id": "y", "score": 0.25, "through": "a", "title": "A", "reason": "has A"},
    ]
    assert (body["partial"], body["answered"], body["partitions"]) == (True, 1, 2)
    assert body["short"] == "asked for 20 users, got 2: no other is known"
    assert ([user["user_id"] for user in one["users"]], one["user_id"], one["short"]) == (["x"], "ada", None)


@pytest.mark.parametrize(("scope", "status"), [("slates", 403), ("events", 403), ("catalogue", 200), ("admin", 200)])
def test_ids_of_users_are_not_for_pages(scope: str, status: int) -> None:
    assert [found for found, _ in asked(*USERS, key=scope)] == [status, status]
    assert asked("/v1/popular", key=scope)[0][0] == (200 if scope == "slates" else 403)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v1/items/unheard/similar", 404, "must be in the catalogue or in an event"),
        ("/v1/items/unheard/audience", 404, "must be in the catalogue or in an event"),
        ("/v1/items/a%00/also-bought", 422, "item_id: must have no control"),
        ("/v1/items/a/similar?k=41", 422, "k: must be a whole number from 1 to 40"),
        ("/v1/items/a/audience?k=101", 422, "k: must be a whole number from 1 to 100"),
        ("/v1/items/a/audience?deadline_ms=0", 422, "deadline_ms: must be"),
        ("/v1/items/a/audience?deadline_ms=10001", 422, "deadline_ms: must be"),
        ("/v1/items/a/audience?exclude=b", 422, "exclude"),
        ("/v1/popular?categories=x", 422, "did you mean 'category'?"),
        ("/v1/popular?fields=prize", 422, "did you mean 'price'?"),
        ("/v1/latest?category=" + "x" * 257, 422, "category: must have at most 256 characters; got 257"),
        ("/v1/rising?lang=xx", 422, "lang"),
        ("/v1/users/ada%20/similar", 422, "user_id: must not begin or end"),
    ],
)
def test_what_is_wrong_is_said(path: str, status: int, detail: str) -> None:
    ((found, body),) = asked(path)
    assert (found, detail in body["detail"]) == (status, True), body


@pytest.mark.parametrize(
    ("failed", "status"), [("late", 503), ("unsent", 503), ("full", 429)]
)  # fmt: skip
def test_where_nobody_answers_the_caller_is_told_to_come_back(failed: str, status: int) -> None:
    for path in ("/v1/items/a/similar", "/v1/popular", *USERS):
        ((found, body),) = asked(path, model=Model(Failed(failed, "the reason")))
        assert (found, body["reason"], "the reason" in body["detail"]) == (status, failed, True)


def test_an_item_that_the_model_does_not_know_yet_has_nothing_similar() -> None:
    unknown = msgspec.structs.replace(answered(status="unknown"), items=[])
    ((status, body),) = asked("/v1/items/a/similar", model=Model(unknown))
    assert (status, body["items"]) == (200, [])
