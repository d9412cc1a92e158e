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
        return {
            "text": np.frombuffer(b"".join(encoded), np.uint8),
            "ends": np.cumsum([len(name) for name in encoded], dtype=np.int64),
        }

    def restore(self, state: State) -> None:
        """Continue from `state`."""
        text, ends = state["text"].tobytes(), state["ends"].tolist()
        self.ids = [text[start:end].decode() for start, end in zip([0, *ends], ends)]
        self._index = {name: index for index, name in enumerate(self.ids)}
