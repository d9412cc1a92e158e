"""Server-sent events: messages for all listeners; a listener that does not keep up loses the oldest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

MAX_QUEUED = 200  # messages that wait for one listener; then the oldest is dropped
MAX_LISTENERS = 200


class FullError(Exception):
    """There are `MAX_LISTENERS` listeners already."""


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
    """All listeners."""

    def __init__(self) -> None:
        self._by_number: dict[int, Listener] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._by_number)

    @contextmanager
    def listening(self, topics: frozenset[str], user: str | None) -> Iterator["asyncio.Queue[bytes]"]:
        """A queue that receives messages inside the `with` block.

        Raises
        ------
        FullError
            if there is no room for another listener
        """
        if len(self) >= MAX_LISTENERS:
            raise FullError
        number, queue = self._next, asyncio.Queue[bytes](MAX_QUEUED)
        self._next += 1
        self._by_number[number] = Listener(user, topics, queue)
        try:
            yield queue
        finally:
            del self._by_number[number]

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


def _is_for(listener: Listener, topic: str, user: str | None) -> bool:
    return topic in listener.topics and (user is None or listener.user in (None, user))
