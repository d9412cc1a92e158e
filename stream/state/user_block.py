"""A user's history as one block of bytes: a few numbers, the profile, and columns that grow with the user.

Items are numbers of `state.item_numbers`. A block is

    2 float64    TIME, TOUCHED
    11 int32     EVENTS to IDS_ROOM; how much of each column is in use, and how long it is
    profile      see learners.profiles.profiles
    columns      of `Columns`, one behind the other, the longest numbers first, so that each is aligned

An object a field would take several times the room. `state.user_kernels` reads and changes a block.
"""

from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

SEEN_ITEMS: Final = 200  # distinct items remembered per user
CONTEXT_ITEMS: Final = 10  # of which so many travel in the log as the learners' context
SESSION_ITEMS: Final = 20  # events of the session, the learners' weight of an older one is below 0.5 %
EVENT_IDS: Final = 128  # a producer's retry arrives within so many of the user's own events
PAST = np.dtype([("gap", "<f4"), ("bought", "<f4"), ("count", "u1"), ("kind", "u1")])  # of an item, as it is logged

TIME, TOUCHED = range(2)  # of the newest event; the shard's watermark at the last record; unix seconds
EVENTS, DEPTH, REPEATS, IMMEDIATE, TWICE, ROWS, SESSION, IDS, NEXT_ID, ROWS_ROOM, IDS_ROOM = range(11)
INTS_AT, PROFILE_AT, COLUMNS_AT = 16, 64, 160  # bytes
_ROOMS, _USED = Struct("<2i"), Struct("<6i")
FIRST_GROWTH = 4  # many users have one event; those who come again are given more room


class Columns(NamedTuple):
    """Views of a block: its numbers, and its columns in their full length."""

    floats: NDArray[np.float64]
    ints: NDArray[np.int32]
    event_ids: NDArray[np.int64]  # hashes of the last events, a ring when it is full
    times: NDArray[np.float64]  # of the last event on each item, unix seconds, ascending
    bought: NDArray[np.float64]  # of the last purchase of it; 0: at an unknown time; NEVER without one
    items: NDArray[np.int32]  # numbers
    counts: NDArray[np.int32]  # events on it
    session: NDArray[np.int32]  # items of the session's last events, newest last
    kinds: NDArray[np.uint8]  # of the last event on the item


@njit(cache=True)
def columns(block: NDArray[np.uint8]) -> Columns:
    """Look at a block."""
    ints = block[INTS_AT : INTS_AT + 44].view(np.int32)
    rows, ids = ints[ROWS_ROOM], ints[IDS_ROOM]
    a = COLUMNS_AT
    b = a + 8 * ids
    c = b + 8 * rows
    d = c + 8 * rows
    e = d + 4 * rows
    f = e + 4 * rows
    g = f + 4 * min(ids, SESSION_ITEMS)
    return Columns(
        block[:INTS_AT].view(np.float64), ints, block[a:b].view(np.int64), block[b:c].view(np.float64),
        block[c:d].view(np.float64), block[d:e].view(np.int32), block[e:f].view(np.int32), block[f:g].view(np.int32),
        block[g : g + rows],
    )  # fmt: skip


def new_block(rows: int, ids: int) -> NDArray[np.uint8]:
    """Make the block of a user without events, with room for so many items and events.

    Not compiled: an array from numba's own memory takes 130 bytes more.
    """
    block = np.zeros(COLUMNS_AT + 25 * rows + 8 * ids + 4 * min(ids, SESSION_ITEMS), np.uint8)
    _ROOMS.pack_into(block.data, INTS_AT + 4 * ROWS_ROOM, rows, ids)
    return block


def grown(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy with more room in the columns that are full: at least twice as much, up to their bounds."""
    used, session, used_ids, _, rows, ids = _USED.unpack_from(block.data, INTS_AT + 4 * ROWS)
    if used == rows:
        rows = min(SEEN_ITEMS, max(FIRST_GROWTH, 2 * rows))
    if ids in (used_ids, session):
        ids = min(EVENT_IDS, max(FIRST_GROWTH, 2 * ids))
    larger = new_block(rows, ids)
    _copy(block, larger)
    return larger


@njit(cache=True)
def _copy(block: NDArray[np.uint8], larger: NDArray[np.uint8]) -> None:
    old, new = columns(block), columns(larger)
    larger[:INTS_AT] = block[:INTS_AT]
    larger[PROFILE_AT:COLUMNS_AT] = block[PROFILE_AT:COLUMNS_AT]
    new.ints[:ROWS_ROOM] = old.ints[:ROWS_ROOM]
    n = old.ints[ROWS]
    new.times[:n], new.bought[:n], new.items[:n] = old.times[:n], old.bought[:n], old.items[:n]
    new.counts[:n], new.kinds[:n] = old.counts[:n], old.kinds[:n]
    new.session[: old.ints[SESSION]] = old.session[: old.ints[SESSION]]
    new.event_ids[: old.ints[IDS]] = old.event_ids[: old.ints[IDS]]  # not full until now, so not yet a ring
