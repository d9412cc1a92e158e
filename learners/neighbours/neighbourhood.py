"""Who is near a query, and what the near ones liked: the answer to the last query, kept for the calls that follow."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Query
from learners.neighbours.histories import COUNT, START, Histories

_BINS = 512
_VANISHES = 104.0  # e^-104 is 0 in float32


class Scratch(NamedTuple):
    """Room for one answer.

    Attributes
    ----------
    past : int32[history], the query's distinct known items, newest first
    weights : float64[history], of each of them
    places : int32[items], an item's place in `past`, -1 elsewhere
    near : int32[sample], rows of the neighbours, the most recent first
    nearest : int32[sample], distance from the end of the query to what a neighbour shares (sessions only)
    factors : float64[sample], how much each neighbour counts
    sums : float64[items], scores, 0 elsewhere
    reached : int32[items], the items with a score
    lengths : int64[3], entries in use of `past`, `near` and `reached`
    """

    past: NDArray[np.int32]
    weights: NDArray[np.float64]
    places: NDArray[np.int32]
    near: NDArray[np.int32]
    nearest: NDArray[np.int32]
    factors: NDArray[np.float64]
    sums: NDArray[np.float64]
    reached: NDArray[np.int32]
    lengths: NDArray[np.int64]


def decays(length: float, entries: int | None = None) -> NDArray[np.float64]:
    """Return e^(-d / length) of the distances d = 0, 1, ...: so many, or all until it is 0 in float32.

    >>> decays(2.0, 3).round(3).tolist(), len(decays(2.0))
    ([1.0, 0.607, 0.368], 209)
    """
    return np.array([math.exp(-d / length) for d in range(entries or math.ceil(_VANISHES * length) + 1)])


@njit(cache=True)
def clear(scratch: Scratch) -> None:
    """Wipe out the last answer."""
    for item in scratch.past[: scratch.lengths[0]]:
        scratch.places[item] = -1
    for item in scratch.reached[: scratch.lengths[2]]:
        scratch.sums[item] = 0.0
    scratch.lengths[:] = 0


@njit(cache=True)
def keep_most_similar(scratch: Scratch, k: int) -> None:
    """Keep the k neighbours with the largest factors, of equal ones the first, without changing their order."""
    found = scratch.lengths[1]
    if found <= k:
        return
    factors = scratch.factors
    least, ties = _kth_largest(factors[:found], k)
    kept = 0
    for n in range(found):
        if factors[n] > least or (factors[n] == least and ties > 0):
            ties -= factors[n] == least
            scratch.near[kept] = scratch.near[n]
            scratch.nearest[kept] = scratch.nearest[n]
            factors[kept] = factors[n]
            kept += 1
    scratch.lengths[1] = kept


@njit(cache=True)
def _kth_largest(values: NDArray[np.float64], k: int) -> tuple[float, int]:
    """Return the k-th largest of more than k values >= 0, and how many of its kind are among the k largest.

    Counted in bins, so that only the values of one bin have to be put in order.
    """
    scale = (_BINS - 1) / max(np.max(values), 1e-300)
    bins = np.empty(len(values), np.int64)
    counts = np.zeros(_BINS, np.int64)
    for n in range(len(values)):
        bins[n] = int(values[n] * scale)
        counts[bins[n]] += 1
    above, chosen = 0, _BINS - 1
    while above + counts[chosen] < k:
        above += counts[chosen]
        chosen -= 1
    inside = np.sort(values[bins == chosen])[::-1]
    least = inside[k - above - 1]
    return least, k - above - np.sum(inside > least)


@njit(cache=True)
def match_of(cells: NDArray[np.int32], places: NDArray[np.int32], start: int, count: int) -> int:
    """Return the last place in a row of so many items that holds an item of the query, -1 without one."""
    place = count - 1
    while place >= 0 and places[cells[start + 2 * place]] < 0:
        place -= 1
    return int(place)


@njit(cache=True)
def spread(kept: Histories, scratch: Scratch, closeness: NDArray[np.float64]) -> None:
    """Give the items of every neighbour its factor, times `closeness` by their distance from the match.

    Positions ascend in a row, so what is too far from the match need not be read.
    """
    cells, rows, places, sums, reached, found = kept.cells, kept.rows, scratch.places, scratch.sums, scratch.reached, 0
    for n in range(scratch.lengths[1]):
        row, factor = scratch.near[n], scratch.factors[n]
        start, count = rows[row, START], rows[row, COUNT]
        first = start + 2 * match_of(cells, places, start, count)
        middle, end = cells[first + 1], start + 2 * count
        while first > start and middle - cells[first - 1] < len(closeness):
            first -= 2
        for cell in range(first, end, 2):
            distance = abs(cells[cell + 1] - middle)
            if distance >= len(closeness):
                break
            amount = factor * closeness[distance]
            if amount > 0.0:
                item = cells[cell]
                if sums[item] == 0.0:
                    reached[found] = item
                    found += 1
                sums[item] += amount
    scratch.lengths[2] = found


@njit(cache=True)
def _credits(kept: Histories, scratch: Scratch, closeness: NDArray[np.float64], item: int) -> NDArray[np.float64]:
    """Split what the neighbours gave `item` among the items of the query that they share, by weight."""
    cells, places = kept.cells, scratch.places
    credit = np.zeros(scratch.lengths[0])
    for n in range(scratch.lengths[1]):
        row = scratch.near[n]
        start, count = kept.rows[row, START], kept.rows[row, COUNT]
        middle = cells[start + 2 * match_of(cells, places, start, count) + 1]
        amount = total = 0.0
        for place in range(count):
            distance = abs(cells[start + 2 * place + 1] - middle)
            if cells[start + 2 * place] == item and distance < len(closeness):
                amount = scratch.factors[n] * closeness[distance]
            if places[cells[start + 2 * place]] >= 0:
                total += scratch.weights[places[cells[start + 2 * place]]]
        if amount > 0.0 and total > 0.0:
            for place in range(count):
                shared = places[cells[start + 2 * place]]
                if shared >= 0:
                    credit[shared] += amount * scratch.weights[shared] / total
    return credit


@njit(cache=True)
def propose_near(
    scratch: Scratch, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """Return the k best of the answer that are not blocked."""
    found, sums = scratch.lengths[2], scratch.sums
    items = np.empty(found, np.int32)
    scores = np.empty(found, np.float32)
    kept = 0
    for item in scratch.reached[:found]:
        score = np.float32(sums[item])
        if blocked[item] == 0 and score > 0.0:
            items[kept] = item
            scores[kept] = score
            kept += 1
    return best_first(items[:kept], scores[:kept], k)


@njit(cache=True)
def score_near(scratch: Scratch, size: int, items: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
    """Write the score of each item, 0 of those not reached."""
    sums = scratch.sums
    for n, item in enumerate(items):
        scores[n] = sums[item] if 0 <= item < size else 0.0


class Neighbourhood:
    """The answer to the last query: `top_k` and `score_many` of one query cost one search.

    Parameters
    ----------
    history
        Items of a query that are looked at.
    sample
        Neighbours looked at.

    Attributes
    ----------
    scratch : Scratch
        To be filled by who knows how to find neighbours.
    """

    def __init__(self, history: int, sample: int) -> None:
        self.size = 0
        self.scratch = Scratch(
            np.empty(history, np.int32),
            np.empty(history),
            np.full(16, -1, np.int32),
            np.empty(sample, np.int32),
            np.empty(sample, np.int32),
            np.empty(sample),
            np.zeros(16),
            np.empty(16, np.int32),
            np.zeros(3, np.int64),
        )
        self._query: Query | None = None  # held, so that no other query can have its identity

    def __getstate__(self) -> dict[str, object]:
        """Leave the query out: a copy is asked by others, and traits cannot be pickled."""
        return {**self.__dict__, "_query": None}

    def add_item(self, item: int) -> None:
        """Make room for all indices up to `item`."""
        if item < self.size:
            return
        self.size = item + 1
        self.outdate()
        scratch = self.scratch
        if self.size > len(scratch.sums):
            self.scratch = scratch._replace(
                places=grown(scratch.places, self.size, fill=-1),
                sums=grown(scratch.sums, self.size),
                reached=grown(scratch.reached, self.size),
            )

    def restart(self, items: int) -> None:
        """Make ready for another state, with so many items."""
        clear(self.scratch)
        self.outdate()
        self.size = 0
        self.add_item(items - 1)

    def outdate(self) -> None:
        """Something was learned, or another answer stands in the scratch: the last one no longer holds."""
        self._query = None

    def begin(self, query: Query) -> bool:
        """Return whether an answer to `query` has to be found."""
        if self._query is query:
            return False
        self._query = query
        return True

    def top_k(self, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the k best of the answer that are not blocked."""
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_near(self.scratch, blocked, k)
        return best

    def score_many(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the score of each item, 0 for those not reached."""
        scores = np.empty(len(items), np.float32)
        score_near(self.scratch, self.size, items, scores)
        return scores

    def why(self, kept: Histories, closeness: NDArray[np.float64], item: int) -> list[int]:
        """Return the query's items that lent `item` its score, by what they lent; equal ones newest first."""
        if not 0 <= item < self.size:
            return []
        credit = _credits(kept, self.scratch, closeness, item)
        order = np.argsort(-credit, kind="stable")
        return [int(self.scratch.past[place]) for place in order if credit[place] > 0.0]
