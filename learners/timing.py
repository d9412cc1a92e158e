"""Microseconds per event learned and per query, and bytes, with few items and with many: both must stay as they are.

Made-up users: sessions of five events on items of one neighbourhood, popular ones more often, a description for each.
They are the same users in a small and in a large catalogue, where items only lie further apart. With a clock of the
process's CPU time a busy machine disturbs little; what matters is the ratio.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.arrays.draws import draw
from learners.base import About, Interaction, Query, Source

USED = 10_000  # items that users know
ITEMS = (USED, 1_000_000)
EVENTS, QUERIES, WARM_UP = 50_000, 2_000, 200
PROPOSED = 100  # items that a query asks for
SESSION = 5  # events
HISTORY = 20  # distinct items of a user
NEIGHBOURHOOD = 100  # items that a session is about


class Timing(NamedTuple):
    """One source with so many items."""

    items: int
    learn_us: float
    query_us: float  # of `top_k` and of the scores of as many items
    item_bytes: float  # of state for an item without events
    event_bytes: float  # of state that an event adds in the mean, with those items that it fills


def measure(
    source: Source, items: int, clock: Callable[[], float], *, learned: int = EVENTS, asked: int = QUERIES
) -> Timing:
    """Let a fresh source learn so many events, then query it; `clock` counts seconds."""
    before = _bytes(source)
    for item in range(items):
        source.add_item(item)
    empty = _bytes(source)
    events = shoppers(learned + WARM_UP, max(1, items // USED))
    for event in events:
        source.describe(event.item, _about(event.item))
    blocked, started = np.zeros(items, np.uint8), 0.0
    for n, event in enumerate(events):
        if n == WARM_UP:
            started = clock()
        source.learn_one(event)
    learn_s, full = clock() - started, _bytes(source)
    for n, event in enumerate(events[-asked - WARM_UP :]):
        if n == WARM_UP:
            started = clock()
        query = Query(event.recent, event.time, event.session, event.user)
        found = source.top_k(query, PROPOSED, blocked)[0]
        source.score_many(query, found)
    query_s = clock() - started
    return Timing(
        items, learn_s / learned * 1e6, query_s / asked * 1e6, (empty - before) / items, (full - empty) / len(events)
    )


def _bytes(source: Source) -> int:
    return sum(array.nbytes for array in source.state().values())


def shoppers(events: int, apart: int = 1) -> list[Interaction]:
    """Return what users do, a tenth as many as events, on every so-manieth item; the same for the same numbers.

    >>> [(event.item, event.recent.tolist()) for event in shoppers(400, apart=10)[:2]]
    [(590, []), (1010, [])]
    """
    drawn, made = np.empty(3 * events, np.float32), list[Interaction]()
    draw(drawn, 0, 0.499)
    uniforms = (0.5 + drawn).reshape(events, 3).tolist()  # in (0, 1)
    pasts: dict[int, list[int]] = {}
    sessions: dict[int, list[int]] = {}
    for n, (who, where, what) in enumerate(uniforms):
        user = 1 + int(who * (events // 10 + 1))
        past, session = pasts.setdefault(user, []), sessions.setdefault(user, [])
        if len(session) == SESSION:
            session.clear()
        place = session[-1] // apart // NEIGHBOURHOOD if session else int(where**2 * (USED // NEIGHBOURHOOD))
        item = place * NEIGHBOURHOOD + int(what**3 * NEIGHBOURHOOD)
        item *= apart
        made.append(Interaction(item, 0, float(n), _newest_first(past), _newest_first(session), user))
        session.append(item)
        past[:] = [*(other for other in past if other != item), item][-HISTORY:]
    return made


def _newest_first(items: list[int]) -> NDArray[np.int32]:
    return np.array(items[::-1], np.int32)


def _about(item: int) -> About:
    return About(
        title=f"article {item % 997}", categories=(f"category {item // NEIGHBOURHOOD}",), price=1.0 + item % 100
    )
