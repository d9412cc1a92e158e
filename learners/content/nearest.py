"""Approximate nearest neighbours of dense vectors by inner product, in a graph that USearch keeps."""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from learners.arrays.grow import grown

_DEGREE = 16  # links a vector, twice as many in the lowest layer
_BUILD_WIDTH = 64
_SEARCH_WIDTH = 64


class Nearest:
    """A navigable small-world graph [^1] over the vectors of items, filled a few at a time.

    USearch [^2] draws layers from a generator of its own with a fixed seed, and vectors are inserted one by one by one
    thread in the order they were queued: the same queue gives the same graph. An item that is queued again gets one
    more place, and when half of the places are out of date the graph is built again. So a
    list of neighbours is a proposal, to be scored again by the items' current vectors. The graph is no part of any
    learner's state.

    Parameters
    ----------
    dimensions
        Length of a vector.

    Examples
    --------
    >>> nearest = Nearest(2)
    >>> vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    >>> nearest.queue(range(3))
    >>> nearest.insert(vectors.__getitem__, at_most=3)
    >>> nearest.search(vectors[1], 2).tolist()
    [1, 2]

    References
    ----------
    [^1]: Malkov, Yashunin: Efficient and robust approximate nearest neighbor search using hierarchical navigable
    small world graphs. IEEE TPAMI 2020.
    [^2]: Vardanian: USearch, a search engine for vectors. 2023.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._start_empty()

    def __len__(self) -> int:
        return self._places

    def _start_empty(self) -> None:
        self._graph = _graph(self._dimensions)
        self._items = np.empty(16, np.int32)  # of every place in the graph
        self._places = 0
        self._queue: deque[int] = deque()

    def queue(self, items: Iterable[int]) -> None:
        """Ask for items to be inserted, or inserted again."""
        self._queue.extend(items)

    def insert(self, vector_of: Callable[[int], NDArray[np.float32]], at_most: int) -> None:
        """Insert the items queued first, by their vectors of now."""
        for _ in range(min(at_most, len(self._queue))):
            item = self._queue.popleft()
            self._graph.add(self._places, vector_of(item), threads=1)
            self._items = grown(self._items, self._places + 1)
            self._items[self._places] = item
            self._places += 1

    def renew(self, items: Iterable[int]) -> None:
        """Begin again with these in the queue."""
        self._start_empty()
        self.queue(items)

    def search(self, vector: NDArray[np.float32], k: int) -> NDArray[np.int32]:
        """Return at most `k` items near a vector, in no promised order; one may occur twice."""
        if not self._places or k <= 0:
            return np.empty(0, np.int32)
        found = self._graph.search(vector, k, threads=1)
        items: NDArray[np.int32] = self._items[np.asarray(found.keys, np.int64)]
        return items


def _graph(dimensions: int) -> Index:
    return Index(
        ndim=dimensions, metric="ip", dtype="f32", connectivity=_DEGREE, expansion_add=_BUILD_WIDTH,
        expansion_search=_SEARCH_WIDTH,
    )  # fmt: skip
