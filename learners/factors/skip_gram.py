"""What is found in the same sessions, as nearness of learned vectors."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.draws import draw
from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.factors.arrivals import Arrivals, add, pick

_LIMIT = 6.0  # beyond, the logistic function is taken as 0 or 1, as word2vec does
_STEPS = 1_000
# A table by math.exp: compilers are free to replace exp in a loop, and replicas must agree to the bit.
_LOGISTIC = np.array([1.0 / (1.0 + math.exp(-_LIMIT * (2.0 * (n + 0.5) / _STEPS - 1.0))) for n in range(_STEPS)])
_UNIFORM = 0.25  # share of negatives drawn from all items alike: flattens frequencies as the paper's power .75 does


class _Pairs(NamedTuple):
    """What learning a pair reads and changes, for compiled code."""

    inner: NDArray[np.float32]  # [items, dimensions] u
    outer: NDArray[np.float32]  # [items, dimensions] v
    ring: NDArray[np.int32]  # these two: see `Arrivals`
    counters: NDArray[np.int64]
    logistic: NDArray[np.float64]  # [_STEPS] a table of the function
    window: int
    negatives: int
    rate: float


@njit(cache=True)
def _logistic(x: float, table: NDArray[np.float64]) -> float:
    if x >= _LIMIT:
        return 1.0
    return float(table[int((x + _LIMIT) * len(table) / (2.0 * _LIMIT))]) if x > -_LIMIT else 0.0


@njit(cache=True)
def _step(
    inner: NDArray[np.float32], outer: NDArray[np.float32], label: float, rate: float, table: NDArray[np.float64],
    change: NDArray[np.float64],
) -> None:  # fmt: skip
    """Move `outer` by the gradient of one pair's log loss; add what `inner` has to move by to `change`.

    The loss curves by at most a quarter of the squared lengths: a step divided so cannot overshoot and grow.
    """
    dot, squares = 0.0, 0.0
    for axis in range(len(inner)):
        dot += inner[axis] * outer[axis]
        squares += inner[axis] * inner[axis] + outer[axis] * outer[axis]
    gradient = rate * (label - _logistic(dot, table)) / (1.0 + 0.25 * rate * squares)
    for axis in range(len(inner)):
        change[axis] += gradient * outer[axis]
        outer[axis] += gradient * inner[axis]


@njit(cache=True)
def _learn_pair(pairs: _Pairs, size: int, center: int, context: int) -> None:
    inner, outer, rate, table = pairs.inner, pairs.outer, pairs.rate, pairs.logistic
    change = np.zeros(inner.shape[1])
    _step(inner[center], outer[context], 1.0, rate, table, change)
    for _ in range(pairs.negatives):
        other = pick(pairs.ring, pairs.counters, size, _UNIFORM)
        if other != context:
            _step(inner[center], outer[other], 0.0, rate, table, change)
    for axis in range(len(change)):
        inner[center, axis] += change[axis]


@njit(cache=True)
def _learn(held: Any, size: int, item: int, session: NDArray[np.int32]) -> None:
    pairs = held.it
    for n in range(min(pairs.window, len(session))):
        other = session[n]
        if 0 <= other < size and other != item:
            _learn_pair(pairs, size, other, item)
            _learn_pair(pairs, size, item, other)
    add(pairs.ring, pairs.counters, item)


@njit(cache=True)
def _profile(
    inner: NDArray[np.float32], recent: NDArray[np.int32], decay: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return the decayed mean of the vectors of the user's last items."""
    mean, total = np.zeros(inner.shape[1]), 0.0
    for n in range(min(len(recent), len(decay))):
        if 0 <= recent[n] < size:
            total += decay[n]
            for axis in range(len(mean)):
                mean[axis] += decay[n] * inner[recent[n], axis]
    return mean / total if total > 0.0 else mean


@njit(cache=True)
def _scores(
    profile: NDArray[np.float64], outer: NDArray[np.float32], size: int, items: NDArray[np.int32]
) -> NDArray[np.float32]:
    scores = np.zeros(len(items), np.float32)
    if not profile.any():
        return scores
    for n, item in enumerate(items):
        if 0 <= item < size:
            dot, learned = 0.0, False
            for axis in range(len(profile)):
                dot += profile[axis] * outer[item, axis]
                learned = learned or outer[item, axis] != 0.0
            if learned:
                scores[n] = 1.0 / (1.0 + math.exp(-dot))
    return scores


class SkipGram(Impersonal):
    r"""Item2vec [^1], learned as the events come: skip-gram with sampled negatives over the items of a session.

    An event on item $i$ makes a pair with each of the session's last `window` other items $j$, in both directions;
    each pair takes one step down

    $$-\ln \sigma(u_j \cdot v_i) - \sum_{n \sim P} \ln \sigma(-u_j \cdot v_n)$$

    $P$ is the distribution of the last `reach` events, mixed with 1/4 of all items alike, drawn by a counter. The
    score of an item is $\sigma(\bar u \cdot v)$, $\bar u$ the decayed mean over the user's last items; 0 for an item
    that has never been in a pair, and for a user of whom nothing is known. Candidates are the items of the last
    `reach` events.

    Parameters
    ----------
    dimensions
        Length of a vector.
    window
        Items of the session that are paired with an event's.
    negatives
        Drawn for every pair; >= 0.
    learning_rate
        $\eta$ of a step $\eta / (1 + \eta (\lVert u \rVert^2 + \lVert v \rVert^2) / 4)$; > 0.
    history
        Last distinct items of the user that are averaged, each weighing .8 of the one after.
    reach
        Events that negatives and candidates are taken from.

    Examples
    --------
    >>> source, nothing = SkipGram(), np.empty(0, np.int32)
    >>> source.add_item(3)
    >>> for n in range(400):
    ...     first = 2 * (n % 2)
    ...     source.learn_one(Interaction(first, 0, 0.0, nothing, nothing))
    ...     source.learn_one(Interaction(first + 1, 0, 0.0, nothing, np.array([first], np.int32)))
    >>> query = Query(np.array([2], np.int32), 0.0, nothing)
    >>> source.top_k(query, 1, np.array([0, 0, 2, 0], np.uint8))[0].tolist()
    [3]

    References
    ----------
    [^1]: Barkan, Koenigstein: Item2vec: neural item embedding for collaborative filtering. MLSP 2016.
    """

    name = "skip_gram"

    def __init__(
        self, dimensions: int = 32, window: int = 5, negatives: int = 1, learning_rate: float = 0.4,
        history: int = 5, reach: int = 2_048,
    ) -> None:  # fmt: skip
        self._decay = np.array([0.8**n for n in range(history)])
        self._size = 0
        self._arrivals = Arrivals(reach)
        self._pairs = _Pairs(
            np.zeros((16, dimensions), np.float32), np.zeros((16, dimensions), np.float32), self._arrivals.ring,
            self._arrivals.counters, _LOGISTIC, window, negatives, learning_rate,
        )  # fmt: skip
        self._handle = Handle()

    def add_item(self, item: int) -> None:
        """Make room for `item`, with a first vector that follows from its index."""
        inner, outer = self._pairs.inner, self._pairs.outer
        if item >= len(inner):
            self._pairs = self._pairs._replace(inner=grown(inner, item + 1), outer=grown(outer, item + 1))
        for new in range(self._size, item + 1):
            draw(self._pairs.inner[new], new, 0.5 / math.sqrt(inner.shape[1]))
        self._size = max(self._size, item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Pair the item with those before it in the session."""
        require_known(self.name, event.item, self._size)
        _learn(self._handle.of(self._pairs), self._size, event.item, event.session)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items of the last events that fit the user's last items best."""
        items = self._arrivals.eligible(blocked)
        scores = self.score_many(query, items)
        found = scores > 0.0
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items[found], scores[found], k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how well each item fits the user's last items."""
        profile = _profile(self._pairs.inner, query.recent, self._decay, self._size)
        scores: NDArray[np.float32] = _scores(profile, self._pairs.outer, self._size, items)
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return both vectors of every item, and the last events."""
        known = slice(self._size)
        return {"inner": self._pairs.inner[known], "outer": self._pairs.outer[known], **self._arrivals.state()}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        dimensions = self._pairs.inner.shape[1]
        if state["inner"].shape[1:] != (dimensions,):
            raise ValueError(f"vectors must have {dimensions} dimensions; got {state['inner'].shape[1:]}")
        self._arrivals.restore(state)
        self._pairs = self._pairs._replace(
            inner=np.array(state["inner"], np.float32), outer=np.array(state["outer"], np.float32),
            ring=self._arrivals.ring, counters=self._arrivals.counters,
        )  # fmt: skip
        self._size = len(self._pairs.inner)
