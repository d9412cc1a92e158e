"""The arithmetic of `Content`: a profile out of the user's last items, and how close an item is to it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.selection import best_first
from learners.term_index import admit, walk

_SPREAD = 4  # places of the projection that a term is added to, each with half its weight: squares sum to 1


class Rated(NamedTuple):
    """What compiled code reads of the items, and the profile of the query under way."""

    terms: NDArray[np.int32]  # these five: see `TermIndex`
    weights: NDArray[np.float32]
    frequency: NDArray[np.int32]
    following: NDArray[np.int32]
    heads: NDArray[np.int32]
    rows: NDArray[np.float32]  # [items, dimensions] vectors of length 1, or all 0
    prices: NDArray[np.float64]  # [items] 0: unknown
    dense: NDArray[np.float64]  # [DIMENSIONS] the profile's terms, 0 elsewhere
    touched: NDArray[np.int32]  # which these are
    vector: NDArray[np.float64]  # [dimensions] the profile's
    counters: NDArray[np.int64]  # [2] terms in `touched`, newest stamp
    found: NDArray[np.int32]  # candidates
    scores: NDArray[np.float32]  # and theirs
    stamps: NDArray[np.int64]  # [items] of the last search that met the item
    decay: NDArray[np.float64]  # [history]
    shares: NDArray[np.float64]  # [3] weights of text, vector and price


@njit(cache=True)
def begin(held: Any, recent: NDArray[np.int32], size: int, described: int) -> None:
    """Put the profile of a user's last items in place of the one before."""
    it = held.it
    for term in it.touched[: it.counters[0]]:
        it.dense[term] = 0.0
    it.counters[0] = fill(
        it.terms, it.weights, it.frequency, described, recent, it.decay, size, it.dense, it.touched
    )  # fmt: skip
    if len(it.vector) > 0:
        it.vector[:] = average(it.rows, recent, it.decay, size)


@njit(cache=True)
def closest(
    held: Any, recent: NDArray[np.int32], size: int, most: int, steps: int, beside: NDArray[np.int32],
    blocked: NDArray[np.uint8], k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """Return the k best of at most `most` items that share a term with the profile, `steps` a term, and of `beside`."""
    it = held.it
    filled, width = it.touched[: it.counters[0]], it.terms.shape[1]
    it.counters[1] += 1
    names = filled[np.argsort(-it.dense[filled], kind="mergesort")]
    count, _ = walk(
        width, it.following, it.heads, names, steps, blocked, it.stamps, it.counters[1], it.found[:most]
    )  # fmt: skip
    count = admit(beside, blocked, it.stamps, it.counters[1], it.found, count)
    usual = usual_price(it.prices, recent, it.decay, size)
    kept = 0
    for item in it.found[:count]:
        score = _rate(it, item, usual)
        if score > 0.0:
            it.found[kept], it.scores[kept] = item, score
            kept += 1
    return best_first(it.found[:kept], it.scores[:kept], k)


@njit(cache=True)
def closeness(held: Any, recent: NDArray[np.int32], size: int, items: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the score of each item, 0 of unknown ones."""
    it = held.it
    scores = np.zeros(len(items), np.float32)
    if it.counters[0] == 0 and not it.vector.any():
        return scores
    usual = usual_price(it.prices, recent, it.decay, size)
    for n, item in enumerate(items):
        if 0 <= item < size:
            scores[n] = _rate(it, item, usual)
    return scores


@njit(cache=True)
def _rate(it: Rated, item: int, usual: float) -> np.float32:
    by_text, by_vector = 0.0, 0.0
    for slot in range(it.terms.shape[1]):
        if it.terms[item, slot] < 0:
            break
        by_text += it.dense[it.terms[item, slot]] * it.weights[item, slot]
    for axis in range(len(it.vector)):
        by_vector += it.vector[axis] * it.rows[item, axis]
    score = it.shares[0] * by_text + it.shares[1] * max(0.0, by_vector)
    if usual > 0.0 and it.prices[item] > 0.0:
        score *= 1.0 + it.shares[2] * min(usual, it.prices[item]) / max(usual, it.prices[item])
    return np.float32(score)


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
