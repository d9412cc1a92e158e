"""The kept sessions most like the one of a query, and what they score: compiled code of `SessionNeighbours`."""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.base import NOBODY
from learners.neighbours.histories import LENGTH, cell_of
from learners.neighbours.neighbourhood import Scratch, clear, decays, keep_most_similar, spread
from learners.neighbours.owners import find_row
from learners.neighbours.sessions import ROOT, SEQUENCE, TIME, Sessions

_DAY_S = 86_400.0
_LOGARITHMS: Final = 4096  # whole numbers whose logarithms are looked up
_NEAR_0 = 5e-4
_NONE: Final = -1  # key of a list without another session
_BITS: Final = 6  # of a key, for the number of its list
MAX_HISTORY: Final = 1 << _BITS  # positions of a session that can be looked at


class Decays(NamedTuple):
    r"""Over which distance each influence falls to 1/e; all > 0."""

    position: float = 1.81  # $\lambda_{spw}$, positions: of an item in the asked session, from its end
    days: float = 100.0  # $\lambda_{snh}$: of a neighbour, since its last event
    distance: float = 0.4525  # $\lambda_{inh}$, positions: of a neighbour's item, from the match
    match: float = 3.62  # $\lambda_{ipw}$, positions: of a neighbour, by how far from the end the match is


class Weights(NamedTuple):
    """How a session is scored, for compiled code."""

    position: NDArray[np.float64]  # [history] by distance from the asked session's end
    distance: NDArray[np.float64]  # by distance from the match in the neighbour
    match: NDArray[np.float64]  # [history] by distance of the match from the asked session's end
    logarithms: NDArray[np.float64]  # of 0 (as if 1), 1, 2, ...
    fade_s: float
    idf: float
    k: int

    @classmethod
    def of(cls, decay: Decays, idf: float, k: int, history: int) -> "Weights":
        """Tabulate the exponentials, of which `history` positions are looked at."""
        logarithms = np.log(np.maximum(1.0, np.arange(_LOGARITHMS)))
        position, match = decays(decay.position, history), decays(decay.match, history)
        return cls(position, decays(decay.distance), match, logarithms, decay.days * _DAY_S, idf, k)


@njit(cache=True)
def _mark(scratch: Scratch, past: NDArray[np.int32], size: int, closeness: NDArray[np.float64]) -> NDArray[np.int64]:
    """Note the distinct items of a session and their weights; return how far from its end each occurred last."""
    distances = np.empty(len(closeness), np.int64)
    found = 0
    for distance in range(min(len(past), len(closeness))):
        item = past[distance]
        if 0 <= item < size and scratch.places[item] < 0:
            scratch.past[found] = item
            scratch.weights[found] = closeness[distance]
            scratch.places[item] = found
            distances[found] = distance
            found += 1
    scratch.lengths[0] = found
    return distances


@njit(cache=True)
def _meet(
    sessions: Sessions, scratch: Scratch, distances: NDArray[np.int64], now: float, fade_s: float, own: int
) -> None:
    """Merge the lists of the marked items from their recent ends: the most recent of all sessions in them, compared.

    The heads of the lists play a tournament [^1], so that the most recent is known after as many comparisons as there
    are rounds. A session in several lists wins for all of them in a row, for that of the newest item first. Of two
    active shortly after each other, one has faded a little more: the exponential need not be computed again.

    [^1]: Knuth: TAOCP 3, section 5.4.1, selection by trees.
    """
    cells, lists, last, n_items = sessions.kept.cells, sessions.kept.lists, sessions.last, scratch.lengths[0]
    past, weights, near, nearest, factors = (
        scratch.past, scratch.weights, scratch.near, scratch.nearest, scratch.factors
    )  # fmt: skip
    left, heads, size = np.empty(n_items, np.int64), np.empty(n_items, np.int64), 1
    while size < n_items:
        size *= 2
    norm, tree = math.sqrt(np.sum(weights[:n_items] ** 2)), np.full(2 * size, _NONE, np.int64)
    for n in range(n_items):
        left[n] = lists[past[n], LENGTH]
        tree[size + n] = _advance(cells, lists, last, past[n], n, left, heads)
    for node in range(size - 1, 0, -1):
        tree[node] = max(tree[2 * node], tree[2 * node + 1])
    found, at, faded = 0, now, 1.0
    while found < len(near) and tree[1] != _NONE:
        newest, first, dot = tree[1] >> _BITS, MAX_HISTORY - 1 - (tree[1] & (MAX_HISTORY - 1)), 0.0
        row = heads[first]
        while tree[1] >> _BITS == newest:
            n = MAX_HISTORY - 1 - (tree[1] & (MAX_HISTORY - 1))
            dot += weights[n]
            key, node = _advance(cells, lists, last, past[n], n, left, heads), size + n
            tree[node] = key
            while node > 1:
                key, node = max(key, tree[node ^ 1]), node >> 1
                tree[node] = key
        if row != own:
            time = min(now, last[row, TIME])
            faded *= _decay((at - time) / fade_s)
            at = time
            near[found] = row
            nearest[found] = distances[first]
            factors[found] = dot * faded / (norm * last[row, ROOT])
            found += 1
    scratch.lengths[1] = found


@njit(cache=True)
def _decay(x: float) -> float:
    """e^-x; near 0 by the first terms of its series, which are exact to 1e-16 there."""
    if -_NEAR_0 < x < _NEAR_0:
        return 1.0 - x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0)))
    return math.exp(-x)


@njit(cache=True)
def _advance(
    cells: NDArray[np.int32], lists: NDArray[np.int32], last: NDArray[np.float64], item: int, n: int,
    left: NDArray[np.int64], heads: NDArray[np.int64],
) -> int:  # fmt: skip
    """Step to the next older session of the n-th list: its key, the greater the more recent, then the lower n."""
    if left[n] == 0:
        return _NONE
    left[n] -= 1
    heads[n] = cells[cell_of(lists, item, left[n])]
    return (np.int64(last[heads[n], SEQUENCE]) << _BITS) + (MAX_HISTORY - 1 - n)


class NearSessions(NamedTuple):
    """The sessions, how they are scored and the answer to the last query, for compiled code."""

    sessions: Sessions
    scratch: Scratch
    weights: Weights


@njit(cache=True)
def find_sessions(near: NearSessions, user: int, now: float, past: NDArray[np.int32], size: int) -> None:
    """Find neighbours and scores for a user's session at a time, among so many items; they replace the last answer."""
    sessions, scratch, weights = near
    clear(scratch)
    distances = _mark(scratch, past, size, weights.position)
    own = -1 if user == NOBODY else find_row(sessions.kept.table, sessions.kept.owners, user)
    _meet(sessions, scratch, distances, now, weights.fade_s, own)
    keep_most_similar(scratch, weights.k)
    for n in range(scratch.lengths[1]):
        scratch.factors[n] *= weights.match[scratch.nearest[n]]
    spread(sessions.kept, scratch, weights.distance)
    begun = math.log(max(1, sessions.totals[0]))
    for item in scratch.reached[: scratch.lengths[2]]:
        count = sessions.counts[item]
        known = count < len(weights.logarithms)
        rarity = begun - (weights.logarithms[count] if known else math.log(count))
        scratch.sums[item] *= 1.0 + weights.idf * max(0.0, rarity)
