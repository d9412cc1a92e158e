"""A user's history in the model's numbers: what sources are asked with, and what features are made of."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import NEVER, VIEW, Vocabulary
from stream.ranking.features import Moment, Past
from stream.state.item_numbers import BY_TIME
from stream.state.user import User
from stream.state.user_block import DEPTH, EVENTS, IMMEDIATE, REPEATS, ROWS, SEEN_ITEMS, SESSION, TIME, TWICE, columns

NO_PLACES = np.empty(0, np.int32)


def past(user: User, vocabulary: Vocabulary) -> Past:
    """The user's items that the model knows, newest first."""
    known = user.numbers.indices(vocabulary)
    found: Past = past_of(user.block, known, renewed_of(user, vocabulary, known))
    return found


def session(user: User, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Items of the session's last events that the model knows, newest first."""
    known = user.numbers.indices(vocabulary)
    found: NDArray[np.int32] = session_of(user.block, known, renewed_of(user, vocabulary, known))
    return found


def moment(user: User, now: float) -> Moment:
    """The user's part of the features; rates are smoothed towards 0.3 and 0.2 by five pseudo-events."""
    kind, twice, repeat_rate, immediate_rate, events, depth, in_session, gap = moment_of(user.block, now)
    return Moment(kind, twice, repeat_rate, immediate_rate, events, depth, in_session, gap, now)


def renewed_of(user: User, vocabulary: Vocabulary, known: NDArray[np.int32]) -> NDArray[np.int32]:
    """If any item's id has stood for several: of each row, what it meant at the user's last event on it."""
    if not vocabulary.renewed or not _any_by_time(user.block, known):
        return NO_PLACES
    return np.array([vocabulary.index_at(item, seen.time) for item, seen in user.seen.items()], np.int32)


@njit(cache=True)
def _any_by_time(block: NDArray[np.uint8], known: NDArray[np.int32]) -> bool:
    at = columns(block)
    for row in range(at.ints[ROWS]):  # noqa: SIM110  not any(): numba knows no generators
        if known[at.items[row]] == BY_TIME:
            return True
    return False


def led_by(past: Past, anchors: NDArray[np.int32], now: float) -> Past:
    """The past as if the user had just viewed some items, the first of them last; the oldest ones make room."""
    at = {item: place for place, item in enumerate(past.items.tolist())}
    places = np.array([at.get(item, -1) for item in anchors.tolist()], np.int64)
    rest = np.flatnonzero(~np.isin(past.items, anchors))[: SEEN_ITEMS - len(anchors)]

    def joined(column: NDArray[Any], new: float) -> NDArray[Any]:
        first = np.where(places >= 0, column[places], new) if len(column) else np.full(len(anchors), new)
        return np.concatenate([first.astype(column.dtype), column[rest]])

    viewed = np.full(len(anchors), VIEW, np.uint8), np.full(len(anchors), now)
    return Past(
        np.concatenate([anchors, past.items[rest]]), joined(past.counts, 1), joined(past.bought, NEVER),
        np.concatenate([viewed[0], past.kinds[rest]]), np.concatenate([viewed[1], past.times[rest]]),
    )  # fmt: skip


@njit(cache=True)
def past_of(block: NDArray[np.uint8], known: NDArray[np.int32], renewed: NDArray[np.int32]) -> Past:
    """The items of a user's block, newest first; `known` and `renewed`: what `numbers.indices` and `renewed_of` say."""
    at = columns(block)
    rows, n = at.ints[ROWS], 0
    items, counts, bought = np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows)
    kinds, times = np.empty(rows, np.uint8), np.empty(rows)
    for row in range(rows - 1, -1, -1):
        item = known[at.items[row]] if len(renewed) == 0 else renewed[row]
        if item < 0:
            continue
        items[n], counts[n], kinds[n], times[n] = item, at.counts[row], at.kinds[row], at.times[row]
        bought[n] = at.bought[row] if at.bought[row] != 0.0 else NEVER
        n += 1
    return Past(items[:n], counts[:n], bought[:n], kinds[:n], times[:n])


@njit(cache=True)
def session_of(block: NDArray[np.uint8], known: NDArray[np.int32], renewed: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same for the session's last events."""
    at = columns(block)
    found, n = np.empty(at.ints[SESSION], np.int32), 0
    for place in range(at.ints[SESSION] - 1, -1, -1):
        number = at.session[place]
        item = known[number]
        for row in range(len(renewed)):
            if at.items[row] == number:
                item = renewed[row]
        if item >= 0:
            found[n] = item
            n += 1
    return found[:n]


@njit(cache=True)
def moment_of(block: NDArray[np.uint8], now: float) -> tuple[int, bool, float, float, float, float, int, float]:
    """The fields of `Moment` without the last."""
    at = columns(block)
    ints, rows = at.ints, at.ints[ROWS]
    in_session = 0
    for place in range(ints[SESSION]):
        again = False
        for before in range(place):
            again |= at.session[before] == at.session[place]
        in_session += not again
    events = float(ints[EVENTS])
    return (
        int(at.kinds[rows - 1]) if rows else -1, ints[TWICE] != 0, (ints[REPEATS] + 1.5) / (events + 5.0),
        (ints[IMMEDIATE] + 1.0) / (events + 5.0), events, float(ints[DEPTH]), in_session,
        max(0.0, now - at.floats[TIME]),
    )  # fmt: skip
