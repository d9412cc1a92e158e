"""What each source offers at a slot: the first item of its list that stands in no slot above.

A cursor ``[sources]`` holds the rank of each source's offer in its list, or the list's depth where the source is
exhausted. Under constraints an offer must also keep all caps and pins (``bandits.slates.constraints``).
"""

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, OTHER

BUCKETS = 4
MAX_DEPTH = 127  # OTHER + rank must stay below EXHAUSTED


@register_jitable
def rank_bucket(rank: int) -> int:
    """Bucket of a rank in a list: {0}, {1, 2}, {3..6}, {7 and more}.

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
    """Refuse lists that would make a kernel read or write beyond an array."""
    if lists.shape[0] != sources:
        raise ValueError("lists must have one row for each source of the policy")
    if lists.shape[1] > MAX_DEPTH:
        raise ValueError("lists must have at most 127 columns")


@register_jitable
def check_record(offered_ranks: NDArray[np.uint8], drawn: NDArray[np.uint8], slots: int, sources: int) -> None:
    """Refuse a record that does not fit the policy's tables."""
    if offered_ranks.shape[0] != drawn.size or offered_ranks.shape[1] != sources:
        raise ValueError("offered_ranks must have one row for each slot and one column for each source")
    if drawn.size > slots:
        raise ValueError("a slate must have at most as many slots as the policy")


@register_jitable
def seek_offers(lists: NDArray[np.int32], items: NDArray[np.int32], slot: int, cursor: NDArray[np.int64]) -> int:
    """Move each source's cursor to its offer for a slot, the ``items`` above given; return how many sources are live.

    For a slate without constraints. Call it for every slot, from the first on: an offer that the slot above did not
    show stays.
    """
    sources, depth = lists.shape
    live = 0
    for a in range(sources):
        rank = cursor[a]
        if slot == 0 or (rank < depth and lists[a, rank] == items[slot - 1]):
            cursor[a] = rank = first_unplaced(lists, a, items, slot, rank)
        live += rank < depth
    return live


@register_jitable
def first_unplaced(lists: NDArray[np.int32], a: int, items: NDArray[np.int32], slot: int, start: int) -> int:
    """Rank from ``start`` on of a source's first item that is in no slot above, the lists' depth if there is none."""
    depth = lists.shape[1]
    for rank in range(start, depth):
        item = lists[a, rank]
        if item < 0:
            break
        placed = False
        for above in range(slot):
            placed |= items[above] == item
        if not placed:
            return rank
    return depth


@register_jitable
def read_offers(offered_ranks: NDArray[np.uint8], cursor: NDArray[np.int64], depth: int) -> int:
    """Set the cursors from the record ``[sources]`` of one slot; return how many sources are live."""
    live = 0
    for a in range(offered_ranks.size):
        cursor[a] = depth if offered_ranks[a] == EXHAUSTED else offered_ranks[a] % OTHER
        live += cursor[a] < depth
    return live


@register_jitable
def shown_probability(offered_ranks: NDArray[np.uint8], pmf: NDArray[np.float64]) -> float:
    """Probability of the item that a recorded slot shows: the sum over the sources that offered it."""
    total = 0.0
    for a in range(offered_ranks.size):
        if offered_ranks[a] < OTHER:
            total += pmf[a]
    return total


@register_jitable
def item_propensity(lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: NDArray[np.float64], item: int) -> float:
    """Probability that the slot shows ``item``: the sum over the sources that offer it."""
    total = 0.0
    for a in range(pmf.size):
        if cursor[a] < lists.shape[1] and lists[a, cursor[a]] == item:
            total += pmf[a]
    return total
