"""Filling a slate from ranked lists: offered_ranks, rank buckets, epsilon-greedy draws, item propensities.

At each slot every source offers its head, the first item of its list that stands in no slot above (and
breaks no constraint, see ``constraints``). The policy draws a source, the slot shows its head. Two sources may offer
the same item, so an item's propensity is the sum over the sources whose head it is. All of it depends on
(state, slot, items above) alone and never on which source placed what: that is what makes the
propensities exact.

A value belongs to a source *and the rank bucket of its head*. Without the bucket a policy takes a whole
slate from one source and pays for the tail of its list.
"""

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, NO_CONSTRAINTS, OTHER, PINNED, Constraints, Slate
from bandits.explore import draw, epsilon_greedy
from bandits.slates.constraints import check_terms, due_pin, place_pin, seek_fitting_heads, unavailable

BUCKETS = 4
MAX_DEPTH = 127  # OTHER + index must stay below EXHAUSTED


@register_jitable
def rank_bucket(rank: int) -> int:
    """Bucket of an index in a list: {0}, {1, 2}, {3..6}, {7 and more}.

    Examples
    --------
    >>> [rank_bucket(rank) for rank in (0, 1, 2, 3, 6, 7, 99)]
    [0, 1, 1, 2, 2, 3, 3]
    """
    if rank < 3:
        return 0 if rank < 1 else 1
    return 2 if rank < 7 else 3


@register_jitable
def check_lists(lists: NDArray[np.int32], sources: int) -> None:
    """Refuse what would read or write beyond an array."""
    if lists.shape[0] != sources:
        raise ValueError("lists must have one row for each source of the policy")
    if lists.shape[1] > MAX_DEPTH:
        raise ValueError("lists must have at most 127 columns")


@register_jitable
def check_heads(offered_ranks: NDArray[np.uint8], drawn: NDArray[np.uint8], slots: int, sources: int) -> None:
    """Refuse a record that does not fit the policy's tables."""
    if offered_ranks.shape[0] != drawn.size or offered_ranks.shape[1] != sources:
        raise ValueError("offered_ranks must have one row for each slot and one column for each source")
    if drawn.size > slots:
        raise ValueError("a slate must have at most as many slots as the policy")


@register_jitable
def seek_heads(lists: NDArray[np.int32], shown: NDArray[np.int32], cursor: NDArray[np.int64]) -> int:
    """Move each source's cursor on to its head, to the list's depth if it is dry; count the live ones.

    For a slate without constraints. Called once a slot, from the first on: a head that was not shown in the slot
    above is a head still.
    """
    sources, depth = lists.shape
    live = 0
    for a in range(sources):
        if shown.size == 0 or (cursor[a] < depth and lists[a, cursor[a]] == shown[-1]):
            cursor[a] = first_unplaced(lists[a], shown, cursor[a])
        live += cursor[a] < depth
    return live


@register_jitable
def first_unplaced(row: NDArray[np.int32], shown: NDArray[np.int32], start: int) -> int:
    """Index from ``start`` of the first item not shown, the row's size if there is none."""
    for rank in range(start, row.size):
        if row[rank] < 0:
            break
        placed = False
        for item in shown:
            placed |= item == row[rank]
        if not placed:
            return rank
    return row.size


@register_jitable
def read_heads(offered_ranks: NDArray[np.uint8], cursor: NDArray[np.int64], depth: int) -> int:
    """Set the cursors as a record ``[sources]`` of one slot tells; count the live ones."""
    live = 0
    for a in range(offered_ranks.size):
        cursor[a] = depth if offered_ranks[a] == EXHAUSTED else offered_ranks[a] % OTHER
        live += cursor[a] < depth
    return live


@register_jitable
def shown_probability(offered_ranks: NDArray[np.uint8], pmf: NDArray[np.float64]) -> float:
    """Probability that the slot shows what it showed: the sum over the sources whose head it was."""
    total = 0.0
    for a in range(offered_ranks.size):
        if offered_ranks[a] < OTHER:
            total += pmf[a]
    return total


@register_jitable
def item_propensity(lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: NDArray[np.float64], item: int) -> float:
    """Probability that the slot shows ``item``: the sum over the sources whose head it is."""
    total = 0.0
    for a in range(pmf.size):
        if cursor[a] < lists.shape[1] and lists[a, cursor[a]] == item:
            total += pmf[a]
    return total


@register_jitable
def empty_slate(slots: int, sources: int) -> Slate:
    """Room for a slate of ``slots`` items."""
    return Slate(
        np.empty(slots, np.int32),
        np.empty(slots, np.uint8),
        np.empty((slots, sources), np.uint8),
        np.empty((slots, sources), np.float32),
        np.empty(slots, np.float32),
    )


@register_jitable
def first_slots(slate: Slate, n: int) -> Slate:
    """Cut a slate down to its first ``n`` slots."""
    return Slate(
        slate.items[:n], slate.sources[:n], slate.offered_ranks[:n], slate.probabilities[:n], slate.propensities[:n]
    )


@register_jitable
def place(
    slate: Slate,
    slot: int,
    lists: NDArray[np.int32],
    cursor: NDArray[np.int64],
    pmf: NDArray[np.float64],
    u: float,
) -> None:
    """Draw the source of one slot and write down what it shows and what stood for choice."""
    source = draw(pmf, u)
    item = lists[source, cursor[source]]
    slate.items[slot] = item
    slate.sources[slot] = source
    total = 0.0
    for a in range(pmf.size):
        slate.probabilities[slot, a] = pmf[a]
        if cursor[a] >= lists.shape[1]:
            slate.offered_ranks[slot, a] = EXHAUSTED
        elif lists[a, cursor[a]] == item:
            slate.offered_ranks[slot, a] = cursor[a]
            total += pmf[a]
        else:
            slate.offered_ranks[slot, a] = OTHER + cursor[a]
    slate.propensities[slot] = total


@register_jitable
def slot_pmf(scores: NDArray[np.float64], cursor: NDArray[np.int64], depth: int, epsilon: float) -> NDArray[np.float64]:
    """Epsilon-greedy over the live sources, each valued at the rank bucket of its head."""
    values = np.zeros(cursor.size)
    live = cursor < depth
    for a in range(cursor.size):
        values[a] = scores[a, rank_bucket(cursor[a])]
    return epsilon_greedy(values, live, epsilon)


@njit(cache=True)
def draw_slate(
    lists: NDArray[np.int32],
    scores: NDArray[np.float64],
    epsilon: float,
    uniforms: NDArray[np.float64],
    constraints: Constraints,
) -> Slate:
    """Fill one slot per uniform number, epsilon-greedily, until all sources are dry.

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
    sources, depth = lists.shape
    check_lists(lists, scores.shape[0])
    free = check_terms(lists, constraints)
    slate = empty_slate(uniforms.size, sources)
    cursor, used = np.zeros(sources, np.int64), constraints.used.copy()
    gone = unavailable(lists, constraints)
    n = 0
    while n < uniforms.size:
        shown = slate.items[:n]
        live = (
            seek_heads(lists, shown, cursor)
            if free
            else seek_fitting_heads(lists, shown, cursor, constraints, used, gone)
        )
        pin = -1 if free else due_pin(constraints, shown, live)
        if pin >= 0:
            place_pin(slate, n, pin)
        elif live > 0:
            place(slate, n, lists, cursor, slot_pmf(scores, cursor, depth, epsilon), uniforms[n])
        else:
            break
        n += 1
    return first_slots(slate, n)


@njit(cache=True)
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
    sources, depth = lists.shape
    check_lists(lists, scores.shape[0])
    free = check_terms(lists, constraints)
    cursor, used = np.zeros(sources, np.int64), constraints.used.copy()
    gone = unavailable(lists, constraints)
    result = np.zeros(items.size)
    for j in range(items.size):
        shown = items[:j]
        live = (
            seek_heads(lists, shown, cursor)
            if free
            else seek_fitting_heads(lists, shown, cursor, constraints, used, gone)
        )
        pin = -1 if free else due_pin(constraints, shown, live)
        if pin >= 0:
            result[j] = 1.0 if items[j] == pin else 0.0
        elif live > 0:
            result[j] = item_propensity(lists, cursor, slot_pmf(scores, cursor, depth, epsilon), items[j])
    return result


@njit(cache=True)
def recorded_propensities(
    scores: NDArray[np.float64], epsilon: float, offered_ranks: NDArray[np.uint8], depth: int
) -> NDArray[np.float64]:
    """Probability of each item of a slate given the items above it, from the recorded offered_ranks ``[n, sources]``.

    The offered_ranks reflect the caps and pins under which the slate was drawn, so none need be known.

    Examples
    --------
    >>> offered_ranks = np.array([[OTHER, 0], [0, 2], [EXHAUSTED, EXHAUSTED]], np.uint8)
    >>> recorded_propensities(np.zeros((2, 4)), 0.5, offered_ranks, 3).tolist()
    [0.25, 1.0, 1.0]
    """
    cursor = np.zeros(offered_ranks.shape[1], np.int64)
    result = np.ones(offered_ranks.shape[0])
    for j in range(offered_ranks.shape[0]):
        if read_heads(offered_ranks[j], cursor, depth) > 0:
            result[j] = shown_probability(offered_ranks[j], slot_pmf(scores, cursor, depth, epsilon))
    return result


@njit(cache=True)
def slate_value(
    scores: NDArray[np.float64],
    theta: NDArray[np.float64],
    offered_ranks: NDArray[np.uint8],
    sources: NDArray[np.uint8],
) -> float:
    """Sum of the slots' values, each weighted by its chance to be examined; pinned slots are nobody's.

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


@njit(cache=True)
def greedy_value(lists: NDArray[np.int32], scores: NDArray[np.float64], theta: NDArray[np.float64]) -> float:
    """Value of the greedy slate of one slot per examination weight in ``theta``, under no constraints.

    The record of a next slate holds its lists, not the constraints it was drawn under.

    Examples
    --------
    >>> scores = np.array([[0.5, 0.3, 0.0, 0.0], [0.9, 0.4, 0.0, 0.0]])
    >>> greedy_value(np.array([[7, 8, 9], [8, 5, -1]], np.int32), scores, np.array([1.0, 0.5]))
    1.15
    """
    best = draw_slate(lists, scores, 0.0, np.zeros(theta.size), NO_CONSTRAINTS)
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
