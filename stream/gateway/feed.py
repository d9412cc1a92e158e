"""Server-sent events: messages for all listeners; a listener that does not keep up loses the oldest.

Each message is encoded once for all listeners, those that wait go out in one write, and a stream ends with the server.
aiohttp-sse (3.0) encodes and writes one message of one listener at a time.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from stream.gateway.guard.limits import Shares

MAX_QUEUED = 200  # messages that wait for one listener; then the oldest is dropped
KEEP_ALIVE_S = 15.0  # between two writes, which keeps proxies from closing; a key that ended is noticed then
WRITE_S = 30.0  # until the stream of a listener that reads nothing is ended
MAX_LISTENERS = 200
MAX_MINE = 50


class FullError(Exception):
    """There are as many listeners as there may be; `mine`: of this caller."""

    def __init__(self, *, mine: bool) -> None:
        super().__init__()
        self.mine = mine


class Listener(NamedTuple):
    """One open stream."""

    user: str | None  # only messages about this user; None: about all
    topics: frozenset[str]
    queue: "asyncio.Queue[bytes]"


def message(topic: str, data: Any) -> bytes:
    r"""One event in the format of the HTML standard.

    >>> message("slate", {"user": "ada"})
    b'event: slate\ndata: {"user":"ada"}\n\n'
    """
    return b"event: " + topic.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


class Feed:
    """All listeners.

    Parameters
    ----------
    most : listeners
    mine : of them of one caller
    """

    def __init__(self, most: int = MAX_LISTENERS, mine: int = MAX_MINE) -> None:
        self._most, self._shares = most, Shares(mine)
        self._by_number: dict[int, Listener] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._by_number)

    @contextmanager
    def listening(self, topics: frozenset[str], user: str | None, caller: str = "") -> Iterator["asyncio.Queue[bytes]"]:
        """A queue that receives messages inside the `with` block.

        Raises
        ------
        FullError
            if there is no room for another listener, or for another of this caller
        """
        if len(self) >= self._most:
            raise FullError(mine=False)
        if not self._shares.take(caller):
            raise FullError(mine=True)
        number, queue = self._next, asyncio.Queue[bytes](MAX_QUEUED)
        self._next += 1
        self._by_number[number] = Listener(user, topics, queue)
        try:
            yield queue
        finally:
            del self._by_number[number]
            self._shares.give_back(caller)

    def wanted(self, topic: str, user: str | None = None) -> bool:
        """Whether a message would reach a listener, so that it is worth making."""
        return any(_is_for(listener, topic, user) for listener in self._by_number.values())

    def publish(self, topic: str, data: Any, user: str | None = None) -> None:
        """Put a message into the queue of every listener to the topic and the user."""
        listeners = [listener for listener in self._by_number.values() if _is_for(listener, topic, user)]
        if not listeners:
            return
        text = message(topic, data)
        for listener in listeners:
            if listener.queue.full():
                listener.queue.get_nowait()
            listener.queue.put_nowait(text)


async def follow(
    response: web.StreamResponse, queue: "asyncio.Queue[bytes]", stopping: asyncio.Event, may_go_on: Callable[[], bool]
) -> None:
    """Write messages until the server stops, the listener leaves or reads nothing, or `may_go_on` says no."""
    ended = asyncio.ensure_future(stopping.wait())
    try:
        while not ended.done() and may_go_on():
            text = await _next(queue, ended)
            if may_go_on() or text.startswith(b":"):
                await asyncio.wait_for(response.write(text), WRITE_S)
    except ConnectionError:
        pass
    except TimeoutError:
        response.force_close()
    finally:
        ended.cancel()


async def _next(queue: "asyncio.Queue[bytes]", ended: "asyncio.Future[Any]") -> bytes:
    """The messages that wait, or a comment after `KEEP_ALIVE_S` without any."""
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.wait({waiting, ended}, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        return b": alive\n\n"
    found = [waiting.result()]
    while not queue.empty():
        found.append(queue.get_nowait())
    return b"".join(found)


def _is_for(listener: Listener, topic: str, user: str | None) -> bool:
    return topic in listener.topics and (user is None or listener.user in (None, user))
