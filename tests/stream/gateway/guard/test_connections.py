"""Slow and many connections, on real sockets; and that what is used of aiohttp is still there."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from stream.config import Gateway
from stream.gateway.guard.connections import GRACE_S, MAX_WAITING, Connection, GuardedServer
from stream.gateway.guard.keys import new_key
from tests.support.served import Served, served

WELL = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEY, LINE = new_key("shop", "events+catalogue+slates")
HALF = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half the headers": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ",
    "half a body": b"PUT /v1/items/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + KEY.encode() + b"\r\nContent-Length: 100\r\n\r\n{",
    "half a chunk": b"PUT /v1/items/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + KEY.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def settings(**more: object) -> Gateway:
    return Gateway(keys=LINE, request_s=0.6, rate=1e6, burst=1e6, **more)  # type: ignore[arg-type]


def close(streams: Iterable[Streams]) -> None:
    for _, writer in streams:
        writer.close()


@pytest.mark.parametrize("name", HALF)
def test_a_request_that_does_not_arrive_is_answered_408_and_closed(name: str) -> None:
    async def use(site: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(HALF[name])
        try:
            answer = await asyncio.wait_for(reader.read(), 30)
        finally:
            writer.close()
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"application/problem+json" in answer
        assert b"must arrive within 0.6 s" in answer

    served(settings(), use)


def test_a_byte_now_and_then_does_not_keep_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def use(site: Served) -> None:
        for start in (HALF["half the headers"], HALF["half a body"]):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(start)
            begun = asyncio.ensure_future(reader.read())
            for _ in range(300):  # as often as it takes, and no longer
                writer.write(b"a")
                await asyncio.sleep(0.1)
                if begun.done():
                    break
            writer.close()
            assert begun.done()
            with suppress(ConnectionResetError):  # it wrote after the end: systems may throw away what was not read yet
                assert begun.result().startswith(b"HTTP/1.1 408 ")

    served(settings(), use)
    assert "Traceback" not in caplog.text


def test_a_kept_connection_may_wait_but_not_begin_and_stop() -> None:
    async def use(site: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for _ in range(2):
            writer.write(WELL.replace(b"close", b"keep-alive"))
            assert b"alive" in await asyncio.wait_for(reader.readuntil(b"alive"), 5)
            await asyncio.sleep(1.0)  # longer than request_s: it idles, it is not late
        writer.write(b"GET /hea")
        assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 408 ")
        writer.close()

    served(settings(), use)


@pytest.mark.parametrize("limits", [{}, {"connections_per_address": 50}, {"connections": 50}])
def test_six_hundred_half_sent_requests_keep_nobody_out(limits: dict[str, int]) -> None:
    async def use(site: Served) -> None:
        halves = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(600)]
        try:
            for _, writer in halves:
                writer.write(HALF["half the headers"])
            server = site.runner.server
            assert isinstance(server, GuardedServer)
            assert (await site.raw(WELL)).endswith(b"alive")
            assert len(server) <= min(limits.values(), default=600)
            ends = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in halves)), 60)
            assert {end[9:12] for end in ends} <= {b"408", b"503"}
            assert len(server) == 0
            assert (server._new, server._per_address) == ({}, {})
        finally:
            close(halves)

    served(settings(**limits), use)


def test_those_that_wait_long_make_room_and_a_crowd_that_comes_at_once_is_served() -> None:
    async def use(site: Served) -> None:
        crowd = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(3 * MAX_WAITING)]
        for _, writer in crowd:
            writer.write(WELL)
        answers = await asyncio.gather(*(reader.read() for reader, _ in crowd))
        assert all(answer.endswith(b"alive") for answer in answers)
        close(crowd)
        halves = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(MAX_WAITING)]
        await asyncio.sleep(GRACE_S + 0.2)
        assert (await site.raw(WELL)).endswith(b"alive")
        assert b" 503 " in await asyncio.wait_for(halves[0][0].read(), 5)
        close(halves)

    served(Gateway(keys=LINE, request_s=60.0), use)


def test_connections_are_limited_by_address_and_in_all() -> None:
    async def use(site: Served) -> None:
        kept = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            kept.append((reader, writer))
            writer.write(WELL.replace(b"close", b"keep-alive"))
            await reader.readuntil(b"alive")
        try:
            assert b" 503 " in await site.raw(WELL), "all others have sent requests and may stay"
            kept.pop()[1].close()
            for _ in range(100):
                if (await site.raw(WELL)).endswith(b"alive"):
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail("a connection that is closed makes room")
        finally:
            close(kept)

    served(settings(connections_per_address=20), use)
    served(settings(connections=20), use)


def test_bodies_in_many_pieces_are_read() -> None:
    async def use(site: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(HALF["half a body"])
        for piece in (b" " * 50, b" " * 48 + b"]"):
            await asyncio.sleep(0.05)
            writer.write(piece)
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
        writer.close()
        assert b" 400 " in answer

    served(settings(), use)


def test_what_is_used_of_aiohttp_is_there() -> None:
    for name in ("connection_made", "connection_lost", "data_received", "force_close", "handle_error"):
        assert callable(getattr(RequestHandler, name))
        assert name == "force_close" or name in vars(Connection)
    assert {"_messages", "_current_request"} <= set(RequestHandler.__slots__)
    assert callable(web.AppRunner._make_server)
    assert issubclass(GuardedServer, web.Server)
    assert time.monotonic() > 0
