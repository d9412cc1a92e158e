"""What the columns of known event logs mean. A new layout is a function from fields to a `Line`, and an entry below."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stream.records.ids import in_column
from stream.records.numbers import number
from stream.records.schemas import EventType, Item
from stream.records.times import seconds

PLAIN: dict[str, EventType] = {"view": "view", "click": "click", "purchase": "purchase"}
TAOBAO: dict[str, EventType] = {"pv": "view", "cart": "click", "fav": "click", "buy": "purchase"}
REES46: dict[str, EventType] = {"view": "view", "cart": "click", "purchase": "purchase"}
PURCHASE_RATING, CLICK_RATING = 4.5, 3.5  # of five stars


class Line(NamedTuple):
    """The event of one line."""

    kind: EventType
    user_id: str
    item_id: str
    time: float  # unix seconds, as `stream.records.times.seconds` gives them
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


def _id(name: str, text: str) -> str:
    try:
        return in_column(text)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from None


def _session(text: str) -> str | None:
    return _id("session_id", text) if text.strip(" \t") else None


def _number(name: str, text: str) -> float:
    try:
        return number(text.strip(" \t"), 0)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from None


def _plain(fields: Sequence[str]) -> Line:
    user, item, event, timestamp, session = fields
    kind = PLAIN.get(event)
    if kind is None:
        raise ValueError(f"`event` must be one of {', '.join(PLAIN)}; got {event!r}")
    return Line(kind, _id("user_id", user), _id("item_id", item), seconds(timestamp), _session(session))


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
        kind, _id("user_id", user), _id("product_id", product), seconds(time), _session(session), paid, (price, *about)
    )


def _describe_rees46(item_id: str, about: tuple[str, ...]) -> Item:
    price, category_id, code, brand = about
    return Item(
        item_id=item_id,
        categories=[category for category in (code, category_id) if category],
        attributes={"brand": brand} if brand else {},
        price=_number("price", price) if price else None,
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
