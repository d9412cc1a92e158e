"""The arithmetic of `Content`: how close an item is to a profile, and what an item of the profile has to do with it."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.content.profile import STAMP, Rated, place_of, rarity, usual_price

_SPREAD = 4  # places of the projection that a token is added to, each with half its weight: squares sum to 1


@njit(cache=True)
def score_content(
    it: Rated, recent: NDArray[np.int32], size: int, items: NDArray[np.int32], scores: NDArray[np.float32]
) -> None:
    """Write the closeness of each item to the profile under way, which is that of `recent`; 0 of unknown items."""
    usual, stamp = usual_price(it.prices, recent, it.decay, size), it.counters[STAMP]
    for n, item in enumerate(items):
        if item < 0 or item >= size:
            scores[n] = 0.0
        elif it.marks[item, 0] == stamp:  # the answer has it already
            scores[n] = it.marks[item, 1]
        else:
            scores[n] = rate(it, item, usual)


@njit(cache=True)
def rate(it: Rated, item: int, usual: float) -> float:
    """Return the closeness of a known item; `usual`: the profile's price, 0 leaves prices out."""
    tokens, weights, by_text = it.tokens, it.weights, 0.0
    for slot in range(tokens.shape[1]):
        token = tokens[item, slot]
        if token < 0:
            break
        place = place_of(it.keys, token)
        if it.keys[place] >= 0:
            by_text += it.values[place] * weights[item, slot]
    return combined(it, item, by_text, usual)


@njit(cache=True)
def combined(it: Rated, item: int, by_text: float, usual: float) -> float:
    """Return the score of an item whose cosine by text is known."""
    by_vector = 0.0
    for axis in range(len(it.vector)):
        by_vector += it.vector[axis] * it.vectors[item, axis]
    return priced(it, item, it.shares[0] * by_text + it.shares[1] * max(0.0, by_vector), usual)


@njit(cache=True)
def priced(it: Rated, item: int, score: float, usual: float) -> float:
    """Raise a score by how near the item's price is to the usual one."""
    price = it.prices[item]
    if usual > 0.0 and price > 0.0:
        score *= 1.0 + it.shares[2] * min(usual, price) / max(usual, price)
    return float(score)


@njit(cache=True)
def pull(it: Rated, a: int, b: int) -> float:
    """Return what item `a` of a profile contributes to the score of `b`, before its decay and the profile's length."""
    tokens, weights, vectors = it.tokens, it.weights, it.vectors
    by_text, by_vector = 0.0, 0.0
    for m in range(tokens.shape[1]):
        token = tokens[a, m]
        if token < 0:
            break
        for n in range(tokens.shape[1]):
            if tokens[b, n] == token:
                by_text += rarity(it, token) * weights[a, m] * weights[b, n]
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
