"""Generated events to measure with: seeded, under permanent names.

The events of a name never change, so that figures of two versions can be compared.
"""

import math
import random
import time
from collections.abc import Iterator
from heapq import heappush, heapreplace
from itertools import count
from typing import NamedTuple

from stream.records.schemas import Event, EventType, Item

USERS, ITEMS, CATEGORIES = 5_000, 10_000, 100
KINDS: tuple[EventType, ...] = (*("view",) * 8, "click", "purchase")
# Sessions of the Taobao log, cut at half an hour of silence: 14,122 of 815 users, 84,475 events.
SESSION_EVENTS = 6.0  # mean; half of them have at most 3
GAP_S, GAP_SPREAD = 54.0, 1.375  # between two events of a session: median, and sigma of the logarithm (mean 139 s)
REPEATS = 0.25  # share of events on an item that the user has touched
WORDS = 2_000  # of the titles


class World(NamedTuple):
    """Size of the population and rate of its events in event time."""

    users: int
    items: int
    rate: float = 100.0  # events a second

    def catalogue(self) -> Iterator[Item]:
        """All items."""
        return catalogue(self)

    def events(self, start: float) -> Iterator[tuple[EventType, Event]]:
        """Events without end, from `start` on, unix seconds."""
        return sessions(self, start)


def catalogue(world: World, name: str = "sessions-1") -> Iterator[Item]:
    """Generate all items, each with a title of five words, a category and a price.

    >>> item = next(catalogue(World(10, 10)))
    >>> item.title, item.categories, item.price
    ('w1478 w1 w266 w11 w794', ['c0'], 7.18)
    """
    rng = random.Random(f"headwater/bench/{name}/items")
    for n in range(world.items):
        words = [f"w{int(WORDS * rng.random() ** 3)}" for _ in range(5)]
        price = round(math.exp(rng.gauss(3.0, 1.0)), 2)
        yield Item(item_id=f"i{n}", title=" ".join(words), categories=[f"c{n % CATEGORIES}"], price=price)


def sessions(world: World, start: float, name: str = "sessions-1") -> Iterator[tuple[EventType, Event]]:
    """Generate sessions like those of the Taobao log, without end, by time; a user has one at a time.

    >>> kind, event = next(sessions(World(1_000, 100), start=1e9))
    >>> kind, event.user_id, event.item_id
    ('view', 'u202', 'i71')
    """
    rng = random.Random(f"headwater/bench/{name}/events")
    # As many sessions at once, each of another user, as give the rate.
    gap_s = GAP_S * math.exp(GAP_SPREAD**2 / 2)
    under_way = max(1, min(world.users // 2, int(world.rate * gap_s)))
    stretch = under_way / (world.rate * gap_s)  # below 1 if users are too few: their gaps get shorter
    heap: list[tuple[float, int, str, list[str]]] = []
    busy: set[str] = set()
    for n in range(under_way):
        heappush(heap, (start + rng.random() * gap_s * stretch, n, _idle(rng, world, busy), []))
    for n in count():
        at, place, user, past = heap[0]
        item = _chosen(rng, world, past)
        past.append(item)
        yield rng.choice(KINDS), Event(event_id=f"{name}-{n}", user_id=user, item_id=item, timestamp=at)
        if rng.random() < 1.0 / SESSION_EVENTS:
            busy.discard(user)
            user, past = _idle(rng, world, busy), []
        heapreplace(heap, (at + stretch * GAP_S * math.exp(rng.gauss(0.0, GAP_SPREAD)), place, user, past))


def _idle(rng: random.Random, world: World, busy: set[str]) -> str:
    while True:
        user = f"u{int(world.users * rng.random())}"
        if user not in busy:
            busy.add(user)
            return user


def _chosen(rng: random.Random, world: World, past: list[str]) -> str:
    """Choose an item: a quarter are repeats, others mostly stay in a category, popular ones come often."""
    if past and rng.random() < REPEATS:
        return past[-1 - int(len(past) * rng.random() ** 3)]
    category = int(past[-1][1:]) % CATEGORIES if past and rng.random() < 0.7 else int(CATEGORIES * rng.random())
    return f"i{int(world.items / CATEGORIES * rng.random() ** 3) * CATEGORIES + category}"


def workload(
    events: int, name: str = "shop-1", *, users: int = USERS, items: int = ITEMS
) -> Iterator[tuple[EventType, Event]]:
    """Generate shoppers: popular items come often, users mostly stay in a category, a quarter are repeats.

    >>> kind, event = next(workload(1))
    >>> kind, event.user_id, event.item_id
    ('view', 'u4943', 'i81')
    """
    rng = random.Random(f"headwater/bench/{name}")
    history: dict[str, list[str]] = {}
    for n in range(events):
        user = f"u{int(users * rng.random())}"
        past = history.setdefault(user, [])
        if past and rng.random() < 0.25:
            item = past[-1 - int(len(past) * rng.random() ** 3)]
        else:
            category = int(past[-1][1:]) % CATEGORIES if past and rng.random() < 0.7 else int(CATEGORIES * rng.random())
            item = f"i{int(items / CATEGORIES * rng.random() ** 3) * CATEGORIES + category}"
        past.append(item)
        del past[:-50]
        yield rng.choice(KINDS), Event(event_id=f"{name}-{n}", user_id=user, item_id=item, timestamp=time.time())
