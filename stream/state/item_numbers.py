"""Item ids as numbers within one shard of the users, while any of its users remembers the item."""

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from learners import Vocabulary
from learners.arrays.grow import grown

UNKNOWN = -1  # to the model: it has not folded the item's first event, or had no room
BY_TIME = -2  # the id stood for several things: which one depends on when


class ItemNumbers:
    """Numbers are no part of any state: another process gives others. A number that nobody remembers is given again.

    >>> numbers = ItemNumbers()
    >>> tea, rice = numbers.number("tea"), numbers.number("rice")
    >>> numbers.hold(rice)
    >>> numbers.indices(Vocabulary(["salt", "rice"]))[[tea, rice]].tolist()
    [-1, 1]
    """

    def __init__(self) -> None:
        self.ids: list[str] = []  # of every number
        self._numbers: dict[str, int] = {}
        self._users = array("i")  # who remember the item
        self._free: list[int] = []
        self._vocabulary: Vocabulary | None = None  # whose indices are known
        self._indices: NDArray[np.int32] = np.empty(0, np.int32)  # by number
        self._read = 0  # names of the vocabulary
        self._added: list[int] = []  # numbers given since

    def __len__(self) -> int:
        return len(self._numbers)

    def find(self, item_id: str) -> int:
        """The number of an item, -1 if it has none."""
        return self._numbers.get(item_id, -1)

    def number(self, item_id: str) -> int:
        """The number of an item, which gets one if it has none; `hold` it, or it stays for nobody."""
        found = self._numbers.get(item_id)
        if found is not None:
            return found
        if self._free:
            found = self._free.pop()
            self.ids[found] = item_id
        else:
            found = len(self.ids)
            self.ids.append(item_id)
            self._users.append(0)
        self._numbers[item_id] = found
        self._added.append(found)
        return found

    def hold(self, number: int) -> None:
        """One more user remembers the item."""
        self._users[number] += 1

    def held(self, items: Iterable[str]) -> list[int]:
        """The numbers of a user's items, each held."""
        get, users = self._numbers.get, self._users
        found = []
        for item in items:
            number = get(item)
            if number is None:
                number = self.number(item)
            users[number] += 1
            found.append(number)
        return found

    def release(self, number: int) -> None:
        """One user fewer remembers it."""
        self._users[number] -= 1
        if self._users[number] == 0:
            del self._numbers[self.ids[number]]
            self.ids[number] = ""
            self._free.append(number)

    def indices(self, vocabulary: Vocabulary) -> NDArray[np.int32]:
        """By number: the item's index in the vocabulary, or UNKNOWN, or BY_TIME."""
        if vocabulary is not self._vocabulary:
            self._vocabulary, self._read = vocabulary, len(vocabulary)
            self._added = list(self._numbers.values())
        if self._added:
            self._indices = grown(self._indices, len(self.ids), UNKNOWN)
            for number in self._added:
                self._indices[number] = self._index(vocabulary, self.ids[number])
            self._added = []
        if self._read < len(vocabulary):
            for name in vocabulary.ids[self._read :]:
                if name in self._numbers:
                    self._indices[self._numbers[name]] = self._index(vocabulary, name)
            self._read = len(vocabulary)
        return self._indices

    @staticmethod
    def _index(vocabulary: Vocabulary, name: str) -> int:
        return BY_TIME if vocabulary.is_renewed(name) else vocabulary.index(name)
