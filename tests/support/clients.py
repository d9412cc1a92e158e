"""Both clients under one interface, so that each test runs with either."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing
from typing import Any

from stream.client import AsyncClient, Client


class Blocking:
    """The client that blocks, to be awaited: each call in a thread of its own."""

    def __init__(self, url: str, key: str = "", **options: Any) -> None:
        self.client = Client(url, key, **options)

    async def __aenter__(self) -> "Blocking":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return lambda *args, **kwargs: asyncio.to_thread(getattr(self.client, name), *args, **kwargs)

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with closing(self.client.stream(*args, **kwargs)) as messages:
            while (message := await asyncio.to_thread(next, messages, None)) is not None:
                yield message


CLIENTS: tuple[Any, ...] = (Blocking, AsyncClient)


async def first(messages: Any, count: int) -> list[Any]:
    """So many messages of a stream, which is then closed."""
    found = []
    async with aclosing(messages):
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found
