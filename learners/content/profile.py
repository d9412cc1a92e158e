"""The profile of a user: the tokens, the vector and the usual price of their last items."""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Entries of `Rated.counters`
TOKENS: Final = 0  # in `touched`
STAMP: Final = 1  # of the newest answer
FOUND: Final = 2  # candidates of it
MISSED: Final = 3  # 1: the search left items out
DESCRIBED: Final = 4  # items with a description
ROWS: Final = 5  # ever made

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing
_FREE: Final = -1


class Rated(NamedTuple):
    """What compiled code reads of the items, the profile and the answer under way, and the rows of nearest items."""

    tokens: NDArray[np.int32]  # these five: see `InvertedIndex`
    weights: NDArray[np.float32]
    frequency: NDArray[np.int32]
    following: NDArray[np.int32]
    heads: NDArray[np.int32]
    vectors: NDArray[np.float32]  # [items, dimensions] of length 1, or all 0
    prices: NDArray[np.float64]  # [items] 0: unknown
    keys: NDArray[np.int32]  # [power of two] tokens of the profile, -1 where free: a table that stays in the cache
    values: NDArray[np.float64]  # [power of two] their weights
    touched: NDArray[np.int32]  # places in use, in the order in which they were taken
    vector: NDArray[np.float64]  # [dimensions] the profile's
    counters: NDArray[np.int64]  # [6]
    found: NDArray[np.int32]  # candidates
    scores: NDArray[np.float32]  # and theirs
    marks: NDArray[np.float64]  # [items, 2] stamp of the last answer that met the item, its sum or score then
    decay: NDArray[np.float64]  # [history]
    shares: NDArray[np.float64]  # [3] weights of text, vector and price
    exact: int  # items described up to which nothing is approximate
    slots: NDArray[np.int32]  # [items] the item's row of nearest items, -1: not made
    nearest: NDArray[np.int32]  # [rows, 64] items by their likeness, -1 from the first free place on
    likeness: NDArray[np.float32]  # [rows, 64]
    owners: NDArray[np.int32]  # [rows] -1: nobody's
    made: NDArray[np.int64]  # [rows] items described then


@njit(cache=True)
def home(token: int, mask: int) -> int:
    """Return where a token is looked for first in the profile, whose table has `mask` + 1 places."""
    return int((np.uint64(token) * _SPREAD) >> np.uint64(32)) & mask


@njit(cache=True)
def begin(it: Rated, recent: NDArray[np.int32], size: int) -> float:
    """Put the profile of a user's last items in place of the one before; return its length before it was made 1."""
    keys, values, frequency, described = it.keys, it.values, it.frequency, it.counters[DESCRIBED]
    for place in it.touched[: it.counters[TOKENS]]:
        keys[place] = _FREE
    it.counters[TOKENS] = count = _fill(it, recent, size)
    places, squares = it.touched[:count], 0.0
    for place in places:
        values[place] *= rarity(described, frequency[keys[place]])
        squares += values[place] ** 2
    length = math.sqrt(squares)
    for place in places:
        values[place] /= length
    if len(it.vector) > 0:
        it.vector[:] = average(it.vectors, recent, it.decay, size)
    return length


@njit(cache=True)
def rarity(described: int, holders: int) -> float:
    """Inverse document frequency of a token that so many of the described items hold."""
    return math.log(1.0 + described / (1.0 + holders))


@njit(cache=True)
def _fill(it: Rated, recent: NDArray[np.int32], size: int) -> int:
    """Add up the tokens' weights; return how many tokens there are."""
    tokens, weights, keys, values, touched, decay = it.tokens, it.weights, it.keys, it.values, it.touched, it.decay
    count, mask = 0, len(keys) - 1
    for n in range(min(len(recent), len(decay))):
        item = recent[n]
        if item < 0 or item >= size:
            continue
        for slot in range(tokens.shape[1]):
            token = tokens[item, slot]
            if token < 0:
                break
            place = home(token, mask)
            while keys[place] >= 0 and keys[place] != token:
                place = (place + 1) & mask
            if keys[place] < 0:
                keys[place], values[place] = token, 0.0
                touched[count] = place
                count += 1
            values[place] += decay[n] * weights[item, slot]
    return count


@njit(cache=True)
def average(
    vectors: NDArray[np.float32], recent: NDArray[np.int32], decay: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return the mean direction of the vectors of the user's last items, of length 1 or all 0."""
    mean = np.zeros(vectors.shape[1])
    for n in range(min(len(recent), len(decay))):
        if 0 <= recent[n] < size:
            for axis in range(len(mean)):
                mean[axis] += decay[n] * vectors[recent[n], axis]
    squares = 0.0
    for value in mean:
        squares += value * value
    return mean / math.sqrt(squares) if squares > 0.0 else mean


@njit(cache=True)
def usual_price(prices: NDArray[np.float64], recent: NDArray[np.int32], decay: NDArray[np.float64], size: int) -> float:
    """Return the decayed geometric mean of the prices that are known (> 0), 0 if none is."""
    total, weight = 0.0, 0.0
    for n in range(min(len(recent), len(decay))):
        if 0 <= recent[n] < size and prices[recent[n]] > 0.0:
            total += decay[n] * math.log(prices[recent[n]])
            weight += decay[n]
    return float(math.exp(total / weight)) if weight > 0.0 else 0.0
