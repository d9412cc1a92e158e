"""What a running gateway answers is what its document says; here the reads, which need no topics."""

import json
from typing import Any

import pytest

from stream.config import Gateway
from stream.gateway.guard.keys import new_key
from stream.gateway.handlers.parts import READ_MODEL
from stream.records.codec import encode
from stream.records.schemas import Profile
from tests.support.contract import check_answer, operation_of
from tests.support.gateway import full, slate
from tests.support.served import Served, served

KEY, LINE = new_key("shop", "events+catalogue+slates+admin")
ASKED = [
    *(f"/v1/users/{user}/recommendations{query}" for user in ("ada", "nobody") for query in ("", "?k=40&exclude=x,a")),
    "/v1/users/ada/recommendations?k=0", "/v1/users/ada/recommendations?what=1", "/v1/users/ada/explanation",
    "/v1/users/ada/recommendations?fields=price,tags,available&lang=en&k=40",
    "/v1/users/ada/recommendations?after=e&k=2",
    "/v1/users?limit=1", "/v1/users?cursor=wrong", "/v1/items?limit=2", "/v1/items?limit=2&fields=price,images",
    "/v1/items?query=a&fields=categories,text,attributes,link", "/v1/items/a/similar?fields=images,list_price",
    "/v1/users/ada", "/v1/users/u0", "/v1/users/nobody", "/v1/users/%ff/recommendations",
    "/v1/items", "/v1/items?query=a&k=2", "/v1/items/a", "/v1/items/none", "/v1/items/a/similar?k=3",
    "/v1/items/a/also-bought?lang=en&exclude=b", "/v1/popular?k=2", "/v1/rising?category=Mugs",
    "/v1/latest?fields=tags",
    "/v1/items/a/audience?deadline_ms=500", "/v1/users/ada/similar?k=3", "/v1/items/none/audience",
    "/v1/items/none/similar", "/v1/stream?topics=all", "/healthz", "/readyz", "/metrics", "/openapi.json",
]  # fmt: skip


@pytest.mark.parametrize("key", [KEY, "wrong"], ids=["right", "wrong"])
def test_answers_are_as_documented(key: str) -> None:
    async def ask(site: Served) -> set[int]:
        filled, here = full(), site.app[READ_MODEL]
        here.__dict__.update(filled.__dict__)
        here.slate("ada", slate("ada", items="ace"), 1.0)
        here.attributes["ada"] = encode(Profile(user_id="ada", attributes={"country": "NL"}))
        statuses = set()
        for path in ASKED:
            assert operation_of("GET", path) is not None
            version: tuple[str, ...] = ()
            for _ in range(2):  # the second time for what has changed since
                status, answer = await site.ask("GET", path, f"Authorization: Bearer {key}", *version)
                head, _, body = answer.partition(b"\r\n\r\n")
                lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
                check_answer("GET", path, status, lines, body)
                statuses.add(status)
                version = (f"If-None-Match: {lines.get('ETag', '')}",)
        return statuses

    found = served(Gateway(keys=LINE, rate=1e6, burst=1e6, after_s=0.1), ask)
    assert found >= ({200, 304, 400, 404, 422, 501, 503} if key == KEY else {200, 401})


def test_an_answer_with_a_field_that_is_not_documented_is_found() -> None:
    headers = {"Content-Type": "application/json", "ETag": '"1"'}
    good: dict[str, Any] = {"items": [{"item_id": "a", "title": "A"}]}
    check_answer("GET", "/v1/items?k=1", 200, headers, json.dumps(good))
    for bad in (good | {"more": 1}, {"items": [{"item_id": "a"}]}):
        with pytest.raises(AssertionError, match="GET /v1/items: 200"):
            check_answer("GET", "/v1/items?k=1", 200, headers, json.dumps(bad))
    with pytest.raises(AssertionError, match="is not in the document"):
        check_answer("GET", "/v1/items", 418, headers, "{}")
    with pytest.raises(AssertionError, match="must have the header"):
        check_answer("GET", "/v1/items/a", 200, {"Content-Type": "application/json"}, "{}")
