"""What all users liked lately."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known

# A power of two rescales exactly; reached every 512 half-lives, so the pass over all items is paid for by then.
UNIT_LIMIT = 2.0**512


class Counts(NamedTuple):
    """What is counted, for compiled code."""

    weights: NDArray[np.float64]  # [items]
    unit: NDArray[np.float64]  # [1] weight of an event of now
    top: NDArray[np.int32]  # the first min(items, top) are in use
    place: NDArray[np.int32]  # [items] in `top`, -1 outside
    kind_weights: NDArray[np.float64]  # [3]


@njit(cache=True)
def _ahead(weights: NDArray[np.float64], a: int, b: int) -> bool:
    return bool(weights[a] > weights[b] or (weights[a] == weights[b] and a < b))


@njit(cache=True)
def _bubble_up(
    weights: NDArray[np.float64], top: NDArray[np.int32], place: NDArray[np.int32], listed: int, item: int
) -> None:
    """Move `item`, whose weight has just grown, to its place among the first `listed` entries of `top`."""
    free = place[item]
    if free < 0:
        last = top[listed - 1]
        if not _ahead(weights, item, last):
            return
        place[last] = -1
        free = listed - 1
    while free > 0 and _ahead(weights, item, top[free - 1]):
        top[free] = top[free - 1]
        place[top[free]] = free
        free -= 1
    top[free] = item
    place[item] = free


@njit(cache=True)
def count_events(
    counts: Counts, size: int, growth: float, items: NDArray[np.int32], kinds: NDArray[np.uint8]
) -> int:  # fmt: skip
    """Count events on some of so many items until one makes the unit too large, that one included; return how many."""
    weights, unit, top, place, kind_weights = counts
    listed = min(size, len(top))
    for n in range(len(items)):
        unit[0] *= growth
        weights[items[n]] += unit[0] * kind_weights[kinds[n]]
        _bubble_up(weights, top, place, listed, items[n])
        if unit[0] >= UNIT_LIMIT:
            return n + 1
    return len(items)


@njit(cache=True)
def propose_popular(
    counts: Counts, size: int, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the first items of the list that are not blocked, and their decayed counts."""
    top, weights, unit = counts.top[:size], counts.weights, counts.unit[0]
    room = max(0, min(k, len(top)))
    items, scores = np.empty(room, np.int32), np.empty(room, np.float32)
    found = 0
    for item in top:
        if found == room:
            break
        if blocked[item] == 0:
            items[found] = item
            scores[found] = weights[item] / unit
            found += 1
    return items[:found], scores[:found]


@njit(cache=True)
def score_popular(counts: Counts, size: int, items: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
    """Write the decayed count of each item, 0 of unknown ones."""
    weights, unit = counts.weights, counts.unit[0]
    for n, item in enumerate(items):
        scores[n] = weights[item] / unit if 0 <= item < size else 0.0


class Popularity(Impersonal):
    r"""Exponentially decayed event count, the same list for every user.

    $$score_n(i) = \sum_{m \le n,\, i_m = i} w_{kind_m} \, 2^{-(n - m) / h}$$

    Forward decay [^1] lets the weight of new events grow instead of shrinking the old: stored weights only ever grow,
    so one bubble-up an event keeps the list of the best exact. Order is by float64 weight, then lower index; scores
    are rounded to float32 afterwards. New items join with weight 0 while the list has room, so a catalogue without
    events has candidates too.

    Parameters
    ----------
    name
        Identifier: one model usually holds a slow ("popularity") and a fast ("trending") instance.
    half_life
        Events, of all users, after which an event counts half; > 0.
    top
        Length of the list.
    kind_weights
        Weight of a view, a click and a purchase, each >= 0.

    Examples
    --------
    >>> source = Popularity(half_life=1)
    >>> nothing = np.empty(0, np.int32)
    >>> for item in (0, 1):
    ...     source.add_item(item)
    ...     source.learn_one(Interaction(item, 0, 0.0, nothing, nothing))
    >>> [column.tolist() for column in source.top_k(Query(nothing, 0.0, nothing), 5, np.zeros(2, np.uint8))]
    [[1, 0], [1.0, 0.5]]

    References
    ----------
    [^1]: Cormode, Shkapenyuk, Srivastava, Xu: Forward decay: a practical time decay model for
    streaming systems. ICDE 2009.
    """

    def __init__(
        self,
        name: str = "popularity",
        half_life: float = 3_000,
        top: int = 400,
        kind_weights: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.name = name
        self.half_life = half_life
        self.growth = 2.0 ** (1.0 / half_life)  # of the unit, an event
        self._size = 0
        self._counts = Counts(
            np.zeros(16), np.ones(1), np.zeros(top, np.int32), np.full(16, -1, np.int32),
            np.array(kind_weights, np.float64),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Popularity({self.name!r}, half_life={self.half_life})"

    @property
    def arrays(self) -> Counts:
        """All that compiled code works with; another tuple when an array has grown."""
        return self._counts

    @property
    def listed(self) -> NDArray[np.int32]:
        """The items with the most events, the first most: a view."""
        return self._counts.top[: min(self._size, len(self._counts.top))]

    @property
    def total(self) -> float:
        """Decayed events of all items, in events of now."""
        return float(self._counts.weights[: self._size].sum() / self._counts.unit[0])

    def add_item(self, item: int) -> None:
        """Make room for `item`, in the list too while it is short."""
        counts = self._counts
        if item >= len(counts.weights):
            self._counts = counts = counts._replace(
                weights=grown(counts.weights, item + 1), place=grown(counts.place, item + 1, fill=-1)
            )
        for new in range(self._size, min(item + 1, len(counts.top))):
            counts.top[new] = counts.place[new] = new  # weight 0 and the highest index: the last place is right
        self._size = max(self._size, item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Count one event."""
        require_known(self.name, event.item, self._size)
        self._count(np.array([event.item], np.int32), np.array([event.kind], np.uint8))

    def learn_many(self, events: Interactions) -> None:
        """Count events."""
        require_all_known(self.name, events.items, self._size)
        self._count(events.items, events.kinds)

    def _count(self, items: NDArray[np.int32], kinds: NDArray[np.uint8]) -> None:
        done, counts = 0, self._counts
        while done < len(items) or counts.unit[0] >= UNIT_LIMIT:
            if counts.unit[0] >= UNIT_LIMIT:
                self._rescale()
            done += count_events(counts, self._size, self.growth, items[done:], kinds[done:])

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the heaviest items of the list that are not blocked."""
        listed: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_popular(self.arrays, self._size, blocked, k)
        return listed

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the decayed count of each item, in events of now."""
        scores = np.empty(len(items), np.float32)
        score_popular(self.arrays, self._size, items, scores)
        return scores

    def set_half_life(self, half_life: float) -> None:
        """Let an event count half after so many events, or as configured if that is sooner, until the next call."""
        self.growth = 2.0 ** (1.0 / min(self.half_life, half_life))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights, their unit and the list."""
        counts, known = self._counts, slice(self._size)
        return {"weights": counts.weights[known], "unit": counts.unit, "top": counts.top[known]}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._size = len(state["weights"])
        self._counts = self._counts._replace(
            weights=np.array(state["weights"], np.float64),
            unit=np.array(state["unit"], np.float64),
            place=np.empty(self._size, np.int32),
        )
        self._set_top(np.array(state["top"], np.int32))

    def _rescale(self) -> None:
        """Shrink all weights; those that underflow to 0 tie now, so the list is built again."""
        weights, unit, top = self._counts[:3]
        weights *= 1.0 / UNIT_LIMIT
        unit *= 1.0 / UNIT_LIMIT
        order = np.argsort(-weights[: self._size], kind="stable")
        self._set_top(order[: len(top)].astype(np.int32))

    def _set_top(self, listed: NDArray[np.int32]) -> None:
        self._counts.top[: len(listed)] = listed
        self._counts.place[:] = -1
        self._counts.place[listed] = np.arange(len(listed), dtype=np.int32)
