"""The arithmetic of `Content`: a profile out of the user's last items, and how close an item is to it."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.top_k import best_first

_SPREAD = 4  # places of the projection that a token is added to, each with half its weight: squares sum to 1

# Entries of `Rated.counters`
TOKENS: Final = 0  # in `touched`
STAMP: Final = 1  # of the newest search
FOUND: Final = 2  # candidates
MISSED: Final = 3  # 1: the search left items out


class Limits(NamedTuple):
    """How far a search goes."""

    steps: int  # along all lists
    steps_a_token: int
    rated: int  # items met that are scored, where a list was cut short


class Rated(NamedTuple):
    """What compiled code reads of the items, and the profile of the query under way."""

    tokens: NDArray[np.int32]  # these five: see `InvertedIndex`
    weights: NDArray[np.float32]
    frequency: NDArray[np.int32]
    following: NDArray[np.int32]
    heads: NDArray[np.int32]
    rows: NDArray[np.float32]  # [items, dimensions] vectors of length 1, or all 0
    prices: NDArray[np.float64]  # [items] 0: unknown
    dense: NDArray[np.float64]  # [DIMENSIONS] weights of the profile's tokens, 0 elsewhere
    touched: NDArray[np.int32]  # which these are
    vector: NDArray[np.float64]  # [dimensions] the profile's
    counters: NDArray[np.int64]  # [4]
    found: NDArray[np.int32]  # candidates
    scores: NDArray[np.float32]  # and theirs
    marks: NDArray[np.float64]  # [items, 2] stamp of the last search that met the item, its score then
    decay: NDArray[np.float64]  # [history]
    shares: NDArray[np.float64]  # [3] weights of text, vector and price


@njit(cache=True)
def begin(held: Any, recent: NDArray[np.int32], size: int, described: int) -> None:
    """Put the profile of a user's last items in place of the one before."""
    it = held.it
    for token in it.touched[: it.counters[TOKENS]]:
        it.dense[token] = 0.0
    it.counters[TOKENS] = _fill(it, recent, size, described)
    if len(it.vector) > 0:
        it.vector[:] = average(it.rows, recent, it.decay, size)


@njit(cache=True)
def search(
    held: Any, recent: NDArray[np.int32], size: int, limits: Limits, beside: NDArray[np.int32]
) -> None:  # fmt: skip
    """Score the items that share a token with the profile, as many as the limits allow, and those of `beside`.

    Where no token's list was cut short the tokens' parts were added up on the way. Else the best by these sums, which
    lack what other items had first, are looked at one by one.
    """
    it = held.it
    it.counters[STAMP] += 1
    count = _walk(it, limits)
    if it.counters[MISSED] and count > limits.rated:
        sums = np.empty(count, np.float32)
        for n in range(count):
            sums[n] = it.marks[it.found[n], 1]
        best, _ = best_first(it.found[:count], sums, limits.rated)
        it.counters[STAMP] += 1
        count = len(best)
        for n in range(count):
            it.found[n], it.marks[best[n], 0] = best[n], it.counters[STAMP]
    for item in beside:
        if it.marks[item, 0] != it.counters[STAMP] and count < len(it.found):
            it.marks[item, 0], it.marks[item, 1] = it.counters[STAMP], 0.0
            it.found[count] = item
            count += 1
    it.counters[FOUND] = count
    if it.counters[MISSED]:
        _rate(it, recent, size, it.found[:count], it.scores)
    else:
        _complete(it, usual_price(it.prices, recent, it.decay, size))
    for n in range(count):
        it.marks[it.found[n], 1] = it.scores[n]


@njit(cache=True)
def _walk(it: Rated, limits: Limits) -> int:
    """Go through the lists of the profile's tokens and add up the tokens' parts of the scores.

    The heaviest tokens may take the most steps, but all lists are walked side by side: a step waits for memory, and so
    does the next one of the same list, but not that of another.
    """
    width, stamp, count, left = it.tokens.shape[1], it.counters[STAMP], 0, limits.steps
    weights, following, marks, found = it.weights, it.following, it.marks, it.found
    filled = it.touched[: it.counters[TOKENS]]
    order = filled[np.argsort(-it.dense[filled], kind="mergesort")]
    shares, places, lengths = it.dense[order], it.heads[order], it.frequency[order]
    it.counters[MISSED] = 0
    for n, length in enumerate(lengths):
        lengths[n] = min(length, limits.steps_a_token, left)
        left -= lengths[n]
        it.counters[MISSED] |= lengths[n] < length
    for step in range(lengths.max() if len(lengths) > 0 else 0):
        for n, place in enumerate(places):
            if step >= lengths[n]:
                continue
            item, slot = place // width, place % width
            if marks[item, 0] != stamp:
                marks[item, 0], marks[item, 1] = stamp, 0.0
                found[count] = item
                count += 1
            marks[item, 1] += shares[n] * weights[item, slot]
            places[n] = following[place]
    return count


@njit(cache=True)
def _complete(it: Rated, usual: float) -> None:
    """Make scores of the tokens' parts: what `_rate` does, from the first step on."""
    for n in range(it.counters[FOUND]):
        item = it.found[n]
        it.scores[n] = _score(it.shares, it.marks[item, 1], _dot(it.vector, it.rows, item), usual, it.prices[item])


@njit(cache=True)
def closest(held: Any, blocked: NDArray[np.uint8], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k best of what the search found."""
    it = held.it
    count = it.counters[FOUND]
    items, scores = np.empty(count, np.int32), np.empty(count, np.float32)
    kept = 0
    for n in range(count):
        if it.scores[n] > 0.0 and blocked[it.found[n]] == 0:
            items[kept], scores[kept] = it.found[n], it.scores[n]
            kept += 1
    return best_first(items[:kept], scores[:kept], k)


@njit(cache=True)
def closeness(held: Any, recent: NDArray[np.int32], size: int, items: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the score of each item, 0 of unknown ones."""
    it = held.it
    scores, left = np.zeros(len(items), np.float32), np.empty(len(items), np.int64)
    stamp, rest = it.counters[STAMP], 0
    for n, item in enumerate(items):
        if 0 <= item < size and it.marks[item, 0] == stamp:
            scores[n] = it.marks[item, 1]
        else:
            left[rest] = n
            rest += 1
    if it.counters[MISSED] or len(it.vector) > 0:
        others = np.zeros(rest, np.float32)
        _rate(it, recent, size, items[left[:rest]], others)
        scores[left[:rest]] = others
    return scores


@njit(cache=True)
def _rate(
    it: Rated, recent: NDArray[np.int32], size: int, items: NDArray[np.int32], scores: NDArray[np.float32]
) -> None:
    """Write the score of each known item."""
    tokens, weights, dense = it.tokens, it.weights, it.dense
    usual = usual_price(it.prices, recent, it.decay, size)
    for n, item in enumerate(items):
        if item < 0 or item >= size:
            continue
        by_text = 0.0
        for slot in range(tokens.shape[1]):
            if tokens[item, slot] < 0:
                break
            by_text += dense[tokens[item, slot]] * weights[item, slot]
        scores[n] = _score(it.shares, by_text, _dot(it.vector, it.rows, item), usual, it.prices[item])


@njit(cache=True)
def _dot(vector: NDArray[np.float64], rows: NDArray[np.float32], item: int) -> float:
    total = 0.0
    for axis in range(len(vector)):
        total += vector[axis] * rows[item, axis]
    return total


@njit(cache=True)
def _score(shares: NDArray[np.float64], by_text: float, by_vector: float, usual: float, price: float) -> float:
    score = shares[0] * by_text + shares[1] * max(0.0, by_vector)
    if usual > 0.0 and price > 0.0:
        score *= 1.0 + shares[2] * min(usual, price) / max(usual, price)
    return float(score)


@njit(cache=True)
def _fill(it: Rated, recent: NDArray[np.int32], size: int, described: int) -> int:
    """Write the user's profile of tokens, of length 1, into `dense`, all 0 before; return how many of `touched`."""
    tokens, weights, frequency = it.tokens, it.weights, it.frequency
    decay, dense, touched, count = it.decay, it.dense, it.touched, 0
    for n in range(min(len(recent), len(decay))):
        item = recent[n]
        if item < 0 or item >= size:
            continue
        for slot in range(tokens.shape[1]):
            token = tokens[item, slot]
            if token < 0:
                break
            if dense[token] == 0.0:
                touched[count] = token
                count += 1
            dense[token] += decay[n] * weights[item, slot]
    squares = 0.0
    for token in touched[:count]:
        dense[token] *= math.log(1.0 + described / (1.0 + frequency[token]))
        squares += dense[token] ** 2
    for token in touched[:count]:
        dense[token] /= math.sqrt(squares)
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
def pull(held: Any, described: int, a: int, b: int) -> float:
    """Return what item `a` of a profile contributes to the score of `b`, before its decay and the profile's length."""
    it = held.it
    tokens, weights, rows, frequency, shares = it.tokens, it.weights, it.rows, it.frequency, it.shares
    by_text, by_vector = 0.0, 0.0
    for m in range(tokens.shape[1]):
        token = tokens[a, m]
        if token < 0:
            break
        for n in range(tokens.shape[1]):
            if tokens[b, n] == token:
                rarity = math.log(1.0 + described / (1.0 + frequency[token]))
                by_text += rarity * weights[a, m] * weights[b, n]
    for axis in range(rows.shape[1]):
        by_vector += rows[a, axis] * rows[b, axis]
    return float(shares[0] * by_text + shares[1] * max(0.0, by_vector))


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
