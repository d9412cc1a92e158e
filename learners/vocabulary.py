"""Names of items as dense indices, so that everything behind them can be an array."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.base import State


class Vocabulary:
    """Item ids numbered from 0 in order of first appearance.

    Parameters
    ----------
    ids
        Known ids in index order, to continue from a snapshot.

    Attributes
    ----------
    ids : list[str]
        The id of every index; bounded by the catalogue.

    >>> vocabulary = Vocabulary(["tea", "rice"])
    >>> vocabulary.intern("salt"), vocabulary.intern("tea"), vocabulary.index("coal")
    (2, 0, -1)
    >>> vocabulary.indices(["rice", "coal", "salt"]).tolist()
    [1, 2]
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self.ids: list[str] = []
        self._index: dict[str, int] = {}
        self._before: dict[str, list[tuple[float, int]]] = {}  # of renewed names: until when, which index
        for name in ids:
            self.intern(name)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.ids)} ids)"

    def intern(self, name: str) -> int:
        """Return the index of `name`, giving it the next free one if it is new."""
        index = self._index.setdefault(name, len(self.ids))
        if index == len(self.ids):
            self.ids.append(name)
        return index

    def renew(self, name: str, since: float) -> int:
        """Give a known name a new index: from `since` on, in event time, it stands for another thing.

        >>> vocabulary = Vocabulary(["tea"])
        >>> vocabulary.renew("tea", 5.0), vocabulary.index("tea"), vocabulary.ids
        (1, 1, ['tea', 'tea'])
        >>> vocabulary.index_at("tea", 4.0), vocabulary.index_at("tea", 6.0)
        (0, 1)
        """
        self._before.setdefault(name, []).append((since, self._index[name]))
        self._index[name] = len(self.ids)
        self.ids.append(name)
        return self._index[name]

    @property
    def renewed(self) -> int:
        """How many indices stand for what their names meant before."""
        return len(self.ids) - len(self._index)

    def is_renewed(self, name: str) -> bool:
        """Whether `name` stood for something else before."""
        return name in self._before

    def index_at(self, name: str, time: float) -> int:
        """Return the index of what `name` meant at an event time, -1 if it is unknown."""
        for until, index in self._before.get(name, ()) if self._before else ():
            if time <= until:
                return index
        return self._index.get(name, -1)

    def index(self, name: str) -> int:
        """Return the index of `name`, -1 if it is unknown."""
        return self._index.get(name, -1)

    def indices(self, names: Iterable[str]) -> NDArray[np.int32]:
        """Return the indices of `names` in their order, unknown ones skipped."""
        get = self._index.get
        return np.array([index for name in names if (index := get(name)) is not None], dtype=np.int32)

    def places(self, names: Iterable[str]) -> list[int]:
        """Return the index of each of `names`, -1 for unknown ones."""
        get = self._index.get
        return [get(name, -1) for name in names]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all ids in order, as UTF-8 bytes and where each ends."""
        encoded = [name.encode() for name in self.ids]
        rows = [(index, until) for entries in self._before.values() for until, index in entries]
        found: dict[str, NDArray[Any]] = {
            "text": np.frombuffer(b"".join(encoded), np.uint8),
            "ends": np.cumsum([len(name) for name in encoded], dtype=np.int64),
        }
        return found | {"renewed": np.array(sorted(rows), np.float64)} if rows else found

    def restore(self, state: State) -> None:
        """Continue from `state`."""
        text, ends = state["text"].tobytes(), state["ends"].tolist()
        self.ids = [text[start:end].decode() for start, end in zip([0, *ends], ends)]
        self._index = {name: index for index, name in enumerate(self.ids)}  # the newest of each name
        self._before = {}
        for index, until in state["renewed"].tolist() if "renewed" in state else ():
            self._before.setdefault(self.ids[int(index)], []).append((until, int(index)))
