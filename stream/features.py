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
def source_columns(
    ranks: NDArray[np.int32],  # [candidates, lists]: place in the list's own proposal, -1: not proposed
    scores: NDArray[np.float32],  # [candidates, sources]; lists that have no scores come last in `ranks`
    out: NDArray[np.float32],  # [candidates, features], zero: filled from column 0
) -> None:
    """Per source: score / best score, 1 / (1 + rank), and the logarithm of the first, cut off at e^-8."""
    n, sources = scores.shape
    for s in range(sources):
        best = scores[:, s].max() if n else np.float32(0.0)
        for c in range(n):
            if best > 0 and scores[c, s] > 0:
                value = scores[c, s] / best
                out[c, 3 * s] = value
                out[c, 3 * s + 2] = max(0.0, 1.0 + log(value) / 8.0)
            if ranks[c, s] >= 0:
                out[c, 3 * s + 1] = 1.0 / (1.0 + ranks[c, s])


@njit(cache=True)
def own_columns(
    ranks: NDArray[np.int32],  # [candidates, lists]
    seen_at: NDArray[np.int32],  # [candidates]: place in `times` and `bought` (0: newest), -1: never seen
    times: NDArray[np.float32],  # [seen]: how often
    bought: NDArray[np.uint8],  # [seen]
    category: NDArray[np.int32],  # [candidates], -1: none
    share: NDArray[np.float32],  # [candidates]: of the category among the user's last items
    last_category: int,
    age: NDArray[np.float32],  # [candidates]: events since the item's first mention
    idle: NDArray[np.float32],  # [candidates]: events since its last event, inf: none
    trend: NDArray[np.float32],  # [candidates]: fast / slow popularity
    user: NDArray[
        np.float32
    ],  # [7]: last was a click, a purchase; last two equal; repeat, immediate rate; events, depth
    out: NDArray[np.float32],  # [candidates, own features], zero
) -> None:
    """Everything else; columns as in `OWN`."""
    history = min(1.0, log(1.0 + user[5]) / 6.0)
    depth = min(1.0, log(1.0 + user[6]) / 4.0)
    for c in range(len(out)):
        row, place = out[c], seen_at[c]
        if place >= 0:
            row[0], row[2], row[3], row[4], row[5] = (
                1.0,
                1.0 / (1.0 + place),
                bought[place],
                1.0 / (1.0 + user[6]),
                user[3],
            )
            row[1] = min(1.0, log(1.0 + times[place]) / 3.0)
        if place == 0:
            row[6], row[7], row[8], row[9], row[10] = 1.0, user[0], user[1], user[2], user[4]
        row[11], row[12] = category[c] >= 0 and category[c] == last_category, share[c]
        row[13] = 1.0 / (1.0 + log(1.0 + age[c]) / 2.0)
        row[14] = 1.0 / (1.0 + log(1.0 + idle[c]) / 2.0)  # 0 where it was never used
        row[15] = trend[c]
        row[16] = (ranks[c] >= 0).sum() / ranks.shape[1]
        row[17], row[18], row[19] = history, depth, user[3]


@njit(cache=True)
def category_shares(category: NDArray[np.int32], recent: NDArray[np.int32]) -> NDArray[np.float32]:
    """Share of each candidate's category among the user's last items, the newest counting most (0.8 per step)."""
    shares = np.zeros(len(category), np.float32)
    weights = 0.8 ** np.arange(len(recent))
    for c in range(len(category)):
        for q in range(len(recent)):
            if category[c] >= 0 and recent[q] == category[c]:
                shares[c] += weights[q] / weights.sum()
    return shares


def quantise(features: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One byte a feature, as rows travel in the log; learning and serving both read the same rounding."""
    return (features * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
