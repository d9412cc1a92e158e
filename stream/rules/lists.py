"""Rules about whole lists: diversity, and lists cut so that none alone breaks a cap.

Diversity is maximal marginal relevance [^1]: place after place goes to the item i with the largest

    (1 - d) · relevance(i) - d · max over the items j above of likeness(i, j)

with d the knob, relevance the ranking score stretched to [0, 1] over the items considered, and likeness the share of
common texts (categories, brand, other attributes) among all texts of the two items (Jaccard).

References
----------
[^1]: Carbonell, Goldstein (1998), The use of MMR, diversity-based reranking for reordering documents and producing
summaries, https://doi.org/10.1145/290941.291025
"""

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream.state.attributes import Table

ALIKE_FACTS = 16  # of an item, that its likeness to others is computed from


@register_jitable
def alike(facts: NDArray[np.int64], start: int, end: int, begin: int, stop: int) -> float:
    """Common texts of two items over all of their texts; one has the facts [start, end), the other [begin, stop)."""
    common = either = 0
    for row in range(start, end):
        if facts[row, 0] & 1:  # a number
            continue
        either += 1
        for place in range(begin, stop):
            common += facts[row, 0] == facts[place, 0] and facts[row, 1] == facts[place, 1]
    for place in range(begin, stop):
        either += 1 - (facts[place, 0] & 1)
    either -= common
    return common / either if either > 0 else 0.0


@njit(cache=True)
def diversified(
    table: Table, items: NDArray[np.int32], scores: NDArray[np.float32], diversity: float, places: int
) -> NDArray[np.int32]:
    """The items of a ranking reordered: `places` by maximal marginal relevance, ties by rank; then the others.

    Parameters
    ----------
    items, scores : best first
    diversity : d, in [0, 1]
    """
    n, facts = len(items), table.facts
    start = table.start[items]
    end = start + np.minimum(table.size[items], ALIKE_FACTS)
    worst, spread = float(scores[n - 1]), float(scores[0]) - float(scores[n - 1])
    relevance, likest, free = np.zeros(n), np.zeros(n), np.ones(n, np.bool_)
    if spread > 0:
        relevance[:] = (scores - worst) / spread
    found = np.empty(n, np.int32)
    chosen = min(n, places)
    for place in range(chosen):
        choice, best = -1, -np.inf
        for i in range(n):
            value = (1.0 - diversity) * relevance[i] - diversity * likest[i]
            if free[i] and value > best:
                choice, best = i, value
        found[place], free[choice] = items[choice], False
        for i in range(n):
            if free[i]:
                likest[i] = max(likest[i], alike(facts, start[choice], end[choice], start[i], end[i]))
    found[chosen:] = items[free]
    return found


@njit(cache=True)
def group_items(table: Table, items: NDArray[np.int32], fields: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Number the first value of each field of items: [fields, items], -1 where it is missing; and how many numbers.

    Equal values of a field have equal numbers; an item below 0 has none.
    """
    room = 16
    while room < 2 * len(items):
        room *= 2
    groups = np.full((len(fields), len(items)), -1, np.int32)
    most = 0
    for c in range(len(fields)):
        slots, values = np.full(room, -1, np.int32), np.zeros(room, np.int64)  # a hash table with open addresses
        count = 0
        for n, item in enumerate(items):
            if item < 0:
                continue
            for row in range(table.start[item], table.start[item] + table.size[item]):
                kind = table.facts[row, 0] - fields[c]
                if kind == 0 or kind == 1:
                    value = table.facts[row, 1]
                    address = (value ^ (value >> 32)) & (room - 1)
                    while slots[address] >= 0 and values[address] != value:
                        address = (address + 1) & (room - 1)
                    if slots[address] < 0:
                        slots[address], values[address] = count, value
                        count += 1
                    groups[c, n] = slots[address]
                    break
        most = max(most, count)
    return groups, most


@register_jitable
def next_place(
    row: NDArray[np.int32], groups: NDArray[np.int32], left: NDArray[np.bool_], slot: int, at_most: NDArray[np.int32],
    first: NDArray[np.int32], used: NDArray[np.int32],
) -> int:  # fmt: skip
    """Place of the first item left that breaks no cap in this slot, -1 if all do."""
    for n in range(len(row)):
        if row[n] < 0:
            break
        fits = left[n]
        for c in range(len(at_most)):
            group = groups[c, n]
            fits &= slot >= first[c] or group < 0 or used[c, group] < at_most[c]
        if fits:
            return n
    return -1


@njit(cache=True)
def cut_lists(
    rows: NDArray[np.int32], groups: NDArray[np.int32], at_most: NDArray[np.int32], first: NDArray[np.int32],
    pinned: NDArray[np.int32], k: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:  # fmt: skip
    """Lists of k items from longer ones, such that none breaks a cap by itself; and their groups.

    Items above a cap on the first slots move behind those slots; items above a cap on all slots are left out. Without
    this a list cut at k might hold only items of one brand, of which two may be shown.

    Parameters
    ----------
    rows : [lists, items], best first, -1 pads
    groups : of the lists' items, [caps, lists, items]
    pinned : [caps, groups], pinned items, which count first
    """
    lists, kept = np.full((len(rows), k), -1, np.int32), np.full((len(at_most), len(rows), k), -1, np.int32)
    for a in range(len(rows)):
        used, left = pinned.copy(), np.ones(rows.shape[1], np.bool_)
        n = slot = 0
        while n < k:
            place = next_place(rows[a], groups[:, a], left, slot, at_most, first, used)
            if place < 0:  # further items fit where the next cap ends, if any does
                ends = first[first > slot]
                if len(ends) == 0:
                    break
                slot = ends.min()
                continue
            lists[a, n], left[place] = rows[a, place], False
            for c in range(len(at_most)):
                kept[c, a, n] = groups[c, a, place]
                if kept[c, a, n] >= 0:
                    used[c, kept[c, a, n]] += 1
            n, slot = n + 1, slot + 1
    return lists, kept
