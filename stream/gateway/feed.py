"""Server-sent events: what happens, told to everybody who listens; who does not keep up is told less."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

QUEUED = 200  # messages that wait for one listener; then the oldest is dropped
LISTENERS = 200


class FullError(Exception):
    """There are as many listeners as there may be."""


class Listener(NamedTuple):
    """One who listens."""

    user: str | None  # only this user's slates and events; None: everybody's
    topics: frozenset[str]
    queue: "asyncio.Queue[bytes]"


def message(topic: str, data: Any) -> bytes:
    r"""One event as the HTML standard has it.

    >>> message("slate", {"user": "ada"})
    b'event: slate\ndata: {"user":"ada"}\n\n'
    """
    return b"event: " + topic.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


class Feed:
    """All listeners."""

    def __init__(self) -> None:
        self._by_number: dict[int, Listener] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._by_number)

    @contextmanager
    def listening(self, topics: frozenset[str], user: str | None) -> Iterator["asyncio.Queue[bytes]"]:
        """A queue of messages, as long as somebody listens."""
        if len(self) >= LISTENERS:
            raise FullError
        number, queue = self._next, asyncio.Queue[bytes](QUEUED)
        self._next += 1
        self._by_number[number] = Listener(user, topics, queue)
        try:
            yield queue
        finally:
            del self._by_number[number]

    def wanted(self, topic: str, user: str | None = None) -> bool:
        """Whether anybody wants to hear of it: what nobody hears need not be put into words."""
        return any(_concerns(listener, topic, user) for listener in self._by_number.values())

    def publish(self, topic: str, data: Any, user: str | None = None) -> None:
        """Tell all whom it concerns."""
        concerned = [listener for listener in self._by_number.values() if _concerns(listener, topic, user)]
        if not concerned:
            return
        text = message(topic, data)
        for listener in concerned:
            if listener.queue.full():
                listener.queue.get_nowait()
            listener.queue.put_nowait(text)


def _concerns(listener: Listener, topic: str, user: str | None) -> bool:
    return topic in listener.topics and (user is None or listener.user in (None, user))
