"""The worker's pages are read with the token, or from this machine."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from stream.config import Worker
from stream.errors import UsageError
from stream.serving.access import check, guarding

TOKEN = "a-token-of-sixteen-or-more"


def ask(worker: Worker, path: str = "/metrics", **headers: str) -> int:
    async def page(_: Any) -> web.Response:
        return web.Response(text="figures")

    answer: web.Response = asyncio.run(guarding(worker)(make_mocked_request("GET", path, headers=headers), page))
    return answer.status


def test_without_a_token_only_this_machine_may_listen() -> None:
    for good in (
        Worker(),
        Worker(host="::1"),
        Worker(host="localhost"),
        Worker(host="0.0.0.0", token=TOKEN),
        Worker(host="0.0.0.0", open=True),
    ):
        check(good)
    for host in ("0.0.0.0", "::", "", "10.0.0.7", "shop.example"):
        with pytest.raises(
            UsageError, match="others could read /metrics, /explanation and /fingerprint: set HEADWATER"
        ):
            check(Worker(host=host))


@pytest.mark.parametrize("path", ["/metrics", "/fingerprint", "/explanation/u1", "/", "/healthz/../metrics"])
def test_pages_ask_for_the_token(path: str) -> None:
    worker = Worker(host="0.0.0.0", token=TOKEN)
    assert ask(worker, path, Host="worker:6066", Authorization=f"Bearer {TOKEN}") == 200
    for wrong in ("", "Bearer ", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer é"):
        assert ask(worker, path, Host="127.0.0.1", Authorization=wrong) == 401, wrong


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_carry_no_token(path: str) -> None:
    assert ask(Worker(token=TOKEN), path, Host="10.0.0.7:6066") == 200


def test_another_name_for_this_machine_is_refused() -> None:
    for host in ("127.0.0.1:6066", "localhost", "LOCALHOST:1", "[::1]:6066"):
        assert ask(Worker(), Host=host) == 200, host
    for host in ("evil.example:6066", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "[::]:1"):
        assert ask(Worker(), Host=host) == 421, host
    assert ask(Worker(open=True), Host="worker:6066") == 200
