"""Connections: how many, and how long a client may take to send a request.

aiohttp waits for the end of a request's headers as long as a connection may idle, an hour, and has no limit of
connections. What is private in it is used in this file only; tests/stream/gateway/guard/test_connections.py watches it.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from stream.gateway.problems import Problem

SWEEP_S = 1.0
IDLE_S = 75.0  # of a connection that has had an answer
LINGER_S = 2.0  # for the rest of a body that nobody reads
MAX_WAITING = 100  # connections of one address whose first request is not complete; the oldest makes room,
GRACE_S = 1.0  # once it has waited so long: many may come at once

log = logging.getLogger(__name__)


class ConnectionLimits(NamedTuple):
    """What connections are allowed."""

    request_s: float = 10.0  # for the headers of a request, and again for its body
    total: int = 4000
    per_address: int = 1000


class Connection(RequestHandler):
    """One connection; knows since when a request is incomplete."""

    __slots__ = ("_answered", "_server", "address", "partial_since")

    def __init__(self, server: "GuardedServer", **options: Any) -> None:
        super().__init__(server, **options)
        self._server, self._answered = server, False
        self.address, self.partial_since = "", float("inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, or close at once if there are too many connections."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else "unknown"
        self.partial_since = self._loop.time()
        self._server.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for another."""
        self._server.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes: while they complete no request, the time runs."""
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self.partial_since, self._answered = float("inf"), True
            self._server.asked(self)
        elif self.partial_since == float("inf") and data:
            self.partial_since = self._loop.time()

    @property
    def is_new(self) -> bool:
        """Whether it never sent a complete request."""
        return not self._answered

    def end_if_late(self, now: float, request_s: float) -> None:
        """Answer 408 and close if a request has been incomplete for `request_s` seconds."""
        if now - self.partial_since < request_s or self._current_request is not None or self._messages:
            return
        self.refuse(Problem(408, f"the headers of a request must arrive within {request_s:g} s"))

    def refuse(self, problem: Problem) -> None:
        """Answer without having a request, and close."""
        if self.transport is not None:
            self.transport.write(problem.raw())
        self.force_close()

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What cannot be parsed is the sender's mistake: a problem document, and no traceback in the log."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has been sent already")
        if isinstance(exc, ConnectionError):
            found = Problem(400, "the connection ended before the request")
        elif status >= 500:
            self.log_exception("a request from %s failed", request.remote, exc_info=exc)
            found = Problem(500, "the gateway failed; its log says why")
        else:
            words = " ".join((message or str(exc) or "cannot be read").split())
            found = Problem(status, f"this is not a request of HTTP/1.1: {words[:200]}")
        response = found.response()
        response.force_close()
        return response


class GuardedServer(web.Server):
    """A server whose connections are counted and watched."""

    def __init__(self, handler: Any, *, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(handler, **options)
        self.limits = limits
        self.refused = 0
        self._open: dict[Connection, None] = {}
        self._new: dict[str, dict[Connection, None]] = {}  # by address, the oldest first
        self._per_address: dict[str, int] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def __call__(self) -> RequestHandler:
        """The protocol of the next connection."""
        if self._sweeper is None:
            self._sweeper = self._loop.create_task(self._sweep(), name="gateway connections")
        return Connection(self, loop=self._loop, **self._kwargs)

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Connection) -> None:
        """Count a connection; where there is no room, the oldest that waits for its first request is closed."""
        self._open[connection] = None
        address = connection.address
        new = self._new.setdefault(address, {})
        new[connection] = None
        self._per_address[address] = count = self._per_address.get(address, 0) + 1
        oldest = next(iter(new))
        crowded = len(new) > MAX_WAITING and connection.partial_since - oldest.partial_since > GRACE_S
        if crowded or count > self.limits.per_address:
            self._make_room(connection, new)
        elif len(self._open) > self.limits.total:
            crowd: dict[Connection, None] = max(self._new.values(), key=len)
            self._make_room(connection, crowd)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        if self._open.pop(connection, self) is self:
            return
        self.asked(connection)
        left = self._per_address[connection.address] = self._per_address[connection.address] - 1
        if not left:
            del self._per_address[connection.address]

    def asked(self, connection: Connection) -> None:
        """A connection has sent its first complete request."""
        new = self._new.get(connection.address)
        if new is not None and new.pop(connection, self) is None and not new:
            del self._new[connection.address]

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop watching, and close all."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        await super().shutdown(timeout)

    def _make_room(self, newest: Connection, waiting: Iterable[Connection]) -> None:
        """Close the one that has waited longest; if all others have sent a request, the newest."""
        self.refused += 1
        closing = next((each for each in waiting if each is not newest), newest)
        closing.refuse(Problem(503, "too many connections: close some, or use fewer", headers={"Retry-After": "5"}))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_S, self.limits.request_s / 4))
            now = self._loop.time()
            for connection in list(self._open):
                connection.end_if_late(now, self.limits.request_s)


class Runner(web.AppRunner):
    """Runs an application behind a `GuardedServer`."""

    def __init__(self, app: web.Application, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(
            app, access_log=None, handle_signals=False, keepalive_timeout=IDLE_S, lingering_time=LINGER_S,
            auto_decompress=False, **options,
        )  # fmt: skip
        self._limits = limits

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return GuardedServer(
            made.request_handler, limits=self._limits, request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation, **made._kwargs,  # noqa: SLF001
        )  # fmt: skip
