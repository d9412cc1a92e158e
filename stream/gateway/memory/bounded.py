"""A store with a bound in bytes: what was asked for longest ago makes room."""

from collections.abc import Callable
from typing import TypeVar

from cachetools import Cache, LRUCache

from stream.records.schemas import Item

ENTRY_BYTES = 400  # of the store itself, its key and Python's objects
V = TypeVar("V")


class Bounded(LRUCache[str, V]):
    """A mapping whose values together have at most `max_bytes`.

    Parameters
    ----------
    size : bytes of a value
    dropped : called with the key of each entry that made room

    >>> store = Bounded[bytes](1000, len, lambda key: print("dropped", key))
    >>> store["a"], store["b"] = b"x" * 50, b"y" * 50
    >>> store["c"] = b"z" * 50
    dropped a
    >>> len(store), store.evicted
    (2, 1)
    """

    def __init__(self, max_bytes: float, size: Callable[[V], int], dropped: Callable[[str], None]) -> None:
        super().__init__(max_bytes, lambda value: ENTRY_BYTES + size(value))
        self.evicted = 0
        self._dropped = dropped

    def peek(self, key: str) -> V | None:
        """The value, which does not count as use."""
        return Cache.__getitem__(self, key) if key in self else None

    def popitem(self) -> tuple[str, V]:
        """Drop the entry that was used longest ago."""
        key, value = super().popitem()
        self.evicted += 1
        self._dropped(key)
        return key, value


def item_bytes(item: Item) -> int:
    """About how many bytes an item takes in memory, with its title in the index of titles.

    >>> item_bytes(Item(item_id="i", title="Tea")) < 600 < item_bytes(Item(item_id="i", vectors={"a": [0.5] * 100}))
    True
    """
    words = [item.item_id, item.title or "", item.text or "", item.image or "", item.link or ""]
    words += [*item.images, *item.categories, *item.tags]
    pairs = [(key, value if isinstance(value, str) else "") for key, value in item.attributes.items()]
    size = 250 + sum(60 + 2 * len(word) for word in words) + sum(150 + 2 * len(a) + 2 * len(b) for a, b in pairs)
    numbers = sum(map(len, item.vectors.values()))
    return size + 12 * len(item.title or "") + 200 * len(item.vectors) + 32 * numbers
