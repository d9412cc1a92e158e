"""What the columns of known event logs mean. A new layout is a function from fields to a `Line`, and an entry below."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from stream.records.schemas import MAX_ID_BYTES, EventType, Item

LATEST_S = 1e11  # the year 5138: a larger number is in milliseconds
PLAIN: dict[str, EventType] = {"view": "view", "click": "click", "purchase": "purchase"}
TAOBAO: dict[str, EventType] = {"pv": "view", "cart": "click", "fav": "click", "buy": "purchase"}
REES46: dict[str, EventType] = {"view": "view", "cart": "click", "purchase": "purchase"}
PURCHASE_RATING, CLICK_RATING = 4.5, 3.5  # of five stars


class Line(NamedTuple):
    """The event of one line."""

    kind: EventType
    user_id: str
    item_id: str
    time: float  # unix seconds
    session_id: str | None = None
    price: float | None = None
    about: tuple[str, ...] = ()  # fields about the item, for `Layout.describe`


class Layout(NamedTuple):
    """The columns of a file, in any order if it has a header, and how to read them.

    `parse` gets the fields of `columns` and `optional`, in that order, an absent one as an empty string. It raises
    ValueError for an invalid line, saying what must hold and what came, and returns None for a line to be skipped.
    Without a header, `recognises` says whether the fields of a first line are of this layout.
    """

    columns: tuple[str, ...]
    parse: Callable[[Sequence[str]], Line | None]
    optional: tuple[str, ...] = ()
    header: bool = True
    recognises: Callable[[Sequence[str]], bool] = lambda _: False
    describe: Callable[[str, tuple[str, ...]], Item] | None = None


def seconds(text: str) -> float:
    """Unix seconds of a number or an ISO 8601 time (UTC if it has no offset).

    >>> seconds("1511544070"), seconds("2017-11-24T17:21:10Z"), seconds("2017-11-24 17:21:10 UTC")
    (1511544070.0, 1511544070.0, 1511544070.0)
    """
    try:
        time = float(text)
    except ValueError:
        time = _iso_seconds(text)
    if math.isfinite(time) and abs(time) < LATEST_S:
        return time
    raise ValueError(f"the time must be in seconds since 1970; got {text!r}, which looks like another unit")


@lru_cache(maxsize=4096)  # consecutive lines often have the same second
def _iso_seconds(text: str) -> float:
    try:
        time = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(f"the time must be unix seconds or ISO 8601; got {text!r}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _id(name: str, text: str) -> str:
    if not text:
        raise ValueError(f"`{name}` must not be empty")
    if len(text) * 4 > MAX_ID_BYTES and len(text.encode()) > MAX_ID_BYTES:
        raise ValueError(f"`{name}` must have at most {MAX_ID_BYTES} bytes; got {len(text.encode())}")
    return text


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"`{name}` must be a number, 0 or more; got {text!r}")
    return number


def _plain(fields: Sequence[str]) -> Line:
    user, item, event, timestamp, session = fields
    kind = PLAIN.get(event)
    if kind is None:
        raise ValueError(f"`event` must be one of {', '.join(PLAIN)}; got {event!r}")
    return Line(kind, _id("user_id", user), _id("item_id", item), seconds(timestamp), session or None)


def _taobao(fields: Sequence[str]) -> Line:
    user, item, category, behaviour, timestamp = fields
    kind = TAOBAO.get(behaviour)
    if kind is None:
        raise ValueError(f"the fourth column must be one of {', '.join(TAOBAO)}; got {behaviour!r}")
    return Line(kind, _id("user", user), _id("item", item), seconds(timestamp), about=(category,))


def _is_taobao(fields: Sequence[str]) -> bool:
    return len(fields) == 5 and fields[3] in TAOBAO


def _describe_taobao(item_id: str, about: tuple[str, ...]) -> Item:
    return Item(item_id=item_id, categories=list(about))


def _rees46(fields: Sequence[str]) -> Line | None:
    time, event, product, price, user, session, *about = fields
    kind = REES46.get(event)
    if kind is None:  # remove_from_cart and the like
        return None
    paid = _number("price", price) if price else None
    return Line(
        kind, _id("user_id", user), _id("product_id", product), seconds(time), session or None, paid, (price, *about)
    )


def _describe_rees46(item_id: str, about: tuple[str, ...]) -> Item:
    price, category_id, code, brand = about
    return Item(
        item_id=item_id,
        categories=[category for category in (code, category_id) if category],
        attributes={"brand": brand} if brand else {},
        price=float(price) if price else None,
    )


def _movielens(fields: Sequence[str]) -> Line:
    user, film, stars, timestamp = fields
    rating = _number("rating", stars)
    kind: EventType = "purchase" if rating >= PURCHASE_RATING else "click" if rating >= CLICK_RATING else "view"
    return Line(kind, _id("userId", user), _id("movieId", film), seconds(timestamp))


def film(movie_id: str, title: str, genres: str) -> Item:
    """Item of one line of MovieLens' movies.csv.

    >>> film("1", "Toy Story (1995)", "Adventure|Animation").categories
    ['Adventure', 'Animation']
    """
    known = genres != "(no genres listed)"
    return Item(item_id=_id("movieId", movie_id), title=title, categories=genres.split("|") if known else [])


LAYOUTS = {
    "csv": Layout(("user_id", "item_id", "event", "timestamp"), _plain, optional=("session_id",)),
    "taobao": Layout(
        ("user", "item", "category", "behaviour", "timestamp"), _taobao, header=False, recognises=_is_taobao,
        describe=_describe_taobao,
    ),
    "rees46": Layout(
        (
            "event_time", "event_type", "product_id", "price", "user_id", "user_session",
            "category_id", "category_code", "brand",
        ),
        _rees46,
        describe=_describe_rees46,
    ),
    "movielens": Layout(("userId", "movieId", "rating", "timestamp"), _movielens),
}  # fmt: skip
