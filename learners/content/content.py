"""What is like the user's last items, by what the catalogue says of them: works for an item with no events."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.base import About, Impersonal, Interaction, Query, State, require_known
from learners.content.index import InvertedIndex
from learners.content.nearest import Nearest
from learners.content.scores import TOKENS, Limits, Rated, begin, closeness, closest, project, pull, search
from learners.content.tokens import DIMENSIONS, count_tokens
from learners.interactions import Interactions, require_all_known

_DECAY = 0.7  # how much less each older item counts
_PROJECTED = 64  # dimensions that the tokens take in the graph
_PER_LIST = 8  # long lists of tokens that the candidates are divided among
_PER_STEP = 2  # candidates for a step along the lists
_PER_RATED = 4  # candidates for one that is scored exactly
_PER_NEIGHBOUR = 16  # candidates for one out of the graph
_CATCH_UP = 4  # items put into the graph by one call, so that no call waits for many
_NOTHING = np.empty(0, np.int32)


class Content(Impersonal):
    r"""Closeness of an item's description to those of the user's last items.

    $$score(j) = \Big(a \, \hat q \cdot x_j + b \max(0, \hat v \cdot v_j)\Big)
    \Big(1 + c \, e^{-|\ln \bar p - \ln p_j|}\Big)$$

    $x_j$ holds $1 + \ln n$ of each token of item $j$ and has length 1; $q = \sum_{n<10} .7^n x_{i_n}$ over the user's
    last distinct items, each token times its inverse document frequency $\ln(1 + N / (1 + N_t))$ of now, $\hat q$ of
    length 1: the cosine that Manning et al. [^1] name lnc.ltc. An item's own weights never change when the rest of the
    catalogue does. $v$ are given vectors, $p$ prices, $\bar p$ the geometric mean over the same items: at twice or half
    of it the exponential is 1/2. Without a common token or a vector the score is 0, whatever the price.

    While at most `exact` items are described `top_k` is exact. Beyond, it goes `exact / 2` steps along the lists of
    items that hold the profile's tokens, the heaviest first, of each the newest `exact / 8`. The `exact / 4` items
    with the greatest sums so far and, where there are vectors, a quarter as many from a graph of approximate
    neighbours are scored exactly. The graph is no part of the state; `restore` builds it again: where items have been
    described more than once candidates may then differ, scores cannot.

    Parameters
    ----------
    vector
        Name of the embedding in `About.vectors` to use; None: none. Others are ignored.
    dimensions
        Its length; > 0 if it is named. A vector of another length, not finite or all 0 is refused and counted.
    tokens
        Tokens kept an item, the heaviest; 1..255.
    exact
        Items described up to which nothing is approximate; >= 16.
    weights
        $a, b, c$, each >= 0.

    Attributes
    ----------
    refused : int
        Vectors that could not be used.

    Examples
    --------
    >>> source, nothing = Content(), np.empty(0, np.int32)
    >>> for item, title in enumerate(("green tea", "black tea", "coal")):
    ...     source.add_item(item)
    ...     source.describe(item, About(title=title))
    >>> query = Query(np.array([0], np.int32), 0.0, nothing)
    >>> [column.tolist() for column in source.top_k(query, 5, np.array([2, 0, 0], np.uint8))]
    [[1], [0.43]]
    >>> source.why(query, 1)
    [0]

    References
    ----------
    [^1]: Manning, Raghavan, Schütze: Introduction to Information Retrieval, section 6.4. Cambridge 2008.
    """

    name = "content"

    def __init__(
        self,
        vector: str | None = None,
        dimensions: int = 0,
        tokens: int = 32,
        exact: int = 2_048,
        weights: tuple[float, float, float] = (1.0, 1.0, 0.5),
    ) -> None:
        if (vector is None) != (dimensions == 0):
            raise ValueError(f"`content`: `vector` and `dimensions` go together; got {vector!r} and {dimensions}")
        self._vector, self._exact = vector, exact
        self._shares = np.array(weights, np.float64)
        self._decay = np.array([_DECAY**n for n in range(10)])
        self._index = InvertedIndex(tokens)
        self._rows = np.zeros((16, dimensions), np.float32)
        self._prices = np.zeros(16)  # 0: unknown
        self.refused = 0
        self._start_scratch()

    def _start_scratch(self) -> None:
        self._with_vector: dict[int, None] = {}  # items that have had one: all, while all are scanned
        room = self._exact + self._exact // _PER_NEIGHBOUR
        self._rated = Rated._make((
            *self._arrays(), np.zeros(DIMENSIONS), np.empty(len(self._decay) * self._index.width, np.int32),
            np.zeros(self._rows.shape[1]), np.zeros(4, np.int64), np.empty(room, np.int32), np.empty(room, np.float32),
            np.zeros((len(self._prices), 2)), self._decay, self._shares,
        ))  # fmt: skip
        self._handle = Handle()
        self._query: Query | None = None  # of the profile that stands in the scratch arrays; held, see Neighbourhood
        self._nearest = Nearest(_PROJECTED + self._rows.shape[1])

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        """Return what is read of the items, in the order of `Rated`."""
        index = self._index
        return index.tokens, index.weights, index.frequency, index.following, index.heads, self._rows, self._prices

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what follows from the rest: USearch's generator cannot be copied, nor a query's traits."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_nearest", "_query")}

    def __setstate__(self, fields: dict[str, Any]) -> None:
        """Build the graph again."""
        self.__dict__.update(fields)
        self._query = None
        self._nearest = Nearest(_PROJECTED + self._rows.shape[1])
        self._fill_graph()

    @property
    def arrays(self) -> Rated:
        """All that compiled code works with; another tuple when an array has grown."""
        return self._rated

    def outdate(self) -> None:
        """Expect that compiled code answers other queries with the arrays."""
        self._query = None

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._index.add_item(item)
        room = len(self._index.tokens)
        if room > len(self._prices):
            self._rows, self._prices = grown(self._rows, room), grown(self._prices, room)
            marks = grown(self._rated.marks, room)
            self._rated = self._rated._replace(**dict(zip(Rated._fields, self._arrays())), marks=marks)

    def describe(self, item: int, about: About) -> None:
        """Take the item's tokens, price and vector in place of those it had."""
        require_known(self.name, item, self._index.size)
        self._query = None
        self._index.put(item, count_tokens(about))
        self._prices[item] = about.price if about.price is not None and 0.0 < about.price < math.inf else 0.0
        self._rows[item] = self._vector_of(about)
        if len(self._with_vector) <= self._exact and self._rows[item].any():
            self._with_vector[item] = None
        self._queue(item)

    def learn_one(self, event: Interaction) -> None:
        """Learn nothing: what an item is does not depend on who looks at it."""
        require_known(self.name, event.item, self._index.size)
        self.catch_up(1)

    def learn_many(self, events: Interactions) -> None:
        """Learn nothing of any of them."""
        require_all_known(self.name, events.items, self._index.size)
        self.catch_up(len(events.items))

    def catch_up(self, events: int) -> None:
        """Use the time of so many events to insert items that wait for it."""
        self._nearest.insert(self._embedding, _CATCH_UP * events)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the closest items found."""
        self._begin(query)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = closest(self._handle.of(self._rated), blocked, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the closeness of each item."""
        self._begin(query)
        scores: NDArray[np.float32] = closeness(self._handle.of(self._rated), query.recent, self._index.size, items)
        return scores

    def why(self, query: Query, item: int) -> list[int]:
        """Return the query's items that have something in common with `item`, by their part in its score."""
        index, parts = self._index, list[tuple[float, int]]()
        if not 0 <= item < index.size:
            return []
        for weight, other in zip(self._decay.tolist(), query.recent.tolist()):
            if 0 <= other < index.size:
                part = weight * pull(self._handle.of(self._rated), index.described, other, item)
                parts.append((part, other))
        return [other for part, other in sorted(parts, key=lambda part: -part[0]) if part > 0.0]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return tokens, vectors and prices of all items, and the vectors refused."""
        known = slice(self._index.size)
        return {
            **self._index.state(), "vectors": self._rows[known], "prices": self._prices[known],
            "refused": np.array([self.refused], np.int64),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        if state["vectors"].shape[1:] != self._rows.shape[1:]:
            raise ValueError(f"vectors must have {self._rows.shape[1]} dimensions; got {state['vectors'].shape[1:]}")
        self._index.restore(state)
        room = len(self._index.tokens)
        self._rows = grown(np.array(state["vectors"], np.float32), room)
        self._prices = grown(np.array(state["prices"], np.float64), room)
        self.refused = int(state["refused"][0])
        self._start_scratch()
        with_vector = np.flatnonzero(self._rows[: self._index.size].any(axis=1))[: self._exact + 1]
        self._with_vector = dict.fromkeys(with_vector.tolist())
        self._fill_graph()

    def _vector_of(self, about: About) -> NDArray[np.float32] | float:
        """Return the named vector with length 1, 0 if there is none to use."""
        given = about.vectors.get(self._vector) if self._vector is not None else None
        if given is None:
            return 0.0
        # fsum rounds once: the same bits on any machine
        squares = math.fsum(value * value for value in given)
        if len(given) != self._rows.shape[1] or not 0.0 < squares < math.inf:
            self.refused += 1
            return 0.0
        return np.array([value / math.sqrt(squares) for value in given], np.float32)

    def _begin(self, query: Query) -> None:
        """Search, unless the answer to this query stands in the scratch arrays already."""
        if self._query is query:
            return
        self._query, index, held = query, self._index, self._handle.of(self._rated)
        begin(held, query.recent, index.size, index.described)
        small = index.described <= self._exact
        search(held, query.recent, index.size, self._limits(small=small), self._beside(small=small))

    def _limits(self, *, small: bool) -> Limits:
        most = self._exact
        if small:
            return Limits(most * len(self._rated.touched), most, most)
        return Limits(most // _PER_STEP, most // _PER_LIST, most // _PER_RATED)

    def _beside(self, *, small: bool) -> NDArray[np.int32]:
        """Return items that may be close by their vectors, whatever their tokens."""
        vector = self._rated.vector
        if self._vector is None or not vector.any():
            return _NOTHING
        if small:
            return np.array(list(self._with_vector), np.int32)
        filled = self._rated.touched[: self._rated.counters[TOKENS]]
        return self._nearest.search(self._query_embedding(filled, vector), self._exact // _PER_NEIGHBOUR)

    def _queue(self, item: int) -> None:
        """Put the item into the graph's queue once a graph is needed, and insert some of those queued."""
        index = self._index
        if self._vector is None or index.described <= self._exact:
            return
        if len(self._nearest) > 2 * index.described or not self._nearest:
            self._nearest.renew(index.in_order().tolist())
        else:
            self._nearest.queue([item])
        self._nearest.insert(self._embedding, _CATCH_UP)

    def _fill_graph(self) -> None:
        if self._vector is not None and self._index.described > self._exact:
            order = self._index.in_order().tolist()
            self._nearest.renew(order)
            self._nearest.insert(self._embedding, len(order))

    def _embedding(self, item: int) -> NDArray[np.float32]:
        """Return what the graph knows an item by: its tokens, projected, and its vector."""
        whole = np.zeros(_PROJECTED + self._rows.shape[1], np.float32)
        project(self._index.tokens[item], self._index.weights[item].astype(np.float64), whole[:_PROJECTED])
        whole[_PROJECTED:] = self._rows[item]
        return whole

    def _query_embedding(self, filled: NDArray[np.int32], vector: NDArray[np.float64]) -> NDArray[np.float32]:
        whole = np.zeros(_PROJECTED + len(vector), np.float32)
        project(filled, self._shares[0] * self._rated.dense[filled], whole[:_PROJECTED])
        whole[_PROJECTED:] = self._shares[1] * vector
        return whole
