"""Work that somebody asked for over HTTP, done in the loop that also takes in events: one at a time, in small parts.

The model is changed by the loop alone, so what reads it must run there too. It may take a fifth of the loop's time:
after each part the loop has four times as long for everything else. Beyond a short queue requests are refused, and the
caller is told to come back.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import TypeVar

from stream.errors import HeadwaterError

T = TypeVar("T")
WAITING = 8  # requests, the one under way included
PAUSE = 4.0  # times the processor time of a part: a fifth of the loop's time is used at most
SMALLEST_S = 0.002  # pauses are taken together until they are so long: timers count milliseconds
RETRY_S = 1  # what a refused caller is told to wait


class BusyError(HeadwaterError):
    """Too many have asked already."""

    retriable = True


class Turns:
    """Runs iterators part by part.

    Parameters
    ----------
    most : requests that may wait, the one under way included

    Examples
    --------
    >>> asyncio.run(Turns().last(iter([1, 2, 3])))
    3
    """

    def __init__(self, most: int = WAITING) -> None:
        self.most, self.waiting = most, 0
        self._turn = asyncio.Lock()
        self._free_at = 0.0  # monotonic: until then the loop belongs to others

    async def last(self, parts: Iterator[T]) -> T | None:
        """The last of the parts; None if there is none.

        Raises
        ------
        BusyError
            if the queue is full
        """
        if self.waiting >= self.most:
            raise BusyError(f"busy: {self.waiting} requests wait already; ask again in {RETRY_S} s")
        self.waiting += 1
        try:
            async with self._turn:
                return await self._run(parts)
        finally:
            self.waiting -= 1

    async def _run(self, parts: Iterator[T]) -> T | None:
        found = None
        while True:
            pause = self._free_at - time.monotonic()
            if pause > SMALLEST_S:
                await asyncio.sleep(pause)
            began, worked = time.monotonic(), time.thread_time()
            try:
                found = next(parts)
            except StopIteration:
                return found
            finally:
                took = time.thread_time() - worked  # by the clock, a busy machine would make each pause longer
                self._free_at = max(self._free_at, began) + PAUSE * took
