"""Cursors, and lists that are read page by page from a running gateway without Kafka."""

import base64
import json
from typing import Any

import pytest

from stream.config import Gateway
from stream.gateway.answers.pages import MOST_BYTES, cursor, read_cursor
from stream.gateway.handlers.parts import READ_MODEL
from stream.gateway.problems import Problem
from stream.records.schemas import Item
from tests.support.gateway import T, slate
from tests.support.served import Served, served


@pytest.mark.parametrize("last", ["a", "sofa, red", "é" * 128, "a:b", "\U0001f375"])
def test_a_cursor_holds_an_id(last: str) -> None:
    assert read_cursor("items", cursor("items", last)) == last


@pytest.mark.parametrize(
    "text",
    ["?", "aXRlbXM6", "abc", cursor("users", "ada"), "aXRlbXM6dGVh=", base64.b64encode(b"items:\xff").decode(), "é"],
)
def test_what_no_answer_has_given_is_no_cursor(text: str) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor("items", text)
    assert (refused.value.status, "must be `next` of an answer" in refused.value.detail) == (422, True)


async def pages(site: Served, path: str, key: str) -> list[Any]:
    """All entries, page by page."""
    found, after = list[Any](), ""
    for _ in range(1_000):
        status, answer = await site.ask("GET", f"{path}{f'&cursor={after}' if after else ''}")
        assert status == 200
        page = json.loads(answer.partition(b"\r\n\r\n")[2])
        found += page[key]
        if page["next"] is None:
            return found
        after = page["next"]
    raise AssertionError("no end")


def test_all_items_and_users_are_listed_in_order() -> None:
    async def send(site: Served) -> None:
        model = site.app[READ_MODEL]
        for n in range(123):
            model.item(f"i{n}", Item(item_id=f"i{n}", title=f"T{n}", price=float(n), available=n % 3 > 0))
        for n in range(57):
            model.slate(f"u{n}", slate(f"u{n}"), T) if n % 2 else model.profile(f"u{n}", b'{"user_id": "u"}')
        model.slate("u3", None, T)
        model.slate("u5", None, T)
        model.item("i7", None)
        items = await pages(site, "/v1/items?limit=10", "items")
        assert [item["item_id"] for item in items] == sorted({f"i{n}" for n in range(123)} - {"i7"})
        assert items[0] == json.loads((await site.ask("GET", "/v1/items/i0"))[1].partition(b"\r\n\r\n")[2])
        chosen = await pages(site, "/v1/items?limit=500&fields=price", "items")
        assert chosen[1] == {"item_id": "i1", "title": "T1", "price": 1.0}
        assert await pages(site, "/v1/users?limit=7", "users") == sorted({f"u{n}" for n in range(57)} - {"u3", "u5"})
        for path in (
            "/v1/items?cursor=x", "/v1/items?limit=0", "/v1/items?limit=501", "/v1/items?limit=5&query=a",
            "/v1/items?limit=5&k=5", "/v1/users?limit=x", "/v1/users?k=5",
        ):  # fmt: skip
            assert (await site.ask("GET", path))[0] == 422, path

    served(Gateway(), send)


def test_a_page_is_bounded_in_bytes() -> None:
    async def send(site: Served) -> None:
        for n in range(60):
            site.app[READ_MODEL].item(f"i{n:02}", Item(item_id=f"i{n:02}", text="x" * 60_000))
        _, answer = await site.ask("GET", "/v1/items?limit=500")
        page = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert 10 <= len(page["items"]) <= MOST_BYTES / 60_000
        items = await pages(site, "/v1/items?limit=500", "items")
        assert [item["item_id"] for item in items] == [f"i{n:02}" for n in range(60)]

    served(Gateway(), send)
