"""Ids in order, for lists that are read page by page while items come and go.

The order is that of the ids themselves, so it is the same in every gateway and after every restart, and a page that
begins after an id misses none that was there all the time and shows none twice.
"""

from bisect import bisect_left, bisect_right, insort

BLOCK = 1_000  # ids of a block; one of twice as many is split


class OrderedIds:
    """A set of ids in order of their characters' code points, which is that of their bytes in UTF-8.

    >>> ids = OrderedIds()
    >>> for each in ("b", "a", "c", "b"):
    ...     ids.add(each)
    >>> ids.discard("c")
    >>> ids.after("", 10), ids.after("a", 1), len(ids)
    (['a', 'b'], ['b'], 2)
    """

    def __init__(self) -> None:
        self._blocks: list[list[str]] = [[]]
        self._last: list[str] = []  # the last id of each block but the last block
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, name: str) -> None:
        """Add an id; nothing happens if it is there."""
        n = bisect_left(self._last, name)
        block = self._blocks[n]
        place = bisect_left(block, name)
        if place < len(block) and block[place] == name:
            return
        insort(block, name)
        self._size += 1
        if len(block) > 2 * BLOCK:
            self._blocks[n : n + 1] = [block[:BLOCK], block[BLOCK:]]
            self._last.insert(n, block[BLOCK - 1])

    def discard(self, name: str) -> None:
        """Remove an id; nothing happens if it is not there."""
        n = bisect_left(self._last, name)
        block = self._blocks[n]
        place = bisect_left(block, name)
        if place == len(block) or block[place] != name:
            return
        del block[place]
        self._size -= 1
        if not block and len(self._blocks) > 1:
            del self._blocks[n]
            del self._last[min(n, len(self._last) - 1)]

    def after(self, name: str, most: int) -> list[str]:
        """The first ids that come after a text, at most so many."""
        found = list[str]()
        n = bisect_left(self._last, name)
        place = bisect_right(self._blocks[n], name)
        while n < len(self._blocks) and len(found) < most:
            found += self._blocks[n][place : place + most - len(found)]
            n, place = n + 1, 0
        return found
