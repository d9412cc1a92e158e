"""A slate and its lists as the log keeps them, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

PAD = 65535  # in place of an index: the list is shorter


@njit(cache=True)
def pack(
    place: NDArray[np.int32],
    slate: NDArray[np.int32],
    lists: NDArray[np.int32],
    known: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.uint16], NDArray[np.float32]]:
    """Return items, lists and scores, see `CandidateRanker.pack`.

    `scores` are those of the items `known`; `place` is scratch for all items, all -1 before and after.
    """
    items, packed = np.empty(len(slate) + lists.size, np.int32), np.full(lists.shape, PAD, np.uint16)
    shown, n = np.zeros(len(slate), np.float32), 0
    for item in slate:
        place[item], items[n] = n, item
        n += 1
    for position in range(len(known)):
        if place[known[position]] >= 0:
            shown[place[known[position]]] = scores[position]
    for s in range(lists.shape[0]):
        for rank in range(lists.shape[1]):
            item = lists[s, rank]
            if item < 0:
                continue
            if place[item] < 0:
                place[item], items[n] = n, item
                n += 1
            packed[s, rank] = place[item]
    for item in items[:n]:
        place[item] = -1
    return items[:n], packed, shown
