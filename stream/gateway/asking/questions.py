"""Asks the model for lists: of items any worker, of users that of each partition.

An answer is kept for a second, and who asks the same meanwhile waits for the same answer: a page that many read costs a
worker one question. Older ones are the answer where none comes, which is said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from cachetools import LRUCache

from stream.gateway.asking.requester import Failed, Replied, Requester
from stream.records.questions.records import OF_USERS, ListedItem, ListedUser, QuestionAnswer, QuestionKind

FRESH_S = 1.0  # for which an answer is given again
LAST_S = 600.0  # for which it may stand in for one that does not come
MAX_KEPT = 1_000  # answers, of 20 KB each
TRIES = 2  # partitions that are asked for a list of items, one after the other: an owner may just be changing
MOST_USERS = 100  # of an answer


class Asked(NamedTuple):
    """What is asked."""

    kind: QuestionKind
    of: str | None = None  # the item, or the user
    category: str | None = None


class Told(NamedTuple):
    """What came of it."""

    status: str  # answered; unknown: the model does not know what it is of; else nothing came: see `Requester`, busy
    items: tuple[ListedItem, ...] = ()
    users: tuple[ListedUser, ...] = ()
    reason: str = ""  # why nothing came, or not from all partitions
    stale: str = ""  # why it is an old answer
    partitions: tuple[int, int] = (1, 1)  # that have answered, that were asked
    at: float = 0.0  # when it came, monotonic

    @property
    def came(self) -> bool:
        """Whether there is an answer, even if it is empty."""
        return self.status in ("answered", "unknown")


class Questions:
    """Questions to the model, and the last answers.

    Parameters
    ----------
    count : called with the kind of each that was asked, and what came of it
    timer : monotonic seconds
    """

    def __init__(
        self, requester: Requester, count: Callable[[str, str], None], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._requester, self._count, self._timer = requester, count, timer
        self._kept: LRUCache[Asked, Told] = LRUCache(MAX_KEPT)
        self._open: dict[Asked, asyncio.Task[Told]] = {}
        self._turn = 0

    async def ask(self, asked: Asked, within_ms: int) -> Told:
        """The answer; an older one, with the reason, if none comes in time."""
        kept = self._kept.get(asked)
        if kept is not None and self._timer() - kept.at <= FRESH_S:
            return kept
        task = self._open.get(asked)
        if task is None:
            task = self._open[asked] = asyncio.create_task(self._asked(asked, within_ms))
            task.add_done_callback(lambda _: self._open.pop(asked, None))
        told = await asyncio.shield(task)
        if not told.came and kept is not None and self._timer() - kept.at <= LAST_S:
            return kept._replace(stale=told.reason)
        return told

    async def stop(self) -> None:
        """Wait for nothing more."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _asked(self, asked: Asked, within_ms: int) -> Told:
        ask = self._ask_all if asked.kind in OF_USERS else self._ask_any
        told = (await ask(asked, within_ms))._replace(at=self._timer())
        self._count(asked.kind, told.status)
        if told.came and told.partitions[0] == told.partitions[1]:
            self._kept[asked] = told
        return told

    async def _ask_any(self, asked: Asked, within_ms: int) -> Told:
        """Ask one worker; if it does not answer in its share of the time, or has none, the next partition's."""
        told = Told("late")
        for _ in range(TRIES):
            self._turn = (self._turn + 1) % self._requester.partitions
            told = _told(await self._one(asked, max(1, within_ms // TRIES), self._turn))
            if told.came or told.status == "full":
                break
        return told

    async def _ask_all(self, asked: Asked, within_ms: int) -> Told:
        """Ask the owners of all partitions, and merge what comes in time."""
        count = self._requester.partitions
        replies = await asyncio.gather(*(self._one(asked, within_ms, partition) for partition in range(count)))
        told = [_told(reply) for reply in replies]
        came = [each for each in told if each.came]
        users = nsmallest(
            MOST_USERS, chain.from_iterable(each.users for each in came), key=lambda each: (-each.score, each.user_id)
        )
        missing = next((each for each in told if not each.came), None)
        status = "answered" if any(each.status == "answered" for each in came) else came[0].status if came else ""
        reason = "" if missing is None else missing.reason
        return Told(status or told[0].status, users=tuple(users), reason=reason, partitions=(len(came), count))

    def _one(self, asked: Asked, within_ms: int, partition: int) -> Awaitable[Replied]:
        return self._requester.question(asked.kind, asked.of, asked.category, within_ms, partition)


def _told(reply: Replied) -> Told:
    if isinstance(reply, QuestionAnswer):
        return Told(reply.status, tuple(reply.items), tuple(reply.users), reply.reason)
    return Told(reply.status, reason=reply.reason) if isinstance(reply, Failed) else Told("unsent")
