"""Rows of nearest items: what an item is like, found once and kept, so that a query need not search.

A row is made when a query needs it, or ahead (`Content.prepare`). It is out of date when the item is described anew, or
when a quarter more items are described than when it was made, since that moves how rare tokens are. Rows serve
proposals only: they are no part of the state, and scores never depend on them.
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.top_k import best_first, best_of
from learners.content.profile import DESCRIBED, FOUND, ROWS, STAMP, Rated, begin, usual_price
from learners.content.scores import closeness_of_prices, rate
from learners.content.search import search

WIDTH: Final = 64  # items of a row
MAX_ROWS: Final = 1 << 17  # 67 MB; beyond, the row that was made first gives way
RATED: Final = 128  # of a query's candidates, the best by the sums of their likeness, that are scored exactly


@njit(cache=True)
def is_current(slots: NDArray[np.int32], made: NDArray[np.int64], described: int, item: int) -> bool:
    """Whether the row of a known item is there and not out of date, now that so many items are described."""
    return bool(slots[item] >= 0 and 4 * described <= 5 * made[slots[item]] + 64)


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
    items, scores = _free(it, search(it, 0.0, beside), np.empty(0, np.uint8))
    best, likeness = best_first(items, scores, it.nearest.shape[1])
    it.nearest[slot, : len(best)], it.nearest[slot, len(best) :] = best, -1
    # The profile of several items is the sum of theirs before each is made as long as 1.
    it.likeness[slot, : len(best)] = likeness * np.float32(length if length > 0.0 else 1.0)
    it.made[slot] = it.counters[DESCRIBED]


@njit(cache=True)
def enter(it: Rated, item: int) -> None:
    """Put an item whose row was just made into the rows of the items that it is near to."""
    own = it.slots[item]
    slots, nearest = it.slots, it.nearest
    for n in range(WIDTH):
        if nearest[own, n] < 0:
            break
        slot, likeness = slots[nearest[own, n]], it.likeness[own, n]
        if slot < 0:
            continue
        row, levels, place = nearest[slot], it.likeness[slot], 0
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
    slots, made, described = it.slots, it.made, it.counters[DESCRIBED]
    nothing = np.empty(0, np.int32)  # no global: that is read-only in compiled code, and made a second `search` of it
    for n in range(min(len(recent), len(it.decay))):
        item: Any = np.int64(recent[n])  # as from Python, where `make_row` is called too
        if most > 0 and 0 <= item < size and not is_current(slots, made, described, item):
            make_row(it, item, size, nothing)
            most -= 1
    begin(it, recent, size)
    usual, full = usual_price(it.prices, recent, it.decay, size), _spread(it, recent, size)
    items, scores, kept = np.empty(it.counters[FOUND], np.int32), np.empty(it.counters[FOUND], np.float32), 0
    marks, prices, share = it.marks, it.prices, it.shares[2]
    for near in it.found[: it.counters[FOUND]]:
        if blocked[near] == 0:
            items[kept] = near
            scores[kept] = marks[near, 1] * closeness_of_prices(usual, prices[near], share)
            kept += 1
    if full and 2 * kept < k:
        items, scores = _free(it, search(it, usual, nothing), blocked)
        return best_first(items, scores, k)
    if kept > max(RATED, k):
        items = best_of(items[:kept], scores[:kept], max(RATED, k))
        kept = len(items)
    it.counters[STAMP] += 1
    stamp, rated = it.counters[STAMP], 0
    rate(it, usual, items[:kept], scores)
    for n in range(kept):
        marks[items[n], 0], marks[items[n], 1] = stamp, scores[n]
        if scores[n] > 0.0:
            items[rated], scores[rated] = items[n], scores[n]
            rated += 1
    return best_first(items[:rated], scores[:rated], k)


@njit(cache=True)
def _spread(it: Rated, recent: NDArray[np.int32], size: int) -> bool:
    """Add up the likeness of all items to the last ones; return whether a row is full, so that items may be missing."""
    slots, nearest, likeness, marks, found, decay = it.slots, it.nearest, it.likeness, it.marks, it.found, it.decay
    it.counters[STAMP] += 1
    stamp, count, full = it.counters[STAMP], 0, False
    for n in range(min(len(recent), len(decay))):
        slot = slots[recent[n]] if 0 <= recent[n] < size else -1
        for place in range(WIDTH if slot >= 0 else 0):
            item = nearest[slot, place]
            if item < 0:
                break
            if marks[item, 0] != stamp:
                marks[item, 0], marks[item, 1] = stamp, 0.0
                found[count] = item
                count += 1
            marks[item, 1] += decay[n] * likeness[slot, place]
            full |= place == WIDTH - 1
    it.counters[FOUND] = count
    return full


@njit(cache=True)
def _free(
    it: Rated, count: int, blocked: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """The first so many items of a search that have a score and are not blocked; without entries nothing is."""
    found, rated, free = it.found, it.scores, len(blocked) == 0
    items, scores, kept = np.empty(count, np.int32), np.empty(count, np.float32), 0
    for n in range(count):
        if rated[n] > 0.0 and (free or blocked[found[n]] == 0):
            items[kept], scores[kept] = found[n], rated[n]
            kept += 1
    return items[:kept], scores[:kept]
