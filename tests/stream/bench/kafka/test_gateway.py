"""Requests to a gateway that is a stub: all are counted, and those that fail apart."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from stream.bench.kafka.gateway import GatewayLoad, _load


class Process:
    """A gateway that has used so many seconds of CPU at each look."""

    def __init__(self, pages: str) -> None:
        self.pages, self.cpu = pages, 1.0

    def metrics(self) -> dict[str, float]:
        self.cpu += 1.0
        return {"process_cpu_seconds_total": self.cpu}


async def loads(read_status: int, write_status: int, delay_s: float) -> tuple[list[GatewayLoad], list[str]]:
    paths = list[str]()

    async def read(request: web.Request) -> web.Response:
        paths.append(request.path)
        await asyncio.sleep(delay_s)
        return web.Response(status=read_status)

    async def write(request: web.Request) -> web.Response:
        paths.append((await request.json())["type"])
        return web.Response(status=write_status)

    app = web.Application()
    app.router.add_get("/v1/users/{user}/recommendations", read)
    app.router.add_post("/v1/events", write)
    async with TestServer(app) as server:
        process: Any = Process(str(server.make_url("/")))
        return await _load(process, 400.0, 0.5), paths


@pytest.mark.parametrize(("read_status", "write_status"), [(200, 503), (404, 200)])
def test_requests_are_counted_by_kind_and_failures_apart(read_status: int, write_status: int) -> None:
    (read, write), paths = asyncio.run(loads(read_status, write_status, 0.0))
    assert (read.requests, write.requests, read.rate, write.rate) == ("read", "write", 400.0, 400.0)
    assert read.answered + write.answered == len(paths) == 200
    assert 5 < write.answered < 40, "a tenth"
    assert write.answered == sum(path in {"view", "click", "purchase"} for path in paths)
    assert read.failed == (read.answered if read_status != 200 else 0)
    assert write.failed == (write.answered if write_status != 200 else 0)
    assert 0.0 < read.gateway_cpu == write.gateway_cpu < 1.0 / (199 / 400), "1 s, after the last request is due"


@pytest.mark.parametrize(("status", "known"), [("fresh", True), ("last", False)])
def test_a_slate_that_is_not_the_one_asked_for_is_a_failure(status: str, known: bool) -> None:
    async def asked(request: web.Request) -> web.Response:
        assert (await request.json())["k"] == 20
        return web.json_response({"status": status})

    async def read(request: web.Request) -> web.Response:
        return web.json_response({"after": {"event_id": request.query["after"], "known": known}})

    async def write(_: web.Request) -> web.Response:
        return web.Response()

    async def use() -> list[GatewayLoad]:
        app = web.Application()
        app.router.add_post("/v1/recommendations", asked)
        app.router.add_get("/v1/users/{user}/recommendations", read)
        app.router.add_post("/v1/events", write)
        async with TestServer(app) as server:
            process: Any = Process(str(server.make_url("/")))
            return [(await _load(process, 200.0, 0.2, {kind: 1.0}))[0] for kind in ("asked", "seen")]

    for load in asyncio.run(use()):
        assert (load.answered, load.failed) == (40, 0 if known else 40)


def test_times_are_those_of_the_stub() -> None:
    (read, _), _ = asyncio.run(loads(200, 200, 0.1))
    assert 100.0 <= read.p50_ms <= read.p90_ms <= read.p99_ms <= read.max_ms
