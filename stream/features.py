"""Features of candidate × user × context, all within [0, 1]: what the ranker sees.

Every candidate is described by what each source says of it, by its place in the user's history, by its category and
by its age. Times are counted in events where possible: logs differ by orders of magnitude in events per hour.
"""

from math import log

import numpy as np
from numba import njit
from numpy.typing import NDArray

PER_SOURCE = ("value", "rank", "log_value")
OWN = (
    "seen", "seen_times", "seen_rank", "seen_bought", "seen_early", "seen_x_repeat_rate",
    "last", "last_x_click", "last_x_purchase", "last_x_twice", "last_x_immediate_rate",
    "same_category", "category_share", "age", "idle", "trend", "agreement", "history", "depth", "repeat_rate",
)  # fmt: skip


def feature_names(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns that `fill` writes, given the sources' names (repeats last, they have no columns).

    >>> feature_names(("popularity",))[:4]
    ('popularity_value', 'popularity_rank', 'popularity_log_value', 'seen')
    """
    return tuple(f"{source}_{part}" for source in sources for part in PER_SOURCE) + OWN


def initial_weights(sources: tuple[str, ...]) -> dict[str, float]:
    """First weights of the ranker: a fusion of the sources, so that the first slate is sensible already."""
    return {f"{source}_{part}": 0.3 for source in sources for part in ("value", "rank")} | {"seen_rank": 0.3}


@njit(cache=True)
def _byte(value: float) -> int:
    """A feature as it travels in the log: one byte. Learning and serving both read the same rounding."""
    return int(min(1.0, value) * 255.0 + 0.5)


@njit(cache=True)
def _slow(count: float) -> float:
    """1 for 0 events ago, falling slowly."""
    return 1.0 / (1.0 + log(1.0 + count) / 2.0)


@njit(cache=True)
def _source_columns(ranks: NDArray[np.int32], scores: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
    """Per source: score / best score, 1 / (1 + rank), and the logarithm of the first, cut off at e^-8."""
    for s in range(len(scores)):
        best = 0.0
        for c in range(scores.shape[1]):
            best = max(best, scores[s, c])
        for c in range(scores.shape[1]):
            if best > 0 and scores[s, c] > 0:
                value = scores[s, c] / best
                out[c, 3 * s] = _byte(value)
                out[c, 3 * s + 2] = _byte(max(0.0, 1.0 + log(value) / 8.0))
            if ranks[c, s] >= 0:
                out[c, 3 * s + 1] = _byte(1.0 / (1.0 + ranks[c, s]))


@njit(cache=True)
def describe(
    items: NDArray[np.int32],  # [candidates]
    ranks: NDArray[np.int32],  # [candidates, lists]: place in the list's own proposal, -1: not proposed
    scores: NDArray[np.float32],  # [sources, candidates]; lists without scores come last in `ranks`
    seen_at: NDArray[np.int32],  # [candidates]: place in `times` and `bought` (0: newest), -1: never seen
    times: NDArray[np.float32],  # [seen]: how often
    bought: NDArray[np.uint8],  # [seen]
    category: NDArray[np.int32],  # [all items]: 0: unknown
    recent: NDArray[np.int32],  # [recent]: the user's last items, newest first
    born: NDArray[np.int64],  # [all items]: events before the item's first mention
    used: NDArray[np.int64],  # [all items]: events until its last event, -1: none
    events: int,  # so far
    user: NDArray[
        np.float64
    ],  # [7]: last was a click, a purchase; last two equal; repeat, immediate rate; events, depth
) -> NDArray[np.uint8]:  # [candidates, features], times 255
    """Compute the feature matrix; columns as in `feature_names`."""
    sources = len(scores)
    out = np.zeros((len(items), 3 * sources + 20), np.uint8)
    _source_columns(ranks, scores, out)
    history, depth = _byte(log(1.0 + user[5]) / 6.0), _byte(log(1.0 + user[6]) / 4.0)
    weights = 0.8 ** np.arange(len(recent))
    total = weights.sum()
    for c in range(len(items)):
        item, row, place = items[c], out[c, 3 * sources :], seen_at[c]
        if place >= 0:
            row[0], row[1] = 255, _byte(log(1.0 + times[place]) / 3.0)
            row[2], row[3] = _byte(1.0 / (1.0 + place)), 255 * bought[place]
            row[4], row[5] = _byte(1.0 / (1.0 + user[6])), _byte(user[3])
        if place == 0:
            row[6], row[7], row[8], row[9], row[10] = (
                255,
                _byte(user[0]),
                _byte(user[1]),
                _byte(user[2]),
                _byte(user[4]),
            )
        if category[item] > 0:
            share = 0.0
            for q in range(len(recent)):
                share += weights[q] * (category[recent[q]] == category[item])
            row[11] = 255 * (len(recent) > 0 and category[recent[0]] == category[item])
            row[12] = _byte(share / max(total, 1.0))
        row[13] = _byte(_slow(events - born[item]))
        row[14] = _byte(_slow(events - used[item])) if used[item] >= 0 else 0
        row[15] = _byte(scores[1, c] / scores[0, c]) if scores[0, c] > 0 else 0
        agree = 0
        for s in range(ranks.shape[1]):
            agree += ranks[c, s] >= 0
        row[16] = _byte(agree / ranks.shape[1])
        row[17], row[18], row[19] = history, depth, _byte(user[3])
    return out
