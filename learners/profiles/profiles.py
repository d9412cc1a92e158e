"""Who is this user? A few decayed averages per user, kept in 92 bytes and updated by one event in constant time.

A profile is `bytes`: nothing of it is an object of its own, it can be stored and compared as it is, and two replicas
that took in the same events hold the same one. Logarithms and sines are rounded to 1/1024, so that replicas
with different mathematical libraries agree.
"""

import math
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
PROFILE_BYTES: Final = _LAYOUT.size
# Places of the sums in a profile, as in `Sums` without the time
(
    EVENTS, CLICKS, PURCHASES, REPEATS, PRICED, PRICES, SQUARES, PAID, PAYMENTS, SESSIONS, GAPS, HOUR_COS, HOUR_SIN
) = range(13)  # fmt: skip


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
    found = _array(profile)
    price = math.nan if touch.price is None else float(touch.price)
    learn_touch(
        found, touch.kind, float(touch.time), touch.category, price, bool(touch.repeated), bool(touch.new_session)
    )
    return found.tobytes()


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
    found: list[float] = _described(_array(profile)).tolist()
    return found


def quantise(vector: Sequence[float]) -> bytes:
    """Return a vector as it travels in the log, a byte for each number in [0, 1]: all replicas learn from the same.

    >>> list(quantise([0.0, 0.5, 1.0]))
    [0, 128, 255]
    """
    return bytes([int(value * 255.0 + 0.5) for value in vector])


@njit(cache=True)
def has_events(profile: NDArray[np.uint8]) -> bool:
    """Whether a profile of `PROFILE_BYTES` has taken in an event; one of zeros is that of a user without any."""
    return bool(profile[8:12].view(np.float32)[0] > 0)


@njit(cache=True)
def learn_touch(
    profile: NDArray[np.uint8], kind: int, time: float, category: int, price: float, repeated: bool, new_session: bool
) -> None:
    """`update` in place, on an array of `PROFILE_BYTES`; `price` is nan where it is unknown."""
    newest, sums = profile[:8].view(np.float64), profile[8:60].view(np.float32)
    known, liked = profile[60:76].view(np.uint32), profile[76:92].view(np.float32)
    clicked, bought = kind == CLICK, kind == PURCHASE
    priced = price >= 0.0 and price < math.inf
    worth = _rounded(math.log1p(price)) if priced else 0.0
    angle = 2.0 * math.pi * (time % _DAY_S) / _DAY_S
    gap = np.float64(sums[GAPS])
    if new_session and sums[EVENTS] > 0:
        wait = _rounded(math.log1p(max(0.0, time - newest[0])))
        gap = gap + (wait - gap) * (0.2 if gap > 0 else 1.0)
    newest[0] = max(newest[0], time)
    added = (
        1.0, 1.0 * clicked, 1.0 * bought, 1.0 * repeated, 1.0 * priced, worth, worth * worth, 1.0 * (bought and priced),
        worth * bought, 1.0 * new_session, 0.0, _rounded(math.cos(angle)), _rounded(math.sin(angle)),
    )  # fmt: skip
    for n in range(len(sums)):
        sums[n] = _KEEP * np.float64(sums[n]) + added[n]
    sums[GAPS] = gap
    _like(known, liked, category)


@njit(cache=True)
def _like(known: NDArray[np.uint32], liked: NDArray[np.float32], category: int) -> None:
    """Count a category; where there is no room, it replaces the least liked and inherits half its weight."""
    place, least = -1, 0
    for slot in range(TASTES):
        if category == known[slot] and place < 0:
            place = slot
        if _KEEP * np.float64(liked[slot]) < _KEEP * np.float64(liked[least]):
            least = slot
    for slot in range(TASTES):
        taste = _KEEP * np.float64(liked[slot])
        if category != 0 and slot == place:
            taste += 1.0
        elif category != 0 and place < 0 and slot == least:
            known[slot], taste = category, 1.0 + 0.5 * taste
        liked[slot] = taste


@njit(cache=True)
def write_described(profile: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write what `quantise(describe(profile))` returns; `profile` is an array of `PROFILE_BYTES`."""
    vector = _described(profile)
    for n in range(len(vector)):
        out[n] = int(vector[n] * 255.0 + 0.5)


@njit(cache=True)
def _described(profile: NDArray[np.uint8]) -> NDArray[np.float64]:
    sums = profile[8:60].view(np.float32).astype(np.float64)
    liked = profile[76:92].view(np.float32).astype(np.float64)
    n = sums[EVENTS] + 1.0
    mean = sums[PRICES] / max(sums[PRICED], 1e-9)
    tasted, concentration = max(liked.sum(), 1e-9), 0.0
    for taste in liked:
        concentration += (taste / tasted) ** 2
    found = np.array((
        sums[EVENTS] / (sums[EVENTS] + 10.0), math.log1p(sums[EVENTS] / max(sums[SESSIONS], 1e-9)) / 4.0,
        sums[CLICKS] / n, sums[PURCHASES] / n, sums[REPEATS] / n, mean / 12.0,
        math.sqrt(max(0.0, sums[SQUARES] / max(sums[PRICED], 1e-9) - mean * mean)) / 3.0,
        sums[PAYMENTS] / max(sums[PAID], 1e-9) / 12.0, concentration,
        sums[GAPS] / 16.0, 0.5 + 0.5 * sums[HOUR_COS] / n, 0.5 + 0.5 * sums[HOUR_SIN] / n,
    ))  # fmt: skip
    for place in range(len(found)):
        found[place] = min(1.0, max(0.0, found[place]))
    return found


@njit(cache=True)
def _rounded(value: float) -> float:
    return float(np.rint(value * 1024.0) / 1024.0)


def _array(profile: bytes) -> NDArray[np.uint8]:
    """A profile that can be changed; zeros for `EMPTY`."""
    return np.frombuffer(profile or bytes(PROFILE_BYTES), np.uint8).copy()


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
