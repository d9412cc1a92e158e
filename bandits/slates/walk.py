"""The walk down a slate, slot by slot: to draw it, to value a given one, to value one on record.

A policy brings its belief and a function that writes the probability of every source at one slot; ``compiled`` builds
the walks around them. Probabilities depend on (state, slot, items above) alone and never on which source placed
an item: that makes the propensities exact.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, OTHER, Constraints, Slate
from bandits.explore import draw
from bandits.slates.constraints import check_constraints, due_pin, place_pin, seek_constrained_offers, unavailable
from bandits.slates.offers import (
    check_lists,
    check_record,
    item_propensity,
    read_offers,
    seek_offers,
    shown_probability,
)

Belief = Any  # a NamedTuple that numba can read; its first field has one row for each source
WritePmf = Callable[[Belief, NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]], None]


class Walks(NamedTuple):
    """The compiled walks of one kind of belief."""

    draw_free: Callable[[Belief, NDArray[np.int32], NDArray[np.float64]], Slate]  # without constraints
    draw: Callable[[Belief, NDArray[np.int32], NDArray[np.float64], Constraints], Slate]
    propensities: Callable[[Belief, NDArray[np.int32], NDArray[np.int32], Constraints], NDArray[np.float64]]
    recorded: Callable[[Belief, NDArray[np.int32], NDArray[np.uint8]], NDArray[np.float64]]


class Place(NamedTuple):
    """Where a walk stands. The arrays change from slot to slot."""

    lists: NDArray[np.int32]  # [sources, depth]
    constraints: Constraints
    free: bool  # whether there are no constraints
    cursor: NDArray[np.int64]  # [sources], ranks of the offers
    used: NDArray[np.int32]  # [caps, groups], items that count for each cap
    gone: NDArray[np.bool_]  # [sources, depth], what cannot be offered any more


@register_jitable
def start(belief: Belief, lists: NDArray[np.int32], constraints: Constraints) -> Place:
    """Stand above the first slot."""
    check_lists(lists, belief[0].shape[0])
    free = check_constraints(lists, constraints)
    cursor = np.zeros(lists.shape[0], np.int64)
    return Place(lists, constraints, free, cursor, constraints.used.copy(), unavailable(lists, constraints))


@register_jitable
def step(place: Place, shown: NDArray[np.int32]) -> tuple[int, int]:
    """Go to the slot below ``shown``: how many sources are live there, and the item pinned to it or -1."""
    if place.free:
        return seek_offers(place.lists, shown, shown.size, place.cursor), -1
    live = seek_constrained_offers(place.lists, shown, place.cursor, place.constraints, place.used, place.gone)
    return live, due_pin(place.constraints, shown, live)


@register_jitable
def fill_slot(
    slate: Slate, slot: int, lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: NDArray[np.float64], u: float
) -> None:
    """Draw the source of one slot; write down what it shows and what all sources offered."""
    items, sources, offered_ranks, probabilities, propensities = slate
    source, depth = draw(pmf, u), lists.shape[1]
    item = lists[source, cursor[source]]
    items[slot] = item
    sources[slot] = source
    total = 0.0
    for a in range(pmf.size):
        rank, probability = cursor[a], pmf[a]
        probabilities[slot, a] = probability
        if rank >= depth:
            offered_ranks[slot, a] = EXHAUSTED
            continue
        shown = lists[a, rank] == item  # in arithmetic: a processor cannot foresee it
        offered_ranks[slot, a] = rank + OTHER * (1 - shown)
        total += probability * shown
    propensities[slot] = total


@register_jitable
def empty_slate(slots: int, sources: int) -> Slate:
    """Room for a slate of ``slots`` items."""
    return Slate(
        np.empty(slots, np.int32),
        np.empty(slots, np.uint8),
        np.empty((slots, sources), np.uint8),
        np.empty((slots, sources), np.float32),
        np.empty(slots, np.float32),
    )


@register_jitable
def first_slots(slate: Slate, n: int) -> Slate:
    """Cut a slate down to its first ``n`` slots."""
    return Slate(
        slate.items[:n], slate.sources[:n], slate.offered_ranks[:n], slate.probabilities[:n], slate.propensities[:n]
    )


def compiled(write_pmf: WritePmf) -> Walks:  # noqa: C901  four functions, each short
    """Compile the walks for ``write_pmf(belief, lists, cursor, pmf)``, a jitable function that fills ``pmf``."""

    @njit(cache=True)
    def draw_free(belief: Belief, lists: NDArray[np.int32], uniforms: NDArray[np.float64]) -> Slate:
        check_lists(lists, belief[0].shape[0])
        slate, pmf = empty_slate(uniforms.size, lists.shape[0]), np.empty(lists.shape[0])
        items, cursor, n = slate.items, np.zeros(lists.shape[0], np.int64), 0
        while n < uniforms.size and seek_offers(lists, items, n, cursor) > 0:
            write_pmf(belief, lists, cursor, pmf)
            fill_slot(slate, n, lists, cursor, pmf, uniforms[n])
            n += 1
        return first_slots(slate, n)

    @njit(cache=True)
    def draw_slate(
        belief: Belief, lists: NDArray[np.int32], uniforms: NDArray[np.float64], constraints: Constraints
    ) -> Slate:
        place = start(belief, lists, constraints)  # no call of `draw_free`: numba would not find this one in its store
        slate, pmf, cursor, n = (
            empty_slate(uniforms.size, lists.shape[0]), np.empty(lists.shape[0]), place.cursor, 0
        )  # fmt: skip
        while n < uniforms.size:
            live, pin = step(place, slate.items[:n])
            if pin >= 0:
                place_pin(slate, n, pin)
            elif live > 0:
                write_pmf(belief, lists, cursor, pmf)
                fill_slot(slate, n, lists, cursor, pmf, uniforms[n])
            else:
                break
            n += 1
        return first_slots(slate, n)

    @njit(cache=True)
    def propensities(
        belief: Belief, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints
    ) -> NDArray[np.float64]:
        place = start(belief, lists, constraints)
        result, pmf = np.zeros(items.size), np.empty(lists.shape[0])
        for j in range(items.size):
            live, pin = step(place, items[:j])
            if pin >= 0:
                result[j] = 1.0 if items[j] == pin else 0.0
            elif live > 0:
                write_pmf(belief, lists, place.cursor, pmf)
                result[j] = item_propensity(lists, place.cursor, pmf, items[j])
        return result

    @njit(cache=True)
    def recorded(belief: Belief, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]) -> NDArray[np.float64]:
        sources, depth = lists.shape
        check_lists(lists, belief[0].shape[0])
        check_record(offered_ranks, offered_ranks[:, 0], offered_ranks.shape[0], sources)
        cursor, pmf = np.zeros(sources, np.int64), np.empty(sources)
        result = np.ones(offered_ranks.shape[0])
        for j in range(offered_ranks.shape[0]):
            if read_offers(offered_ranks[j], cursor, depth) > 0:
                write_pmf(belief, lists, cursor, pmf)
                result[j] = shown_probability(offered_ranks[j], pmf)
        return result

    return Walks(draw_free, draw_slate, propensities, recorded)
