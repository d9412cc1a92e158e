"""Rows of nearest items: what an item is like, found once and kept, so that a query need not search.

A row is made when a query needs it, or ahead (`Content.prepare`). It is out of date when the item is described anew, or
when a quarter more items are described than when it was made, since that moves how rare tokens are. Rows serve
proposals only: they are no part of the state, and scores never depend on them.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.top_k import best_first
from learners.content.profile import DESCRIBED, FOUND, ROWS, STAMP, Rated, begin, usual_price
from learners.content.scores import priced, rate
from learners.content.search import search

WIDTH: Final = 64  # items of a row
MAX_ROWS: Final = 1 << 17  # 67 MB; beyond, the row that was made first gives way
RATED: Final = 128  # of a query's candidates, the best by the sums of their likeness, that are scored exactly
_NOTHING = np.empty(0, np.int32)


@njit(cache=True)
def is_current(it: Rated, item: int) -> bool:
    """Whether the row of a known item is there and not out of date."""
    slot = it.slots[item]
    return bool(slot >= 0 and 4 * it.counters[DESCRIBED] <= 5 * it.made[slot] + 64)


@njit(cache=True)
def make_row(it: Rated, item: int, size: int, beside: NDArray[np.int32]) -> None:
    """Find the items nearest to a known one; `beside`: items that may be near, whatever their tokens."""
    slot = it.slots[item]
    if slot < 0:
        slot = it.counters[ROWS] % len(it.owners)
        it.counters[ROWS] += 1
        if it.owners[slot] >= 0:
            it.slots[it.owners[slot]] = -1
        it.owners[slot], it.slots[item] = item, slot
    length = begin(it, np.array([item], np.int32), size)
    count = search(it, 0.0, beside)
    items, scores, kept = np.empty(count, np.int32), np.empty(count, np.float32), 0
    for n in range(count):
        if it.scores[n] > 0.0:
            items[kept], scores[kept] = it.found[n], it.scores[n]
            kept += 1
    best, likeness = best_first(items[:kept], scores[:kept], WIDTH)
    it.nearest[slot, len(best) :] = -1
    for n in range(len(best)):  # the profile of several items is the sum of theirs before each is made as long as 1
        it.nearest[slot, n], it.likeness[slot, n] = best[n], likeness[n] * (length if length > 0.0 else 1.0)
    it.made[slot] = it.counters[DESCRIBED]


@njit(cache=True)
def enter(it: Rated, item: int) -> None:
    """Put an item whose row was just made into the rows of the items that it is near to."""
    own = it.slots[item]
    for n in range(WIDTH):
        if it.nearest[own, n] < 0:
            break
        slot, likeness = it.slots[it.nearest[own, n]], it.likeness[own, n]
        if slot < 0:
            continue
        row, levels, place = it.nearest[slot], it.likeness[slot], 0
        while place < WIDTH - 1 and row[place] != item and row[place] >= 0:
            place += 1
        if row[place] >= 0 and row[place] != item and levels[place] >= likeness:
            continue  # the row is full of nearer ones
        while place > 0 and levels[place - 1] < likeness:
            row[place], levels[place] = row[place - 1], levels[place - 1]
            place -= 1
        row[place], levels[place] = item, likeness


@njit(cache=True)
def propose_content(
    it: Rated, recent: NDArray[np.int32], size: int, blocked: NDArray[np.uint8], k: int, most: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k closest items that are not blocked, out of the rows of the last items; make `most` that are missing.

    The profile of `recent` stands afterwards, for `score_content`. Where blocked items leave too few, the lists of
    tokens are searched.
    """
    for n in range(min(len(recent), len(it.decay))):
        if most > 0 and 0 <= recent[n] < size and not is_current(it, recent[n]):
            make_row(it, recent[n], size, _NOTHING)
            most -= 1
    begin(it, recent, size)
    usual, full = usual_price(it.prices, recent, it.decay, size), _spread(it, recent, size)
    items, scores, kept = np.empty(it.counters[FOUND], np.int32), np.empty(it.counters[FOUND], np.float32), 0
    for item in it.found[: it.counters[FOUND]]:
        if blocked[item] == 0:
            items[kept], scores[kept] = item, priced(it, item, it.marks[item, 1], usual)
            kept += 1
    if full and 2 * kept < k:
        return _searched(it, usual, blocked, k)
    if kept > max(RATED, k):
        items, scores = best_first(items[:kept], scores[:kept], max(RATED, k))
        kept = len(items)
    it.counters[STAMP] += 1
    rated = 0
    for n in range(kept):
        item, score = items[n], np.float32(rate(it, items[n], usual))
        it.marks[item, 0], it.marks[item, 1] = it.counters[STAMP], score
        if score > 0.0:
            items[rated], scores[rated] = item, score
            rated += 1
    return best_first(items[:rated], scores[:rated], k)


@njit(cache=True)
def _spread(it: Rated, recent: NDArray[np.int32], size: int) -> bool:
    """Add up the likeness of all items to the last ones; return whether a row is full, so that items may be missing."""
    it.counters[STAMP] += 1
    stamp, count, full = it.counters[STAMP], 0, False
    for n in range(min(len(recent), len(it.decay))):
        slot = it.slots[recent[n]] if 0 <= recent[n] < size else -1
        for place in range(WIDTH if slot >= 0 else 0):
            item = it.nearest[slot, place]
            if item < 0:
                break
            if it.marks[item, 0] != stamp:
                it.marks[item, 0], it.marks[item, 1] = stamp, 0.0
                it.found[count] = item
                count += 1
            it.marks[item, 1] += it.decay[n] * it.likeness[slot, place]
            full |= place == WIDTH - 1
    it.counters[FOUND] = count
    return full


@njit(cache=True)
def _searched(
    it: Rated, usual: float, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    count = search(it, usual, _NOTHING)
    items, scores, kept = np.empty(count, np.int32), np.empty(count, np.float32), 0
    for n in range(count):
        if it.scores[n] > 0.0 and blocked[it.found[n]] == 0:
            items[kept], scores[kept] = it.found[n], it.scores[n]
            kept += 1
    return best_first(items[:kept], scores[:kept], k)
