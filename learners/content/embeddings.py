"""Which items may be close to one by their vectors, whatever their tokens: all that have one, then a graph of them."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learners.content.index import InvertedIndex
from learners.content.nearest import Nearest
from learners.content.scores import project

_PROJECTED = 64  # dimensions that the tokens take in the graph
_PER_NEIGHBOUR = 16  # candidates for one out of the graph
_CATCH_UP = 4  # items put into the graph by one call, so that no call waits for many
_NOTHING = np.empty(0, np.int32)


class Embeddings:
    """Items by their tokens, projected, and their vectors; the graph is no part of a learner's state.

    Parameters
    ----------
    index
        Of the tokens.
    vectors
        Returns the items' vectors as they are now, [items, dimensions].
    shares
        Weights of text and vector in the score.
    exact
        Items described up to which all that have a vector are looked at, and there is no graph.
    """

    def __init__(
        self, index: InvertedIndex, vectors: Callable[[], NDArray[np.float32]], shares: NDArray[np.float64], exact: int
    ) -> None:
        self._index, self._vectors, self._shares, self._exact = index, vectors, shares, exact
        self._dimensions = vectors().shape[1]
        self._with_vector: dict[int, None] = {}  # items that have had one: all, while all are looked at
        self.nearest = Nearest(_PROJECTED + self._dimensions)

    def take(self, item: int) -> None:
        """Take in an item that was described: note its vector, and queue it once a graph is needed."""
        described = self._index.described
        if not self._dimensions:
            return
        if len(self._with_vector) <= self._exact and self._vectors()[item].any():
            self._with_vector[item] = None
        if described <= self._exact:
            return
        if len(self.nearest) > 2 * described or not self.nearest:
            self.nearest.renew(self._index.in_order().tolist())
        else:
            self.nearest.queue([item])
        self.catch_up(1)

    def catch_up(self, events: int) -> None:
        """Use the time of so many events to insert items that wait for it."""
        self.nearest.insert(self._embedding, _CATCH_UP * events)

    def refill(self) -> None:
        """Begin again with all items."""
        if self._dimensions:
            with_vector = np.flatnonzero(self._vectors()[: self._index.size].any(axis=1))[: self._exact + 1]
            self._with_vector = dict.fromkeys(with_vector.tolist())
        if self._dimensions and self._index.described > self._exact:
            order = self._index.in_order().tolist()
            self.nearest.renew(order)
            self.nearest.insert(self._embedding, len(order))

    def beside(self, item: int) -> NDArray[np.int32]:
        """Return items that may be close to one."""
        if not self._dimensions or not self._vectors()[item].any():
            return _NOTHING
        if self._index.described <= self._exact:
            return np.array(list(self._with_vector), np.int32)
        return self.nearest.search(self._query(item), self._exact // _PER_NEIGHBOUR)

    def _embedding(self, item: int) -> NDArray[np.float32]:
        """Return what the graph knows an item by."""
        index = self._index
        return self._joined(index.tokens[item], index.weights[item].astype(np.float64), self._vectors()[item])

    def _query(self, item: int) -> NDArray[np.float32]:
        """Return the same of an item that is asked about: rare tokens weigh more."""
        index, shares = self._index, self._shares
        tokens = index.tokens[item][index.tokens[item] >= 0]
        weights = index.weights[item, : len(tokens)] * np.array([index.rarity(token) for token in tokens.tolist()])
        length = math.sqrt(math.fsum(weight * weight for weight in weights.tolist())) or 1.0
        return self._joined(tokens, shares[0] * weights / length, np.float32(shares[1]) * self._vectors()[item])

    def _joined(
        self, tokens: NDArray[np.int32], weights: NDArray[np.float64], vector: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        whole = np.zeros(_PROJECTED + self._dimensions, np.float32)
        project(tokens, weights, whole[:_PROJECTED])
        whole[_PROJECTED:] = vector
        return whole
