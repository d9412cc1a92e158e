"""What surrounds every request, on a small application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from stream.gateway.guard.audit import Audit
from stream.gateway.guard.authorise import Access, Guard, authorising
from stream.gateway.guard.keys import Keys
from stream.gateway.guard.limits import Attempts, Buckets
from stream.gateway.guard.tokens import Tokens
from stream.gateway.middleware import counting, sharing
from stream.gateway.problems import Problem

READ, WRITE = "r" * 16, "w" * 16
SHOP = "https://shop.example"


async def read(_: web.Request) -> web.Response:
    return web.Response(text="read")


async def refuse(_: web.Request) -> web.Response:
    raise Problem(422, "it must hold")


async def fail(_: web.Request) -> web.Response:
    raise RuntimeError("a bug")


class Site:
    """Three handlers, of which only `read` needs a key; what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, str, int]] = []
        self.limited = 0
        keys, buckets = Keys(f"read:{READ},write:{WRITE}"), Buckets(rate=1.0, burst=2.0)
        guard = Guard(keys, Tokens(""), buckets, Attempts(), Audit())
        self.app = web.Application(
            middlewares=[
                counting(self._count, 10),
                sharing(f"{SHOP}, "),
                authorising(guard, {read: Access("slates")}, self._limit),
            ]
        )
        for path, handler in (("/read", read), ("/refuse", refuse), ("/fail", fail)):
            self.app.router.add_get(path, handler)

    def _count(self, route: str, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.counted.append((route, method, status))

    def _limit(self) -> None:
        self.limited += 1

    def run(self, ask: Callable[[Any], Awaitable[None]]) -> None:
        async def serve() -> None:
            async with TestClient(TestServer(self.app)) as client:
                await ask(client)

        asyncio.run(serve())


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_error_is_a_counted_problem_document() -> None:
    site = Site()

    async def ask(client: Any) -> None:
        for method, path, status, detail in (
            ("GET", "/refuse", 422, "it must hold"),
            ("GET", "/fail", 500, "the gateway failed; its log says why"),
            ("GET", "/nowhere", 404, "/nowhere: there is no such page; /docs lists all"),
            ("POST", "/read", 405, "/read: must be GET, HEAD; got POST"),
        ):
            answer = await client.request(method, path)
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
            assert (await answer.json())["detail"] == detail

    site.run(ask)
    assert site.counted == [
        ("/refuse", "GET", 422), ("/fail", "GET", 500), ("none", "GET", 404), ("none", "POST", 405)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), (bearer("unknown"), 401), (bearer(WRITE), 403), (bearer(READ), 200)]
)
def test_a_key_with_the_scope_is_needed(headers: dict[str, str], status: int) -> None:
    async def ask(client: Any) -> None:
        assert (await client.get("/read", headers=headers)).status == status
        assert (await client.get("/refuse")).status == 422  # has no scope

    Site().run(ask)


def test_requests_above_the_rate_are_refused() -> None:
    site = Site()

    async def ask(client: Any) -> None:
        answers = [await client.get("/read", headers=bearer(READ)) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"

    site.run(ask)
    assert site.limited == 1


def test_answers_are_shared_with_known_origins() -> None:
    async def ask(client: Any) -> None:
        for path in ("/read", "/refuse"):
            shared = (await client.get(path, headers=bearer(READ) | {"Origin": SHOP})).headers
            assert (shared["Access-Control-Allow-Origin"], shared["Vary"]) == (SHOP, "Origin")
        other = await client.get("/read", headers=bearer(READ) | {"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers
        asked = {"Access-Control-Request-Method": "GET"}
        preflight = await client.options("/read", headers={"Origin": SHOP} | asked)
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, SHOP)
        assert (await client.options("/read", headers={"Origin": "https://evil.example"} | asked)).status == 405

    Site().run(ask)
