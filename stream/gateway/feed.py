"""Server-sent events: messages for all listeners; a listener that does not keep up loses the oldest.

Each message is made once for all listeners of one view, those that wait go out in one write, and a stream ends with the
server.
aiohttp-sse (3.0) encodes and writes one message of one listener at a time.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from stream.gateway.fields.chosen import View
from stream.gateway.guard.limits import Shares

MAX_QUEUED = 200  # messages that wait for one listener; then the oldest is dropped
KEEP_ALIVE_S = 15.0  # between two writes, which keeps proxies from closing; a key that ended is noticed then
WRITE_S = 30.0  # until the stream of a listener that reads nothing is ended
MAX_LISTENERS = 200
MAX_MINE = 50
MAX_VIEWS = 16  # different ones of all open streams: each message is made and encoded once for each


class FullError(Exception):
    """There are as many listeners as there may be; `mine`: of this caller; `views`: different views of all."""

    def __init__(self, *, mine: bool = False, views: bool = False) -> None:
        super().__init__()
        self.mine, self.views = mine, views


class Listener(NamedTuple):
    """One open stream."""

    user: str | None  # only messages about this user; None: about all
    topics: frozenset[str]
    queue: "asyncio.Queue[bytes]"
    view: View


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
    def listening(
        self, topics: frozenset[str], user: str | None, caller: str = "", view: View = View()  # noqa: B008  a tuple
    ) -> Iterator["asyncio.Queue[bytes]"]:  # fmt: skip
        """A queue that receives messages inside the `with` block.

        Raises
        ------
        FullError
            if there is no room for another listener, another of this caller, or another view
        """
        if len(self) >= self._most:
            raise FullError
        views = {listener.view for listener in self._by_number.values()}
        if view not in views and len(views) >= MAX_VIEWS:
            raise FullError(views=True)
        if not self._shares.take(caller):
            raise FullError(mine=True)
        number, queue = self._next, asyncio.Queue[bytes](MAX_QUEUED)
        self._next += 1
        self._by_number[number] = Listener(user, topics, queue, view)
        try:
            yield queue
        finally:
            del self._by_number[number]
            self._shares.give_back(caller)

    def wanted(self, topic: str, user: str | None = None) -> bool:
        """Whether a message would reach a listener, so that it is worth making."""
        return any(_is_for(listener, topic, user) for listener in self._by_number.values())

    def publish(self, topic: str, make: Callable[[View], Any], user: str | None = None) -> None:
        """Put a message into the queue of every listener to the topic and the user, as they want to see it."""
        made = dict[View, bytes]()
        for listener in self._by_number.values():
            if not _is_for(listener, topic, user):
                continue
            if listener.view not in made:
                made[listener.view] = message(topic, make(listener.view))
            text = made[listener.view]
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
