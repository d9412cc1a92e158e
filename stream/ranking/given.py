"""Ranking what is given: the sources do not decide what the candidates are, but say of each what they would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.ranking.desk import CANDIDATES, PAST, WIDTH, Asker, lists_of
from stream.ranking.gather import place_past, score_joined


@contextmanager
def priced(known: NDArray[np.float64], items: NDArray[np.int32], prices: NDArray[np.float64]) -> Iterator[None]:
    """Within the `with` block, items have the prices of this moment, where one is given (above 0)."""
    before = known[items]
    known[items] = np.where(prices > 0.0, prices, before)
    try:
        yield
    finally:
        known[items] = before


@njit(cache=True)
def join_given(held: Any, asker: Asker, size: int, given: NDArray[np.int32], width: int) -> None:
    """Make given items the candidates, in their order, as `join` makes them of the rows of proposals.

    What a source has proposed says how high it ranks an item among all; the lists are left empty.

    Parameters
    ----------
    held : a `Desk`
    size : known items
    given : known items that may be shown, each once
    width : items of a list
    """
    desk = held.it
    room = desk.room.it
    proposed, lengths, place = room.proposed, room.lengths, room.place
    expires, now, count = desk.shelf.it.expires, asker.now, len(given)
    room.counts[PAST], room.counts[WIDTH], room.counts[CANDIDATES] = len(asker.past.items), width, count
    room.times[: len(asker.past.items)] = asker.past.times
    room.items[:count] = given
    for n in range(count):
        place[given[n]] = n
    for s in range(len(lengths)):
        rank = 0
        for n in range(lengths[s]):
            item = proposed[s, n]
            if expires[item] > now:
                proposed[s, rank] = place[item]
                rank += 1
        lengths[s] = rank
    for item in given:
        place[item] = -1
    place_past(room, asker.past.items, count)
    lists_of(room)[:] = -1
    score_joined(desk, asker, size, room.items[:count])


@njit(cache=True)
def list_given(held: Any) -> None:
    """List the given items that each source gives a score, the best first; of equals, which was given first.

    What a source has proposed without a score, to fill its list, it does not rank higher than what else is given.
    """
    room = held.it.room.it
    count, lists = room.counts[CANDIDATES], lists_of(room)
    for s in range(len(room.lengths)):
        scores, n = room.scores[s, :count], 0
        for rank in range(room.lengths[s]):
            c = room.proposed[s, rank]
            if c >= 0 and scores[c] <= 0.0:
                room.proposed[s, rank] = -1
        for best in np.argsort(-scores, kind="mergesort")[: lists.shape[1]]:
            if scores[best] > 0.0:
                lists[1 + s, n] = room.items[best]
                n += 1
