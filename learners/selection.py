"""The best k of some scored items, in a stated order."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _worse(scores: NDArray[np.float32], items: NDArray[np.int32], a: int, b: int) -> bool:
    return bool(scores[a] < scores[b] or (scores[a] == scores[b] and items[a] > items[b]))


@njit(cache=True)
def _swap(scores: NDArray[np.float32], items: NDArray[np.int32], a: int, b: int) -> None:
    scores[a], scores[b] = scores[b], scores[a]
    items[a], items[b] = items[b], items[a]


@njit(cache=True)
def _sink(scores: NDArray[np.float32], items: NDArray[np.int32], root: int, size: int) -> None:
    """Restore the heap (the worst on top) of the first `size` entries below `root`."""
    while 2 * root + 1 < size:
        child = 2 * root + 1
        if child + 1 < size and _worse(scores, items, child + 1, child):
            child += 1
        if _worse(scores, items, root, child):
            return
        _swap(scores, items, root, child)
        root = child


@njit(cache=True)
def best_first(
    items: NDArray[np.int32], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best of distinct `items` by higher score, then lower index, in O(n log k).

    A heap of the k best so far has the worst of them on top; sorting it leaves the best in front.

    >>> best_first(np.array([7, 3, 9, 5], np.int32), np.array([0.5, 0.5, 0.1, 0.9], np.float32), 3)[0].tolist()
    [5, 3, 7]
    """
    kept = max(0, min(k, len(items)))
    top_items = items[:kept].copy()
    top_scores = scores[:kept].copy()
    if kept == 0:
        return top_items, top_scores
    for root in range(kept // 2 - 1, -1, -1):
        _sink(top_scores, top_items, root, kept)
    for n in range(kept, len(items)):
        if scores[n] > top_scores[0] or (scores[n] == top_scores[0] and items[n] < top_items[0]):
            top_scores[0] = scores[n]
            top_items[0] = items[n]
            _sink(top_scores, top_items, 0, kept)
    for last in range(kept - 1, 0, -1):
        _swap(top_scores, top_items, 0, last)
        _sink(top_scores, top_items, 0, last)
    return top_items, top_scores
