"""The event loop of the servers: one whose connections over TLS close in time."""

import asyncio
from typing import Any

import uvloop

CLOSE_S = 1.0


class Loop(uvloop.Loop):
    """uvloop's, whose connections over TLS wait for the other side's farewell for a second instead of thirty.

    aiokafka waits until a connection is closed, and a broker does not always say farewell: every other worker became
    ready half a minute late, or was still stopping when its time was up. Nothing is lost without it: Kafka's responses
    say how long they are.
    """

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """As of asyncio; with `ssl`, `ssl_shutdown_timeout` is `CLOSE_S` seconds where nothing else is said."""
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", CLOSE_S)
        return await super().create_connection(*args, **options)


class LoopPolicy(asyncio.DefaultEventLoopPolicy):
    """Gives every thread that asks a `Loop`."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop for the thread that asks."""
        return Loop()
