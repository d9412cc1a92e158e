"""Which source is shown and which is explored, among those whose offer differs from that of source 0, the ranking.

1. m, v: believed mean and variance of (source - ranking) in the cell (state, source, its rank bucket,
   the ranking's rank bucket).
2. Choose the largest m - z sqrt(v) if it is above 0, else the ranking.
3. Every other source is drawn with probability epsilon / (sources - 1) if m + zx sqrt(v) >= 0, else with
   epsilon_floor / (sources - 1); a ranking not chosen with epsilon / (sources - 1); the choice gets the
   rest. Sources that agree with the ranking need no probability of their own.

If the ranking is exhausted, the largest m - z sqrt(v) is chosen even below 0.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.slates.disagreement.matched_sums import Table, believed_difference
from bandits.slates.offers import BUCKETS, rank_bucket
from bandits.slates.walk import compiled

Prior = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How cautious the choice is, and how long it remembers.

    Parameters
    ----------
    epsilon_floor
        Exploration rate of sources that are credibly worse, in [0, epsilon].
    z
        Standard deviations by which a source must be better to be chosen.
    zx
        Standard deviations by which it may be better to be explored.
    t0
        Standard deviation of the pooled differences around zero, in mean rewards of an examined slot.
    ts
        Standard deviation of a state's differences around the pooled one, in the same unit.
    doubt
        Examined slots of the mean squared reward that are added to the squared errors of the source's side.
    cap, cap_pooled
        Examined slots that a cell remembers, of a state and pooled.
    """

    epsilon_floor: float = 0.005
    z: float = 0.5
    zx: float = 1.0
    t0: float = 1.0
    ts: float = 0.5
    doubt: float = 1.0
    cap: float = 100.0
    cap_pooled: float = 1000.0


class Differences(NamedTuple):
    """What is believed in one state of the sources' advantage over the ranking."""

    cells: Table
    pooled: Table
    prior: Prior  # see `believed_difference`
    confidence: tuple[float, float]  # z, zx
    exploration: tuple[float, float]  # epsilon, epsilon_floor
    bounds: NDArray[np.float64]  # [sources, 4, 4, 2], m - z sqrt(v) and m + zx sqrt(v); NaN: not worked out yet


def no_bounds(sources: int) -> NDArray[np.float64]:
    """Room for the bounds of every cell: each is worked out once a slate, since buckets rarely change."""
    return np.full((sources, BUCKETS, BUCKETS, 2), np.nan)


@register_jitable
def work_out(differences: Differences, a: int, b: int, b_0: int) -> None:
    """Write the bounds of one cell."""
    mean, variance = believed_difference(differences.cells[a, b, b_0], differences.pooled[a, b, b_0], differences.prior)
    spread = math.sqrt(variance)
    differences.bounds[a, b, b_0, 0] = mean - differences.confidence[0] * spread
    differences.bounds[a, b, b_0, 1] = mean + differences.confidence[1] * spread


@register_jitable
def disagreement_pmf(
    differences: Differences, lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: NDArray[np.float64]
) -> None:
    """Write the probability of every source at one slot."""
    sources, depth = lists.shape
    bounds, exploration = differences.bounds, differences.exploration
    share = 1.0 / max(sources - 1, 1)
    pmf[:] = 0.0
    ranking_live = cursor[0] < depth
    b_0 = rank_bucket(cursor[0]) if ranking_live else BUCKETS - 1
    choice, best = (0, 0.0) if ranking_live else (-1, -math.inf)
    if ranking_live:
        pmf[0] = exploration[0] * share
    for a in range(1, sources):
        if cursor[a] >= depth or (ranking_live and lists[a, cursor[a]] == lists[0, cursor[0]]):
            continue
        b = rank_bucket(cursor[a])
        if np.isnan(bounds[a, b, b_0, 0]):
            work_out(differences, a, b, b_0)
        pmf[a] = share * (exploration[0] if bounds[a, b, b_0, 1] >= 0.0 else exploration[1])
        if bounds[a, b, b_0, 0] > best:
            choice, best = a, bounds[a, b, b_0, 0]
    pmf[choice] = 0.0
    total = 0.0
    for a in range(sources):
        total += pmf[a]
    pmf[choice] = max(0.0, 1.0 - total)


draw_freely, draw_disagreement, disagreement_propensities, recorded_disagreement = compiled(disagreement_pmf)
