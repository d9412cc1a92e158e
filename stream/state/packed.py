"""A user's block as snapshots hold it: as short as it can be, and the same for equal users in all processes."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import NEVER
from learners.profiles.profiles import PROFILE_BYTES, has_events
from stream.state.user_block import (
    DEPTH,
    EVENT_IDS,
    EVENTS,
    IDS,
    IMMEDIATE,
    NEXT_ID,
    PROFILE_AT,
    REPEATS,
    ROWS,
    SEEN_ITEMS,
    SESSION,
    SESSION_ITEMS,
    TWICE,
    columns,
    new_block,
)

COUNTS = (EVENTS, DEPTH, REPEATS, IMMEDIATE, TWICE, ROWS, SESSION, IDS)
NUMBERS_AT = 16
MAX_BYTES = NUMBERS_AT + 5 * len(COUNTS) + 1 + PROFILE_BYTES + 8 * EVENT_IDS + 23 * SEEN_ITEMS + SESSION_ITEMS
_OUT, _NUMBERS = np.empty(MAX_BYTES, np.uint8), np.empty(SEEN_ITEMS, np.int32)  # scratch; users are copied one by one


class Packed(NamedTuple):
    """A block as bytes, and what they do not hold."""

    data: bytes
    numbers: list[int]  # of its items, oldest first
    room: int  # for so many events


def packed(block: NDArray[np.uint8]) -> Packed:
    """Pack a block."""
    size, rows, room = _pack(block, _OUT, _NUMBERS)
    return Packed(_OUT[:size].tobytes(), _NUMBERS[:rows].tolist(), room)


def unpacked(found: Packed) -> NDArray[np.uint8]:
    """Read what `packed` returned into a new block."""
    block = new_block(len(found.numbers), found.room)
    _unpack(np.frombuffer(found.data, np.uint8), np.array(found.numbers, np.int32), block)
    return block


@njit(cache=True)
def _pack(block: NDArray[np.uint8], out: NDArray[np.uint8], numbers: NDArray[np.int32]) -> tuple[int, int, int]:
    """Write a block into `out` [MAX_BYTES], the numbers of its items into `numbers`; how many of both, and the room.

    Two float64; varints of the `COUNTS`; the profile behind a byte that says whether there is one; hashes of events
    oldest first, int64; of each item, oldest first, the time, float64, the kind, a varint of the count, and the time of
    the last purchase, float64, behind a byte that says whether there was one; the session as places of items, bytes.
    """
    at = columns(block)
    rows, ids = at.ints[ROWS], at.ints[IDS]
    out[:NUMBERS_AT] = block[:NUMBERS_AT]
    n = NUMBERS_AT
    for count in COUNTS:
        n = _put(out, n, at.ints[count])
    profile = block[PROFILE_AT : PROFILE_AT + PROFILE_BYTES]
    out[n] = has_events(profile)
    if out[n]:
        out[n + 1 : n + 1 + PROFILE_BYTES] = profile
        n += PROFILE_BYTES
    n += 1
    first = at.ints[NEXT_ID] if ids == EVENT_IDS else 0
    for place in range(ids):
        out[n : n + 8].view(np.int64)[0] = at.event_ids[(first + place) % EVENT_IDS]
        n += 8
    for row in range(rows):
        numbers[row] = at.items[row]
        out[n : n + 8].view(np.float64)[0] = at.times[row]
        out[n + 8] = at.kinds[row]
        n = _put(out, n + 9, at.counts[row])
        out[n] = at.bought[row] > NEVER
        if out[n]:
            out[n + 1 : n + 9].view(np.float64)[0] = at.bought[row]
            n += 8
        n += 1
    for place in range(at.ints[SESSION]):
        for row in range(rows):
            if at.items[row] == at.session[place]:
                out[n] = row
        n += 1
    return n, rows, max(ids, at.ints[SESSION])


@njit(cache=True)
def _unpack(data: NDArray[np.uint8], numbers: NDArray[np.int32], block: NDArray[np.uint8]) -> None:
    counts, n = np.empty(len(COUNTS), np.int64), NUMBERS_AT
    for place in range(len(COUNTS)):
        counts[place], n = _get(data, n)
    rows, session, ids = counts[-3], counts[-2], counts[-1]
    at = columns(block)
    block[:NUMBERS_AT] = data[:NUMBERS_AT]
    for place in range(len(COUNTS)):
        at.ints[COUNTS[place]] = counts[place]
    if data[n]:
        block[PROFILE_AT : PROFILE_AT + PROFILE_BYTES] = data[n + 1 : n + 1 + PROFILE_BYTES]
        n += PROFILE_BYTES
    n += 1
    at.ints[NEXT_ID] = ids % EVENT_IDS
    for place in range(ids):
        at.event_ids[place] = data[n : n + 8].view(np.int64)[0]
        n += 8
    for row in range(rows):
        at.items[row], at.times[row], at.kinds[row] = numbers[row], data[n : n + 8].view(np.float64)[0], data[n + 8]
        at.counts[row], n = _get(data, n + 9)
        at.bought[row] = NEVER
        if data[n]:
            at.bought[row] = data[n + 1 : n + 9].view(np.float64)[0]
            n += 8
        n += 1
    for place in range(session):
        at.session[place] = numbers[data[n + place]]


@njit(cache=True)
def _put(out: NDArray[np.uint8], n: int, value: int) -> int:
    """Write a varint, seven bits a byte, the lowest first; returns the place behind it."""
    while value > 127:
        out[n] = 128 | (value & 127)
        value >>= 7
        n += 1
    out[n] = value
    return n + 1


@njit(cache=True)
def _get(data: NDArray[np.uint8], n: int) -> tuple[int, int]:
    value, shift = 0, 0
    while data[n] > 127:
        value |= (int(data[n]) & 127) << shift
        shift += 7
        n += 1
    return value | (int(data[n]) << shift), n + 1
