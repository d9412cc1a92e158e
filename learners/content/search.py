"""Search along the lists of tokens: which items share some with a profile."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.top_k import best_first
from learners.content.profile import DESCRIBED, FOUND, MISSED, STAMP, TOKENS, Rated
from learners.content.scores import combine, rate

_PER_LIST = 8  # long lists of tokens that the candidates are divided among
_PER_STEP = 2  # candidates for a step along the lists
_PER_RATED = 4  # candidates for one that is scored exactly


class Limits(NamedTuple):
    """How far a search goes."""

    steps: int  # along all lists
    steps_a_token: int
    rated: int  # items met that are scored, where a list was cut short


@njit(cache=True)
def limits_of(it: Rated) -> Limits:
    """Everything while few items are described, else by `exact`."""
    most = it.exact
    if it.counters[DESCRIBED] <= most:
        return Limits(most * len(it.touched), most, most)
    return Limits(most // _PER_STEP, most // _PER_LIST, most // _PER_RATED)


@njit(cache=True)
def search(it: Rated, usual: float, beside: NDArray[np.int32]) -> int:
    """Score the items that share a token with the profile, as many as the limits allow, and those of `beside`.

    They stand in `found` and `scores`; returns how many. Where no token's list was cut short the tokens' parts were
    added up on the way. Else the best by these sums, which lack what other items had first, are looked at one by one.
    """
    limits, marks, found, scores = limits_of(it), it.marks, it.found, it.scores
    it.counters[STAMP] += 1
    count = _walk(it, limits)
    if it.counters[MISSED] and count > limits.rated:
        sums = np.empty(count, np.float32)
        for n in range(count):
            sums[n] = marks[found[n], 1]
        best, _ = best_first(found[:count], sums, limits.rated)
        it.counters[STAMP] += 1
        count = len(best)
        for n in range(count):
            found[n], marks[best[n], 0] = best[n], it.counters[STAMP]
    for item in beside:
        if marks[item, 0] != it.counters[STAMP] and count < len(found):
            marks[item, 0], marks[item, 1] = it.counters[STAMP], 0.0
            found[count] = item
            count += 1
    if it.counters[MISSED]:
        rate(it, usual, found[:count], scores)
    else:
        cosines = np.empty(count)
        for n in range(count):
            cosines[n] = marks[found[n], 1]
        combine(it, usual, found[:count], cosines, scores)
    for n in range(count):
        marks[found[n], 1] = scores[n]
    it.counters[FOUND] = count
    return count


@njit(cache=True)
def _walk(it: Rated, limits: Limits) -> int:
    """Go through the lists of the profile's tokens and add up the tokens' parts of the scores.

    The heaviest tokens may take the most steps, but all lists are walked side by side: a step waits for memory, and so
    does the next one of the same list, but not that of another.
    """
    width, stamp, count, left = it.tokens.shape[1], it.counters[STAMP], 0, limits.steps
    weights, following, marks, found = it.weights, it.following, it.marks, it.found
    filled = it.touched[: it.counters[TOKENS]]
    order = filled[np.argsort(-it.values[filled], kind="mergesort")]
    tokens = it.keys[order]
    shares, places, lengths = it.values[order], it.heads[tokens], it.frequency[tokens]
    missed = False
    for n, length in enumerate(lengths):
        lengths[n] = min(length, limits.steps_a_token, left)
        left -= lengths[n]
        missed |= lengths[n] < length
    it.counters[MISSED] = missed
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
