"""A connection over TLS whose other side says no farewell is closed in time."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
import uvloop

from stream.kafka.event_loop import CLOSE_S, Loop, LoopPolicy

ANONYMOUS = "AECDH-AES256-SHA:@SECLEVEL=0"  # no certificate is needed


class Silent(NamedTuple):
    """Where it listens, and what ends it."""

    port: int
    ended: threading.Event


def context(side: int) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(ANONYMOUS)
    return made


@pytest.fixture
def silent() -> Iterator[Silent]:
    """A server that shakes hands and then says nothing until it is ended."""
    ended = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with context(ssl.PROTOCOL_TLS_SERVER).wrap_socket(peer, server_side=True):
                ended.wait(60)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Silent(listening.getsockname()[1], ended)
        ended.set()
        thread.join(5)


async def closed_after(server: Silent, within_s: float) -> float:
    """Seconds until a connection is closed; the bound where the server must be ended for that."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context(ssl.PROTOCOL_TLS_CLIENT))
    began = time.monotonic()
    writer.close()
    closed = asyncio.ensure_future(writer.wait_closed())
    await asyncio.wait({closed}, timeout=within_s)
    took = time.monotonic() - began
    server.ended.set()
    with contextlib.suppress(OSError):
        await closed
    return took


def run(loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
    with closing(loop):
        return loop.run_until_complete(coroutine)


def test_a_connection_whose_other_side_says_no_farewell_is_closed_in_time(silent: Silent) -> None:
    assert CLOSE_S <= run(LoopPolicy().new_event_loop(), closed_after(silent, 20)) < 20


def test_without_it_the_library_waits_on(silent: Silent) -> None:
    bound = 3 * CLOSE_S
    assert run(uvloop.new_event_loop(), closed_after(silent, bound)) >= bound


def test_plain_connections_are_as_they_were() -> None:
    async def answer() -> bytes:
        def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"ok")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            found = await reader.read()
            writer.close()
            return found

    assert run(Loop(), answer()) == b"ok"
