"""What happens to a user's block: what a step says of it before an event, and how the event is taken in."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import NEVER, PURCHASE
from learners.profiles.profiles import PROFILE_BYTES, has_events, learn_touch, write_described
from stream.state.user_block import (
    CONTEXT_ITEMS,
    DEPTH,
    EVENT_IDS,
    EVENTS,
    IDS,
    IMMEDIATE,
    NEXT_ID,
    PAST,
    PROFILE_AT,
    REPEATS,
    ROWS,
    SEEN_ITEMS,
    SESSION,
    SESSION_ITEMS,
    TIME,
    TWICE,
    Columns,
    columns,
)

GROW, KNOWN, NEW = range(3)  # what `take` says of the block and the item
NO_ITEM = -1
DUPLICATE, LATE, SAME_SESSION, CONTEXT, IN_SESSION, PROFILED = range(6)  # bytes of what `look` writes
DESCRIBED_AT, CONTEXT_AT, DESCRIBED = 8, 20, 12
LOOK_BYTES = CONTEXT_AT + (4 + PAST.itemsize) * CONTEXT_ITEMS
BY_SILENCE: Final = -1  # `by_id` of an event where neither it nor the session has an id; else whether they are equal


@njit(cache=True)
def knows(at: Columns, event_id: int) -> bool:
    """Whether the event with this hash was applied already (among the last `EVENT_IDS`)."""
    for n in range(at.ints[IDS]):  # noqa: SIM110  not any(): numba knows no generators
        if at.event_ids[n] == event_id:
            return True
    return False


@njit(cache=True)
def continues(at: Columns, time: float, by_id: int, session_gap_s: float) -> bool:
    """Whether an event belongs to the session under way: same id, or no id and no long silence."""
    if at.ints[EVENTS] == 0:
        return False
    if by_id != BY_SILENCE:
        return by_id == 1
    return bool(time - at.floats[TIME] <= session_gap_s)


@njit(cache=True)
def look(
    block: NDArray[np.uint8], event_id: int, time: float, by_id: int, session_gap_s: float, profiled: bool,
    found: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write what the log says of a user before an event: into `found` [LOOK_BYTES] the bytes DUPLICATE to PROFILED.

    from DESCRIBED_AT  the profile, as `profiles.quantise` writes it, if it is asked for and there is one
    from CONTEXT_AT    the numbers of the newest items, newest first, int32
    behind them        the user's past with each, as `PAST`: times as seconds before the event
    """
    at = columns(block)
    n = at.ints[ROWS]
    m = min(n, CONTEXT_ITEMS)
    numbers = found[CONTEXT_AT : CONTEXT_AT + 4 * m].view(np.int32)
    past = found[CONTEXT_AT + 4 * m : CONTEXT_AT + 14 * m].view(PAST)
    same = continues(at, time, by_id, session_gap_s)
    in_session = 0
    for place in range(m):
        row = n - 1 - place
        numbers[place] = at.items[row]
        past[place].gap = time - at.times[row]
        past[place].bought = time - (at.bought[row] if at.bought[row] != 0.0 else NEVER)
        past[place].count = min(at.counts[row], 255)
        past[place].kind = at.kinds[row]
        if same and in_session == place and _find(at.session, at.ints[SESSION], at.items[row]) >= 0:
            in_session += 1
    found[DUPLICATE], found[LATE], found[SAME_SESSION] = knows(at, event_id), time < at.floats[TIME], same
    found[CONTEXT], found[IN_SESSION] = m, in_session
    profile = block[PROFILE_AT : PROFILE_AT + PROFILE_BYTES]
    found[PROFILED] = profiled and has_events(profile)
    if found[PROFILED]:
        write_described(profile, found[DESCRIBED_AT : DESCRIBED_AT + DESCRIBED])


@njit(cache=True)
def take(
    block: NDArray[np.uint8], event_id: int, item: int, kind: int, time: float, by_id: int, session_gap_s: float,
    profiled: bool, category: int, price: float,
) -> tuple[int, int, bool]:  # fmt: skip
    """Take an event into a user's history, session and profile.

    Parameters
    ----------
    event_id : hash
    item : number
    by_id : whether event and session have the same id, or `BY_SILENCE`
    profiled : whether `category` and `price` (nan: unknown) of the item are known, and the profile learns

    Returns
    -------
    GROW: there is no room, nothing was changed. Else whether the user has just come to know the item (NEW) or knew it
    (KNOWN); the item that was forgotten, or NO_ITEM; whether a session began.
    """
    at = columns(block)
    floats, ints = at.floats, at.ints
    n, place = ints[ROWS], _find(at.items, ints[ROWS], item)
    full = ints[IDS] == len(at.event_ids) < EVENT_IDS or ints[SESSION] == len(at.session) < SESSION_ITEMS
    if full or (place < 0 and n == len(at.items) < SEEN_ITEMS):
        return GROW, NO_ITEM, False
    late, begins = time < floats[TIME], not continues(at, time, by_id, session_gap_s)
    if profiled:
        profile = block[PROFILE_AT : PROFILE_AT + PROFILE_BYTES]
        learn_touch(profile, kind, time, category, price, place >= 0, begins)
    if begins and not late:
        ints[SESSION], ints[DEPTH] = 0, 0
    again = n > 0 and at.items[n - 1] == item
    ints[EVENTS] += 1
    ints[DEPTH] += 1
    ints[REPEATS] += place >= 0
    ints[IMMEDIATE] += again
    forgotten = _place_late(at, place, item, kind, time) if late else _place_newest(at, place, item, kind, time)
    if not late:
        floats[TIME], ints[TWICE] = time, again
        _append(at, item)
    _note(at, event_id)
    return NEW if place < 0 else KNOWN, forgotten, begins and not late


@njit(cache=True)
def knows_event(block: NDArray[np.uint8], event_id: int) -> bool:
    """The same of a block."""
    return knows(columns(block), event_id)


@njit(cache=True)
def note(block: NDArray[np.uint8], event_id: int) -> bool:
    """Remember the hash of an event's id; False: there is no room."""
    at = columns(block)
    if at.ints[IDS] == len(at.event_ids) < EVENT_IDS:
        return False
    _note(at, event_id)
    return True


@njit(cache=True)
def _find(items: NDArray[np.int32], n: int, item: int) -> int:
    """The last place of an item among the first `n`, or -1."""
    for place in range(n - 1, -1, -1):
        if items[place] == item:
            return place
    return -1


@njit(cache=True)
def _note(at: Columns, event_id: int) -> None:
    if knows(at, event_id):
        return
    place = at.ints[NEXT_ID]
    at.event_ids[place] = event_id
    at.ints[NEXT_ID] = (place + 1) % EVENT_IDS
    at.ints[IDS] = min(at.ints[IDS] + 1, EVENT_IDS)


@njit(cache=True)
def _append(at: Columns, item: int) -> None:
    """An event of the session; the oldest leaves a full one."""
    m = at.ints[SESSION]
    if m == SESSION_ITEMS:
        for place in range(1, m):
            at.session[place - 1] = at.session[place]
        m -= 1
    at.session[m] = item
    at.ints[SESSION] = m + 1


@njit(cache=True)
def _move(at: Columns, source: int, to: int) -> None:
    at.items[to], at.times[to], at.bought[to] = at.items[source], at.times[source], at.bought[source]
    at.counts[to], at.kinds[to] = at.counts[source], at.kinds[source]


@njit(cache=True)
def _bought(kind: int, time: float, before: float) -> float:
    """Time of the last purchase, with this event."""
    return max(before, time, 0.0) if kind == PURCHASE else before


@njit(cache=True)
def _write(at: Columns, place: int, item: int, count: int, kind: int, time: float, bought: float) -> None:
    at.items[place], at.counts[place], at.kinds[place] = item, count, kind
    at.times[place], at.bought[place] = time, bought


@njit(cache=True)
def _place_newest(at: Columns, place: int, item: int, kind: int, time: float) -> int:
    """Make an item the newest; of a full history the oldest is forgotten and returned."""
    n, count, before, forgotten = at.ints[ROWS], 0, NEVER, NO_ITEM
    if place >= 0:
        count, before = at.counts[place], at.bought[place]
    elif n == SEEN_ITEMS:
        place, forgotten = 0, at.items[0]
    else:
        place = n
        at.ints[ROWS] = n = n + 1
    for row in range(place, n - 1):
        _move(at, row + 1, row)
    _write(at, n - 1, item, count + 1, kind, time, _bought(kind, time, before))
    return forgotten


@njit(cache=True)
def _place_late(at: Columns, place: int, item: int, kind: int, time: float) -> int:
    """An event out of order counts, but does not become the newest: a stable sort by time.

    An item is put behind those of its time, or before them if it was known and had its place before theirs.
    """
    n = at.ints[ROWS]
    if place >= 0:
        count, bought = at.counts[place] + 1, _bought(kind, time, at.bought[place])
        if at.times[place] >= time:
            at.counts[place], at.bought[place] = count, bought
            return NO_ITEM
        while place + 1 < n and at.times[place + 1] < time:
            _move(at, place + 1, place)
            place += 1
        _write(at, place, item, count, kind, time, bought)
        return NO_ITEM
    bought = _bought(kind, time, NEVER)
    if n < SEEN_ITEMS:
        row = n
        while row > 0 and at.times[row - 1] > time:
            _move(at, row - 1, row)
            row -= 1
        at.ints[ROWS] = n + 1
        _write(at, row, item, 1, kind, time, bought)
        return NO_ITEM
    if at.times[0] > time:
        return item
    forgotten, row = int(at.items[0]), 0
    while row + 1 < n and at.times[row + 1] <= time:
        _move(at, row + 1, row)
        row += 1
    _write(at, row, item, 1, kind, time, bought)
    return forgotten
