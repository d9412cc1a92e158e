"""The arithmetic of `Content`: how close an item is to a profile, and what an item of the profile has to do with it."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.content.profile import DESCRIBED, STAMP, Rated, home, rarity, usual_price

_SPREAD = 4  # places of the projection that a token is added to, each with half its weight: squares sum to 1


@njit(cache=True)
def score_content(
    it: Rated, recent: NDArray[np.int32], size: int, items: NDArray[np.int32], scores: NDArray[np.float32]
) -> None:
    """Write the closeness of each item to the profile under way, which is that of `recent`; 0 of unknown items."""
    marks, stamp = it.marks, it.counters[STAMP]
    left, places, rest = np.empty(len(items), np.int32), np.empty(len(items), np.int64), 0
    for n, item in enumerate(items):
        scores[n] = 0.0
        if 0 <= item < size and marks[item, 0] == stamp:  # the answer has it already
            scores[n] = marks[item, 1]
        elif 0 <= item < size:
            left[rest], places[rest] = item, n
            rest += 1
    rated = np.empty(rest, np.float32)
    rate(it, usual_price(it.prices, recent, it.decay, size), left[:rest], rated)
    for n in range(rest):
        scores[places[n]] = rated[n]


@njit(cache=True)
def rate(it: Rated, usual: float, items: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
    """Write the closeness of known items; `usual`: the profile's price, 0 leaves prices out."""
    tokens, weights, keys, values, mask = it.tokens, it.weights, it.keys, it.values, len(it.keys) - 1
    cosines = np.zeros(len(items))
    for n, item in enumerate(items):
        for slot in range(tokens.shape[1]):
            token = tokens[item, slot]
            if token < 0:
                break
            place = home(token, mask)
            while keys[place] >= 0 and keys[place] != token:
                place = (place + 1) & mask
            if keys[place] >= 0:
                cosines[n] += values[place] * weights[item, slot]
    combine(it, usual, items, cosines, scores)


@njit(cache=True)
def combine(
    it: Rated, usual: float, items: NDArray[np.int32], cosines: NDArray[np.float64], scores: NDArray[np.float32]
) -> None:
    """Write the score of items whose cosines by text are known."""
    shares, vector, vectors, prices = it.shares, it.vector, it.vectors, it.prices
    for n, item in enumerate(items):
        by_vector = 0.0
        for axis in range(len(vector)):
            by_vector += vector[axis] * vectors[item, axis]
        score = shares[0] * cosines[n] + shares[1] * max(0.0, by_vector)
        scores[n] = score * closeness_of_prices(usual, prices[item], shares[2])


@njit(cache=True)
def closeness_of_prices(usual: float, price: float, share: float) -> float:
    """Return the factor by which a price near the usual one raises a score; 1 where one is unknown."""
    return 1.0 + share * min(usual, price) / max(usual, price) if usual > 0.0 and price > 0.0 else 1.0


@njit(cache=True)
def pulls(
    it: Rated, recent: NDArray[np.int32], decay: NDArray[np.float64], size: int, item: int
) -> NDArray[np.float64]:
    """Return what each of a query's items contributes to the score of `item`, before the profile's length."""
    parts = np.zeros(len(recent))
    for n in range(len(recent)):
        if 0 <= recent[n] < size:
            parts[n] = decay[n] * _pull(it, recent[n], item)
    return parts


@njit(cache=True)
def _pull(it: Rated, a: int, b: int) -> float:
    """Return what item `a` of a profile contributes to the score of `b`, before its decay and the profile's length."""
    tokens, weights, vectors = it.tokens, it.weights, it.vectors
    by_text, by_vector = 0.0, 0.0
    for m in range(tokens.shape[1]):
        token = tokens[a, m]
        if token < 0:
            break
        for n in range(tokens.shape[1]):
            if tokens[b, n] == token:
                by_text += rarity(it.counters[DESCRIBED], it.frequency[token]) * weights[a, m] * weights[b, n]
    for axis in range(vectors.shape[1]):
        by_vector += vectors[a, axis] * vectors[b, axis]
    return float(it.shares[0] * by_text + it.shares[1] * max(0.0, by_vector))


@njit(cache=True)
def project(tokens: NDArray[np.int32], weights: NDArray[np.float64], into: NDArray[np.float32]) -> None:
    """Add tokens to their places in `into`, the signs by a hash: inner products are kept, but for noise [^1].

    [^1]: Weinberger et al.: Feature hashing for large scale multitask learning. ICML 2009.
    """
    for n, token in enumerate(tokens):
        if token < 0:
            return
        bits = np.uint64(token) + np.uint64(1)
        for _ in range(_SPREAD):
            bits *= np.uint64(0x9E3779B97F4A7C15)
            bits ^= bits >> np.uint64(29)
            half = 0.5 if bits & np.uint64(1 << 40) else -0.5
            into[(bits >> np.uint64(41)) % np.uint64(len(into))] += np.float32(half * weights[n])
