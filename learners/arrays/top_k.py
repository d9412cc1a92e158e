"""The best k of some scored items, in a stated order."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LAST = 0x7FFFFFFF  # the highest index


@njit(cache=True)
def _keys(items: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pack score and index into one number: the greater, the better. Negative floats order backwards by their bits."""
    keys, bits = np.empty(len(items), np.int64), scores.view(np.int32)
    for n in range(len(items)):
        level = np.int64(bits[n])
        if level < 0:
            level = -np.int64(0x80000000) - level
        keys[n] = (level << 32) | (_LAST - items[n])
    return keys


@njit(cache=True)
def _part(keys: NDArray[np.int64], k: int) -> None:
    """Bring the k greatest to the front, in any order: Hoare's quickselect."""
    low, high = 0, len(keys) - 1
    while low < high:
        pivot, left, right = keys[(low + high) >> 1], low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            return


@njit(cache=True)
def best_of(items: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """Return the same as `best_first` in any order, in O(n); there must be more than k items, and k > 0."""
    keys, best = _keys(items, scores), np.empty(k, np.int32)
    _part(keys, k)
    for n in range(k):
        best[n] = _LAST - (keys[n] & _LAST)
    return best


@njit(cache=True)
def best_first(
    items: NDArray[np.int32], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best of distinct `items` >= 0 by higher score, then lower index, in O(n + k log k).

    >>> best_first(np.array([7, 3, 9, 5], np.int32), np.array([0.5, 0.5, 0.1, 0.9], np.float32), 3)[0].tolist()
    [5, 3, 7]
    """
    kept = max(0, min(k, len(items)))
    keys = _keys(items, scores)
    if 0 < kept < len(keys):
        _part(keys, kept)
    top = np.sort(keys[:kept])
    best, best_scores = np.empty(kept, np.int32), np.empty(kept, np.float32)
    bits = best_scores.view(np.int32)
    for n in range(kept):
        key = top[kept - 1 - n]
        level = key >> 32
        bits[n] = level if level >= 0 else -np.int64(0x80000000) - level
        best[n] = _LAST - (key & _LAST)
    return best, best_scores
