"""The arithmetic of `Content`: a profile out of the user's last items, and how close an item is to it."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SPREAD = 4  # places of the projection that a term is added to, each with half its weight: squares sum to 1


@njit(cache=True)
def fill(
    terms: NDArray[np.int32], weights: NDArray[np.float32], frequency: NDArray[np.int32], described: int,
    recent: NDArray[np.int32], decay: NDArray[np.float64], size: int,
    dense: NDArray[np.float64], touched: NDArray[np.int32],
) -> int:  # fmt: skip
    """Write the user's profile of terms, of length 1, into `dense`, all 0 before; return how many of `touched`."""
    count = 0
    for n in range(min(len(recent), len(decay))):
        item = recent[n]
        if item < 0 or item >= size:
            continue
        for slot in range(terms.shape[1]):
            term = terms[item, slot]
            if term < 0:
                break
            if dense[term] == 0.0:
                touched[count] = term
                count += 1
            dense[term] += decay[n] * weights[item, slot]
    squares = 0.0
    for term in touched[:count]:
        dense[term] *= math.log(1.0 + described / (1.0 + frequency[term]))
        squares += dense[term] ** 2
    for term in touched[:count]:
        dense[term] /= math.sqrt(squares)
    return count


@njit(cache=True)
def average(
    rows: NDArray[np.float32], recent: NDArray[np.int32], decay: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return the mean direction of the vectors of the user's last items, of length 1 or all 0."""
    mean = np.zeros(rows.shape[1])
    for n in range(min(len(recent), len(decay))):
        if 0 <= recent[n] < size:
            for axis in range(len(mean)):
                mean[axis] += decay[n] * rows[recent[n], axis]
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


@njit(cache=True)
def rate(
    terms: NDArray[np.int32], weights: NDArray[np.float32], rows: NDArray[np.float32],
    prices: NDArray[np.float64], size: int, dense: NDArray[np.float64], vector: NDArray[np.float64],
    usual: float, shares: NDArray[np.float64], items: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    """Return the score of each item; `shares` are the weights of text, vector and price."""
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if item < 0 or item >= size:
            continue
        by_text, by_vector = 0.0, 0.0
        for slot in range(terms.shape[1]):
            if terms[item, slot] < 0:
                break
            by_text += dense[terms[item, slot]] * weights[item, slot]
        for axis in range(len(vector)):
            by_vector += vector[axis] * rows[item, axis]
        score = shares[0] * by_text + shares[1] * max(0.0, by_vector)
        if usual > 0.0 and prices[item] > 0.0:
            score *= 1.0 + shares[2] * min(usual, prices[item]) / max(usual, prices[item])
        scores[n] = score
    return scores


@njit(cache=True)
def pull(
    terms: NDArray[np.int32], weights: NDArray[np.float32], rows: NDArray[np.float32], frequency: NDArray[np.int32],
    described: int, shares: NDArray[np.float64], a: int, b: int,
) -> float:  # fmt: skip
    """Return what item `a` of a profile contributes to the score of `b`, before its decay and the profile's length."""
    by_text, by_vector = 0.0, 0.0
    for m in range(terms.shape[1]):
        term = terms[a, m]
        if term < 0:
            break
        for n in range(terms.shape[1]):
            if terms[b, n] == term:
                rarity = math.log(1.0 + described / (1.0 + frequency[term]))
                by_text += rarity * weights[a, m] * weights[b, n]
    for axis in range(rows.shape[1]):
        by_vector += rows[a, axis] * rows[b, axis]
    return float(shares[0] * by_text + shares[1] * max(0.0, by_vector))


@njit(cache=True)
def project(terms: NDArray[np.int32], weights: NDArray[np.float64], into: NDArray[np.float32]) -> None:
    """Add terms to their places in `into`, the signs by a hash: inner products are kept, but for noise [^1].

    [^1]: Weinberger et al.: Feature hashing for large scale multitask learning. ICML 2009.
    """
    for n, term in enumerate(terms):
        if term < 0:
            return
        bits = np.uint64(term) + np.uint64(1)
        for _ in range(_SPREAD):
            bits *= np.uint64(0x9E3779B97F4A7C15)
            bits ^= bits >> np.uint64(29)
            half = 0.5 if bits & np.uint64(1 << 40) else -0.5
            into[(bits >> np.uint64(41)) % np.uint64(len(into))] += np.float32(half * weights[n])
