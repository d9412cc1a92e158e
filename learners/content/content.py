"""What is like the user's last items, by what the catalogue says of them: works for an item with no events."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import About, Impersonal, Interaction, Query, State, require_known
from learners.content.embeddings import Embeddings
from learners.content.index import InvertedIndex
from learners.content.profile import DESCRIBED, ROWS, STAMP, Rated, begin
from learners.content.rows import MAX_ROWS, WIDTH, enter, is_current, make_row, propose_content
from learners.content.scores import pulls, score_content
from learners.content.tokens import count_tokens
from learners.interactions import Interactions, require_all_known

_DECAY = 0.7  # how much less each older item counts
_FIRST_ROWS = 256  # made room for at first
_AHEAD = 16  # rows that one query makes, and some more
_WANTED = 4_096  # items that wait for a row
_LONG_AGO = -(1 << 40)  # items described when a row was made that does not hold any more


class Content(Impersonal):
    r"""Closeness of an item's description to those of the user's last items.

    $$score(j) = \Big(a \, \hat q \cdot x_j + b \max(0, \hat v \cdot v_j)\Big)
    \Big(1 + c \, e^{-|\ln \bar p - \ln p_j|}\Big)$$

    $x_j$ holds $1 + \ln n$ of each token of item $j$ and has length 1; $q = \sum_{n<10} .7^n x_{i_n}$ over the user's
    last distinct items, each token times its inverse document frequency $\ln(1 + N / (1 + N_t))$ of now, $\hat q$ of
    length 1: the cosine that Manning et al. [^1] name lnc.ltc. An item's own weights never change when the rest of the
    catalogue does. $v$ are given vectors, $p$ prices, $\bar p$ the geometric mean over the same items: at twice or half
    of it the exponential is 1/2. Without a common token or a vector the score is 0, whatever the price.

    Candidates come from rows of the 64 items nearest to each of the user's last items, found once and kept, see
    `learners.content.rows`: `top_k` makes the rows that it needs, `prepare` makes them ahead. A row is exact while at
    most `exact` items are described. Beyond, the search for one goes `exact / 2` steps along the lists of items that
    hold the item's tokens, the heaviest first, of each the newest `exact / 8`. The `exact / 4` items with the greatest
    sums so far and, where there are vectors, a quarter as many from a graph of approximate neighbours are scored
    exactly. Rows and graph are no part of the state: after `restore` candidates may differ, scores cannot.

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
        self._wanted: deque[int] = deque(maxlen=_WANTED)  # items with an event and no row, for idle moments
        self._fresh: dict[int, None] = {}  # items described since rows were made: to be put into others' rows
        history, width = len(self._decay), self._index.width
        room, places = max(2 * self._exact, history * WIDTH), 1 << (2 * history * width - 1).bit_length()
        self._rated = Rated._make((
            *self._arrays(), np.full(places, -1, np.int32), np.zeros(places), np.empty(history * width, np.int32),
            np.zeros(self._rows.shape[1]), np.zeros(6, np.int64), np.empty(room, np.int32), np.empty(room, np.float32),
            np.zeros((len(self._prices), 2)), self._decay, self._shares, self._exact,
            np.full(len(self._prices), -1, np.int32), np.full((_FIRST_ROWS, WIDTH), -1, np.int32),
            np.zeros((_FIRST_ROWS, WIDTH), np.float32), np.full(_FIRST_ROWS, -1, np.int32),
            np.zeros(_FIRST_ROWS, np.int64),
        ))  # fmt: skip
        self._rated.counters[DESCRIBED] = self._index.described
        self._query: Query | None = None  # of the profile that stands in the scratch arrays; held, see Neighbourhood
        self._embeddings = Embeddings(self._index, lambda: self._rows, self._shares, self._exact)

    @property
    def arrays(self) -> Rated:
        """All that compiled code works with; another tuple when an array has grown."""
        rated, rows = self._rated, len(self._rated.owners)
        if rated.counters[ROWS] + _AHEAD > rows and rows < MAX_ROWS:
            self._rated = rated._replace(
                nearest=grown(rated.nearest, rows + 1, fill=-1), likeness=grown(rated.likeness, rows + 1),
                owners=grown(rated.owners, rows + 1, fill=-1), made=grown(rated.made, rows + 1),
            )  # fmt: skip
        return self._rated

    @property
    def compiled(self) -> bool:
        """Whether compiled code alone can answer: without vectors, whose graph is asked from Python."""
        return self._vector is None

    def make_ready(self) -> None:
        """Expect that compiled code answers other queries with the arrays, and put one new item into others' rows."""
        self._query = None
        if self._fresh:
            self.prepare(1)

    def prepare(self, most: int) -> int:
        """Make rows ahead, .1 to 1 ms each, for items described or met of late: at most so many; returns how many."""
        made = 0
        while made < most and (self._fresh or self._wanted):
            if self._fresh:
                item = next(iter(self._fresh))
                del self._fresh[item]
            else:
                item = self._wanted.popleft()
                if self._has_row(item):
                    continue
            self._make(item)
            enter(self._rated, item)
            made += 1
        return made

    def _has_row(self, item: int) -> bool:
        return is_current(self._rated.slots, self._rated.made, self._index.described, item)

    def _make(self, item: int) -> None:
        self._query = None
        make_row(self.arrays, item, self._index.size, self._embeddings.beside(item))

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        """Return what is read of the items, in the order of `Rated`."""
        index = self._index
        return index.tokens, index.weights, index.frequency, index.following, index.heads, self._rows, self._prices

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what follows from the rest: USearch's generator cannot be copied, nor a query's traits."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_embeddings", "_query")}

    def __setstate__(self, fields: dict[str, Any]) -> None:
        """Build the graph again."""
        self.__dict__.update(fields)
        self._query = None
        self._embeddings = Embeddings(self._index, lambda: self._rows, self._shares, self._exact)
        self._embeddings.refill()

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._index.add_item(item)
        room = len(self._index.tokens)
        if room > len(self._prices):
            self._rows, self._prices = grown(self._rows, room), grown(self._prices, room)
            marks, slots = grown(self._rated.marks, room), grown(self._rated.slots, room, fill=-1)
            parts: dict[str, Any] = dict(zip(Rated._fields, self._arrays()))
            self._rated = self._rated._replace(**parts, marks=marks, slots=slots)

    def describe(self, item: int, about: About) -> None:
        """Take the item's tokens, price and vector in place of those it had."""
        require_known(self.name, item, self._index.size)
        self._query = None
        before = self._said(item)
        self._index.put(item, count_tokens(about))
        self._prices[item] = about.price if about.price is not None and 0.0 < about.price < math.inf else 0.0
        self._rows[item] = self._vector_of(about)
        self._rated.counters[DESCRIBED] = self._index.described
        if self._rated.counters[ROWS] and self._said(item) != before:
            self._refresh(item)
        self._embeddings.take(item)

    def _said(self, item: int) -> tuple[bytes, ...]:
        """What rows depend on, the tokens in an order of their own."""
        tokens, weights = self._index.tokens[item], self._index.weights[item]
        order = np.argsort(tokens)
        return tokens[order].tobytes(), weights[order].tobytes(), self._rows[item].tobytes()

    def _refresh(self, item: int) -> None:
        """Forget the row of an item that is described anew; it will be put into others' rows."""
        rated = self._rated
        if rated.slots[item] >= 0:
            rated.made[rated.slots[item]] = _LONG_AGO
        self._fresh[item] = None
        if len(self._fresh) > _WANTED:  # a new catalogue
            rated.made[:] = _LONG_AGO
            self._fresh.clear()

    def learn_one(self, event: Interaction) -> None:
        """Learn nothing: what an item is does not depend on who looks at it."""
        require_known(self.name, event.item, self._index.size)
        self.catch_up([event.item])

    def learn_many(self, events: Interactions) -> None:
        """Learn nothing of any of them."""
        require_all_known(self.name, events.items, self._index.size)
        self.catch_up(events.items.tolist())

    def catch_up(self, items: Sequence[int]) -> None:
        """Note that there were events on these, and use the time of as many to insert items that wait for it."""
        self._embeddings.catch_up(len(items))
        slots = self._rated.slots
        self._wanted.extend([item for item in items if slots[item] < 0])  # most often it is one item

    def top_k(
        self, query: Query, k: int, blocked: NDArray[np.uint8], *, wait: bool = True
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
        """Return the closest items found; without `wait`, items described of late may be missing."""
        self._query = query
        self.prepare(len(self._fresh) if wait else 0)
        for item in query.recent[: len(self._decay)].tolist() if self._vector is not None else ():
            if 0 <= item < self._index.size and not self._has_row(item):
                self._make(item)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_content(
            self.arrays, query.recent, self._index.size, blocked, k, len(self._decay)
        )
        self._query = query
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the closeness of each item."""
        if self._query is not query:
            self._query = query
            self._rated.counters[STAMP] += 1  # what the last answer says of items does not hold
            begin(self._rated, query.recent, self._index.size)
        scores = np.empty(len(items), np.float32)
        score_content(self._rated, query.recent, self._index.size, items, scores)
        return scores

    def why(self, query: Query, item: int) -> list[int]:
        """Return the query's items that have something in common with `item`, by their part in its score."""
        if not 0 <= item < self._index.size:
            return []
        recent = query.recent[: len(self._decay)]
        parts = pulls(self._rated, recent, self._decay, self._index.size, item)
        return [int(recent[n]) for n in np.argsort(-parts, kind="stable").tolist() if parts[n] > 0.0]

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
        self._embeddings.refill()

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
