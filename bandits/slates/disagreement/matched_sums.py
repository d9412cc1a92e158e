"""How much better a source is than the ranking where the two disagree.

Where source a and the blended ranking offer different items and one of the two is shown, the outcome informs about
their difference. Sums over such slots, matched on the same cell for both sides:

    S = sum theta * y     W = sum theta ** 2     V = sum theta ** 2 * (y - theta * S / W) ** 2

with y the slot's reward (0 for a miss), or with a discount the u_t of ``bandits.slates.table``. S / W is the value of
an examined slot; old slots fade once W exceeds a cap. The difference of the sides is shrunk twice: the pooled one (all
states) towards zero, the state's towards the pooled one.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, OTHER
from bandits.slates.offers import check_record, rank_bucket
from bandits.slates.queue import Settled
from bandits.td import td_learning

Table = NDArray[np.float64]  # [sources, 4 own bucket, 4 ranking's bucket, 2 sides, 3 sums]

SIDES = 2  # the source's item was shown; the ranking's item was shown
S, W, V = range(3)
TRUSTED = 5.0  # examined slots before a cell's own mean is used for its errors


@register_jitable
def add_slot(side: NDArray[np.float64], examined: float, reward: float, cap: float, prior_value: float) -> float:
    """Add one slot to the sums ``[S, W, V]`` of one side; return its error before."""
    g = examined * examined
    value = side[S] / side[W] if side[W] > TRUSTED else prior_value
    error = td_learning(examined * value, reward, 0.0, 0.0)
    kept = 1.0 - g / cap if side[W] > cap else 1.0
    side[S] = kept * side[S] + examined * reward
    side[W] = kept * side[W] + g
    side[V] = kept * side[V] + g * error * error
    return error


@register_jitable
def observed_difference(cell: NDArray[np.float64], prior_variance: float) -> tuple[float, float]:
    """Source minus ranking in a cell ``[2 sides, 3]``, and its variance: infinite unless both have data."""
    if cell[0, W] == 0.0 or cell[1, W] == 0.0:
        return 0.0, math.inf
    difference = cell[0, S] / cell[0, W] - cell[1, S] / cell[1, W]
    variance = (cell[0, V] + prior_variance) / cell[0, W] ** 2 + cell[1, V] / cell[1, W] ** 2
    return difference, variance


@register_jitable
def shrink(prior_mean: float, prior_variance: float, observed: float, variance: float) -> tuple[float, float]:
    """Mean and variance of a normal quantity, seen once with ``variance``, under a normal prior.

    Examples
    --------
    >>> shrink(0.0, 0.01, observed=0.4, variance=0.03)
    (0.1, 0.0075)
    >>> shrink(0.2, 0.01, observed=0.0, variance=math.inf)
    (0.2, 0.01)
    """
    if variance == math.inf or prior_variance == 0.0:
        return prior_mean, prior_variance
    weight = prior_variance / (prior_variance + variance)
    return prior_mean + weight * (observed - prior_mean), weight * variance


@register_jitable
def believed_difference(
    cell: NDArray[np.float64], pooled: NDArray[np.float64], prior: tuple[float, float, float]
) -> tuple[float, float]:
    """Mean and variance of a source's advantage over the ranking.

    ``prior`` holds two standard deviations, of the pooled difference around zero and of a state's around
    the pooled one, and the variance added to the source's side.
    """
    t0, ts, prior_variance = prior
    d_pooled, se2_pooled = observed_difference(pooled, prior_variance)
    m_pooled, v_pooled = shrink(0.0, t0 * t0, d_pooled, se2_pooled)
    d, se2 = observed_difference(cell, prior_variance)
    return shrink(m_pooled, v_pooled + ts * ts, d, se2)


class Sums(NamedTuple):
    """The sums that one slate moves, and how they forget."""

    cells: Table  # of the slate's state
    pooled: Table  # of all states
    caps: tuple[float, float]  # examined slots that a cell remembers, of a state and pooled
    prior_value: float  # of an examined slot, in units of reward


@njit(cache=True)
def credit_disagreement(sums: Sums, settled: Settled) -> float:
    """Add every slot to the sums of the sources that disagreed there; return the mean error of the slots."""
    cells, pooled, caps, prior_value = sums
    theta, offered_ranks, sources, hit, u_t = settled
    check_record(offered_ranks, sources, theta.size, cells.shape[0])
    total = 0.0
    matched = 0
    for j in range(sources.size):
        if offered_ranks[j, 0] == EXHAUSTED:
            continue
        y = u_t if j == hit else 0.0
        ranking_shown = offered_ranks[j, 0] < OTHER
        b_0 = rank_bucket(offered_ranks[j, 0] % OTHER)
        for a in range(1, cells.shape[0]):
            shown = offered_ranks[j, a] < OTHER
            if offered_ranks[j, a] == EXHAUSTED or shown == ranking_shown:  # they agree, or a third item is shown
                continue
            b = rank_bucket(offered_ranks[j, a] % OTHER)
            side = 0 if shown else 1
            total += add_slot(cells[a, b, b_0, side], theta[j], y, caps[0], prior_value)
            add_slot(pooled[a, b, b_0, side], theta[j], y, caps[1], prior_value)
            matched += 1
    return total / max(matched, 1)
