"""Requests to a gateway that is a stub: all are counted, and those that fail apart."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from stream.bench.kafka.gateway import GatewayLoad, Phase, _load, _overload, _Sample


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
    assert (read.refused, write.refused) == (0, write.failed), "503 refuses, 404 does not"
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

    asked_load, seen_load = asyncio.run(use())
    for load in (asked_load, seen_load):
        assert (load.answered, load.failed) == (40, 0 if known else 40)
    assert (asked_load.refused, seen_load.refused) == (0 if known else 40, 0)


def test_times_are_those_of_the_stub() -> None:
    (read, _), _ = asyncio.run(loads(200, 200, 0.1))
    assert 100.0 <= read.p50_ms <= read.p90_ms <= read.p99_ms <= read.max_ms


def test_twice_the_rate_comes_without_a_rest_and_it_is_said_what_is_refused_and_when_that_is_over() -> None:
    """The stub has one place, for 25 requests a second, and refuses new slates while more than 5 wait for it."""
    waiting, place = 0, asyncio.Lock()

    async def asked(_: web.Request) -> web.Response:
        nonlocal waiting
        if waiting > 5:
            return web.Response(status=429)
        waiting += 1
        async with place:
            await asyncio.sleep(1 / 25)
        waiting -= 1
        return web.json_response({"status": "fresh"})

    async def read(_: web.Request) -> web.Response:
        return web.Response()

    async def use() -> list[GatewayLoad]:
        app = web.Application()
        app.router.add_post("/v1/recommendations", asked)
        app.router.add_get("/v1/users/{user}/recommendations", read)
        async with TestServer(app) as server:
            process: Any = Process(str(server.make_url("/")))
            return await _overload(process, {"read": 40.0, "asked": 10.0}, 2.0)

    found = asyncio.run(use())
    assert [(each.requests, each.rate) for each in found] == [
        (kind, rate) for rate in (50.0, 100.0, 50.0) for kind in ("read", "asked")
    ]
    assert [before.answered + asked.answered for before, asked in zip(found[::2], found[1::2])] == [100, 200, 100]
    assert all(each.failed == 0 and each.sent_late_p99_ms < 1_000 for each in found[::2])
    before, over, after = found[1::2]
    assert before.refused == 0
    assert over.max_ms > before.p50_ms
    assert [each.recovered_s is None for each in found] == [True] * 4 + [False] * 2
    assert after.recovered_s is not None
    assert 0.0 <= after.recovered_s <= 2.0


def test_recovery_is_the_last_second_that_was_slower_than_before() -> None:
    before, after = (_Sample("asked", Phase(2.0, 4.0)) for _ in range(2))
    for n in range(8):
        before.add(n / 2, n / 2, n / 2 + 0.1 + n / 100, True)
        after.add(n / 2, n / 2 + 0.01, n / 2 + (3.0 if n in (0, 1, 4, 5) else 0.1), n > 0)
    assert after.recovered_s(before) == 3.0, "second 2 is slow again"
    assert before.recovered_s(before) == 0.0
    load = after.load()
    assert (load.answered, load.failed, load.refused, round(load.sent_late_p99_ms)) == (8, 1, 1, 10)
