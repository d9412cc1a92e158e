"""Who is this user? A few decayed averages per user, kept in 92 bytes and updated by one event in constant time.

A profile is `bytes`: nothing of it is an object of its own, it can be stored and compared as it is, and two replicas
that took in the same events hold the same one. Logarithms and sines are rounded to 1/1024, so that replicas
with different mathematical libraries agree.
"""

import math
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from learners.base import CLICK, PURCHASE

TASTES = 4  # categories that a profile remembers
NAMES: Final = (
    "experience", "depth", "click_rate", "purchase_rate", "repeat_rate", "price", "price_spread", "spend",
    "concentration", "gap", "hour_cos", "hour_sin",
)  # fmt: skip
EMPTY: Final = b""  # the profile of a user without events

_KEEP = 2.0 ** (-1.0 / 50.0)  # of every sum an event: the user's last 50 events weigh as much as all before them
_LAYOUT = Struct(f"<d13f{TASTES}I{TASTES}f")
_DAY_S = 86_400.0


class Touch(NamedTuple):
    """What a profile takes in of one event."""

    kind: int  # VIEW, CLICK or PURCHASE
    time: float  # event time, unix seconds
    category: int = 0  # of the item, a number > 0; 0: unknown
    price: float | None = None  # of the item, in whatever currency the site has
    repeated: bool = False  # the user had an event on the item before
    new_session: bool = False  # the first event of a session


class Sums(NamedTuple):
    """A profile unpacked: decayed sums over the user's events."""

    time: float = 0.0  # of the newest event, unix seconds
    events: float = 0.0
    clicks: float = 0.0  # purchases are none
    purchases: float = 0.0
    repeats: float = 0.0
    priced: float = 0.0  # events on items with a price
    prices: float = 0.0  # sum of ln(1 + price) over those
    squares: float = 0.0  # of the squares of the same
    paid: float = 0.0  # purchases with a price
    payments: float = 0.0  # sum of ln(1 + price) over those
    sessions: float = 0.0  # decayed by events, so that events / sessions is the depth
    gaps: float = 0.0  # decayed mean of ln(1 + seconds) between sessions
    hour_cos: float = 0.0  # sum of cos(time of day), in UTC
    hour_sin: float = 0.0
    categories: tuple[int, ...] = (0,) * TASTES  # numbers, 0: free
    tastes: tuple[float, ...] = (0.0,) * TASTES  # decayed events of each


def unpack(profile: bytes) -> Sums:
    """Read a profile."""
    if not profile:
        return Sums()
    values = _LAYOUT.unpack(profile)
    return Sums._make((*values[:14], values[14 : 14 + TASTES], values[14 + TASTES :]))


def update(profile: bytes, touch: Touch) -> bytes:
    """Return the profile after one more event.

    >>> profile = update(EMPTY, Touch(kind=1, time=0.0, category=7, price=20.0, new_session=True))
    >>> profile = update(profile, Touch(kind=0, time=60.0, category=7, price=30.0))
    >>> len(profile), {name: round(value, 2) for name, value in zip(NAMES, describe(profile)) if value}
    (92, {'experience': 0.17, 'depth': 0.28, 'click_rate': 0.33, 'price': 0.27, 'price_spread': 0.06, ...})
    """
    old = unpack(profile)
    clicked, bought = touch.kind == CLICK, touch.kind == PURCHASE
    priced = touch.price is not None and 0.0 <= touch.price < math.inf
    price = _rounded(math.log1p(touch.price)) if touch.price is not None and priced else 0.0
    angle = 2.0 * math.pi * (touch.time % _DAY_S) / _DAY_S
    categories, tastes = _tasted(old, touch.category)
    return _LAYOUT.pack(
        max(old.time, touch.time), _KEEP * old.events + 1.0, _KEEP * old.clicks + clicked,
        _KEEP * old.purchases + bought, _KEEP * old.repeats + touch.repeated, _KEEP * old.priced + priced,
        _KEEP * old.prices + price, _KEEP * old.squares + price * price, _KEEP * old.paid + (bought and priced),
        _KEEP * old.payments + bought * price, _KEEP * old.sessions + touch.new_session, _gap(old, touch),
        _KEEP * old.hour_cos + _rounded(math.cos(angle)), _KEEP * old.hour_sin + _rounded(math.sin(angle)),
        *categories, *tastes,
    )  # fmt: skip


def describe(profile: bytes) -> list[float]:
    """Return the vector named by `NAMES`, each in [0, 1]; of a user without events all 0, but the hour .5.

    experience : share of 10 pseudo-events that events have overtaken, n / (n + 10)
    depth : ln(1 + events a session) / 4
    click_rate, purchase_rate, repeat_rate : shares of the events, with one pseudo-event of none
    price, price_spread : mean and deviation of ln(1 + price) of the items, over 12 and 3
    spend : mean of ln(1 + price) of the purchases, over 12
    concentration : sum of the squared shares of the best-liked categories: 1 for only one
    gap : mean of ln(1 + seconds) between sessions, over 16 (103 days)
    hour_cos, hour_sin : mean direction on the clock's face, UTC, from [-1, 1]: .5 both if there is no habit
    """
    sums = unpack(profile)
    n = sums.events + 1.0
    mean = sums.prices / max(sums.priced, 1e-9)
    spread = math.sqrt(max(0.0, sums.squares / max(sums.priced, 1e-9) - mean * mean))
    tasted = max(sum(sums.tastes), 1e-9)
    return [
        _unit(value)
        for value in (
            sums.events / (sums.events + 10.0), math.log1p(sums.events / max(sums.sessions, 1e-9)) / 4.0,
            sums.clicks / n, sums.purchases / n, sums.repeats / n, mean / 12.0, spread / 3.0,
            sums.payments / max(sums.paid, 1e-9) / 12.0, sum((taste / tasted) ** 2 for taste in sums.tastes),
            sums.gaps / 16.0, 0.5 + 0.5 * sums.hour_cos / n, 0.5 + 0.5 * sums.hour_sin / n,
        )
    ]  # fmt: skip


def quantise(vector: Sequence[float]) -> bytes:
    """Return a vector as it travels in the log, a byte for each number in [0, 1]: all replicas learn from the same.

    >>> list(quantise([0.0, 0.5, 1.0]))
    [0, 128, 255]
    """
    return bytes([int(value * 255.0 + 0.5) for value in vector])


def category_share(sums: Sums, category: int) -> float:
    """Return the share of the user's categorised events, lately, that were in a category; 0 beyond the best."""
    tasted = sum(sums.tastes)
    if category == 0 or tasted <= 0 or category not in sums.categories:
        return 0.0
    return sums.tastes[sums.categories.index(category)] / tasted


def price_closeness(sums: Sums, price: float | None) -> float:
    """Return how well a price fits what the user looks at, in [0, 1]; .5 where nothing is known of either.

    exp(-z²/2), with z in deviations of the user's ln(1 + price), of .25 at least.
    """
    if price is None or price < 0 or sums.priced <= 0:
        return 0.5
    mean = sums.prices / sums.priced
    deviation = max(0.25, math.sqrt(max(0.0, sums.squares / sums.priced - mean * mean)))
    return math.exp(-0.5 * ((math.log1p(price) - mean) / deviation) ** 2)


def _gap(old: Sums, touch: Touch) -> float:
    """Mean of ln(1 + seconds) between sessions; a new gap counts a fifth."""
    if not touch.new_session or old.events == 0:
        return old.gaps
    gap = _rounded(math.log1p(max(0.0, touch.time - old.time)))
    return old.gaps + (gap - old.gaps) * (0.2 if old.gaps > 0 else 1.0)


def _tasted(old: Sums, category: int) -> tuple[list[int], list[float]]:
    """Count a category; where there is no room, it replaces the least liked and inherits half its weight."""
    categories, tastes = list(old.categories), [_KEEP * taste for taste in old.tastes]
    if category == 0:
        return categories, tastes
    if category in categories:
        tastes[categories.index(category)] += 1.0
        return categories, tastes
    least = min(range(TASTES), key=lambda slot: (tastes[slot], slot))
    categories[least], tastes[least] = category, 1.0 + 0.5 * tastes[least]
    return categories, tastes


def _rounded(value: float) -> float:
    return round(value * 1024.0) / 1024.0


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
