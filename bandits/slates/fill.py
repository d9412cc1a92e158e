"""Epsilon-greedy slates: every source is valued at the rank bucket of its offer.

Without the bucket a policy takes a whole slate from one source, down to the poor items at the end of its list. Two
sources may offer the same item, so an item's propensity is the sum over the sources that offer it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import NO_CONSTRAINTS, PINNED, Constraints, Slate
from bandits.explore import epsilon_greedy
from bandits.slates.offers import rank_bucket
from bandits.slates.walk import compiled


class Scores(NamedTuple):
    """Values of the sources in one state."""

    values: NDArray[np.float64]  # [sources, 4], by rank bucket of the offer
    epsilon: float  # in [0, 1]


@register_jitable
def epsilon_greedy_pmf(
    scores: Scores, lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: NDArray[np.float64]
) -> None:
    """Epsilon-greedy over the live sources."""
    values = np.zeros(cursor.size)
    for a in range(cursor.size):
        values[a] = scores.values[a, rank_bucket(cursor[a])]
    pmf[:] = epsilon_greedy(values, cursor < lists.shape[1], scores.epsilon)


_draw_free, _draw, _propensities, _recorded = compiled(epsilon_greedy_pmf)


def draw_slate(
    lists: NDArray[np.int32],
    scores: NDArray[np.float64],
    epsilon: float,
    uniforms: NDArray[np.float64],
    constraints: Constraints,
) -> Slate:
    """Fill one slot per uniform number, epsilon-greedily, until all sources are exhausted.

    Parameters
    ----------
    lists
        Items of each source, best first, shape ``[sources, depth]``; a negative number ends a list.
    scores
        Value of each source in each rank bucket in the current state, shape ``[sources, 4]``.
    epsilon
        Exploration rate in [0, 1].
    uniforms
        One number in [0, 1) for each slot.
    constraints
        Caps and pins; ``NO_CONSTRAINTS`` for none.

    Examples
    --------
    >>> lists = np.array([[7, 8, 9], [8, 5, -1]], np.int32)
    >>> slate = draw_slate(lists, np.array([[0.0] * 4, [1.0] * 4]), 0.2, np.full(4, 0.5), NO_CONSTRAINTS)
    >>> slate.items.tolist(), slate.sources.tolist(), slate.propensities.round(2).tolist()
    ([8, 5, 7, 9], [1, 1, 0, 0], [0.9, 0.9, 1.0, 1.0])
    """
    return _draw(Scores(scores, epsilon), lists, uniforms, constraints)


def slate_propensities(
    lists: NDArray[np.int32],
    scores: NDArray[np.float64],
    epsilon: float,
    items: NDArray[np.int32],
    constraints: Constraints,
) -> NDArray[np.float64]:
    """Probability of each item of a given slate given the items above it, under other scores or epsilon.

    The numerators of off-policy evaluation. An item that no source offers at its slot has 0.

    Examples
    --------
    >>> lists = np.array([[7, 8, 9], [8, 5, -1]], np.int32)
    >>> slate_propensities(lists, np.zeros((2, 4)), 0.5, np.array([8, 7, 9, 6], np.int32), NO_CONSTRAINTS).tolist()
    [0.25, 0.75, 0.75, 0.0]
    """
    return _propensities(Scores(scores, epsilon), lists, items, constraints)


def recorded_propensities(
    lists: NDArray[np.int32], scores: NDArray[np.float64], epsilon: float, offered_ranks: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Probability of each item of a slate on record given the items above it, from its ``offered_ranks [n, sources]``.

    The caps and pins under which the slate was drawn are not needed: the offered ranks reflect them.

    Examples
    --------
    >>> lists = np.array([[7, 8, 9], [8, 5, 6]], np.int32)
    >>> offered_ranks = np.array([[128, 0], [0, 2], [255, 255]], np.uint8)  # 128 + rank: not shown; 255: exhausted
    >>> recorded_propensities(lists, np.zeros((2, 4)), 0.5, offered_ranks).tolist()
    [0.25, 1.0, 1.0]
    """
    return _recorded(Scores(scores, epsilon), lists, offered_ranks)


@njit(cache=True)
def slate_value(
    scores: NDArray[np.float64],
    theta: NDArray[np.float64],
    offered_ranks: NDArray[np.uint8],
    sources: NDArray[np.uint8],
) -> float:
    """Sum of the slots' values, each weighted by its chance to be examined; pinned slots count nothing.

    Examples
    --------
    >>> scores = np.array([[0.5, 0.3, 0.0, 0.0], [0.9, 0.4, 0.0, 0.0]])
    >>> slate_value(scores, np.array([1.0, 0.5]), np.array([[128, 0], [0, 129]], np.uint8), np.array([1, 0], np.uint8))
    1.15
    """
    total = 0.0
    for j in range(sources.size):
        a = sources[j]
        if a != PINNED:
            total += theta[j] * scores[a, rank_bucket(offered_ranks[j, a])]
    return total


def greedy_value(lists: NDArray[np.int32], scores: NDArray[np.float64], theta: NDArray[np.float64]) -> float:
    """Value of the greedy slate of one slot per examination weight in ``theta``, without constraints.

    The record of a next slate holds its lists, not the constraints it was drawn under.

    Examples
    --------
    >>> scores = np.array([[0.5, 0.3, 0.0, 0.0], [0.9, 0.4, 0.0, 0.0]])
    >>> greedy_value(np.array([[7, 8, 9], [8, 5, -1]], np.int32), scores, np.array([1.0, 0.5]))
    1.15
    """
    best = greedy_fill(lists, scores, theta.size)
    return slate_value(scores, theta, best.offered_ranks, best.sources)


def greedy_fill(lists: NDArray[np.int32], scores: NDArray[np.float64], slots: int) -> Slate:
    """Take the best live source slot by slot: the action whose value is Q-learning's maximum.

    Examples
    --------
    >>> lists = np.array([[7, 8, 9], [8, 5, -1]], np.int32)
    >>> greedy_fill(lists, np.array([[0.5, 0.3, 0.0, 0.0], [0.9, 0.4, 0.0, 0.0]]), slots=3).items.tolist()
    [8, 7, 5]
    """
    return draw_slate(lists, scores, 0.0, np.zeros(slots), NO_CONSTRAINTS)
