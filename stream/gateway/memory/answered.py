"""Which events of a user their newest slate knows, and whoever waits until it knows one.

A slate names the event that caused it. Of two events of a user a worker takes the one that was written first, so a
slate knows all that were written before its own event. One that names none was deferred, then its time is that of the
user's newest event, or refreshed, then it knows what the one before it knew.
"""

import asyncio
import math

from cachetools import FIFOCache, LRUCache

from stream.records.schemas import Event, Recommendation


class Answered:
    """What is known of the newest events and of the slates that they caused.

    Parameters
    ----------
    events : that are remembered, the newest
    users : whose slates are remembered, those who were active last

    >>> answered = Answered(10, 10)
    >>> answered.event(Event(event_id="e", user_id="ada", item_id="tea", timestamp=1.0), 5.0)
    >>> answered.knows("ada", "e")
    False
    """

    def __init__(self, events: int, users: int) -> None:
        self._written: FIFOCache[tuple[str, str], float] = FIFOCache(events)  # (user, event) -> when, unix seconds
        self._at: FIFOCache[tuple[str, float], str] = FIFOCache(events)  # (user, event time) -> event
        self._cause: LRUCache[str, str] = LRUCache(users)  # the event that the newest slate with one names
        self._known: LRUCache[str, float] = LRUCache(users)  # events written up to then are known
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def event(self, event: Event, written: float) -> None:
        """Take in an event, which may come before or after its slate."""
        key = event.user_id, event.event_id
        self._written.setdefault(key, written)  # sent twice, it was taken the first time
        self._at[event.user_id, event.timestamp] = event.event_id
        if self._cause.get(event.user_id) == event.event_id:
            self._knows_until(event.user_id, self._written[key])
        self._wake(event.user_id)

    def slate(self, slate: Recommendation) -> None:
        """Take in a slate."""
        user_id = slate.user_id
        event_id = slate.event_id or self._at.get((user_id, slate.timestamp))
        if event_id is not None:
            self._cause[user_id] = event_id
            written = self._written.get((user_id, event_id))
            if written is not None:
                self._knows_until(user_id, written)
        self._wake(user_id)

    def forget(self, user_id: str) -> None:
        """Forget what slates of a user knew."""
        self._cause.pop(user_id, None)
        self._known.pop(user_id, None)

    def knows(self, user_id: str, event_id: str) -> bool:
        """Whether the newest slate of a user knows an event of theirs; False too for one that is not remembered."""
        written = self._written.get((user_id, event_id), math.inf)
        return self._cause.get(user_id) == event_id or written <= self._known.get(user_id, -math.inf)

    async def wait(self, user_id: str, event_id: str, within_s: float) -> bool:
        """The same as soon as it is so, or after so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while not self.knows(user_id, event_id):
            left = deadline - loop.time()
            if left <= 0:
                return False
            news = loop.create_future()
            self._waiting.setdefault(user_id, set()).add(news)
            try:
                await asyncio.wait({news}, timeout=left)
            finally:
                waiting = self._waiting.get(user_id, set())
                waiting.discard(news)
                if not waiting:
                    self._waiting.pop(user_id, None)
        return True

    def _knows_until(self, user_id: str, written: float) -> None:
        self._known[user_id] = max(written, self._known.get(user_id, -math.inf))

    def _wake(self, user_id: str) -> None:
        for news in self._waiting.pop(user_id, ()):
            if not news.done():
                news.set_result(None)
