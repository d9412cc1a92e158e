"""What a layout is: which columns say who did what to which item and when, and the function from fields to an event."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from stream.records.ids import in_column
from stream.records.numbers import number
from stream.records.schemas import Attributes, EventType, Item
from stream.records.times import day_or_seconds, holds_dates, seconds

PURCHASE_RATING, CLICK_RATING = 4.5, 3.5  # of five stars
ROLES = (
    "user",
    "item",
    "time",
    "event",
    "session",
    "price",
    "quantity",
    "rating",
    "title",
    "category",
    "category2",
    "brand",
)
REQUIRED = ROLES[:3]
SKIP = "skip"  # the event to which values are mapped that are none
OTHER = "*"  # stands for every value that is not named
Events = Mapping[str, EventType | None]  # value in the file to event; None: the line is skipped
PLAIN: Events = {"view": "view", "click": "click", "purchase": "purchase"}


class Line(NamedTuple):
    """The event of one line."""

    kind: EventType
    user_id: str
    item_id: str
    time: float  # unix seconds
    session_id: str | None = None
    price: float | None = None
    quantity: float | None = None
    rating: float | None = None
    about: tuple[str, ...] = ()  # fields about the item, for `describe`
    event_id: str = ""  # if the file gives one
    decision_id: str | None = None
    context: Attributes = {}  # noqa: RUF012  of a tuple


class Layout(NamedTuple):
    """Which columns of a file have which role, and what their values mean.

    `columns` gives the names of each role's column, of which the first that the file has is read; in JSON a name may
    be a path such as `user.id`, and `each` is the path of a list, of whose elements each is an event. A file is of
    this layout if it has all `marks`, by name; without a header, if `recognises` says so of the fields of a first line.
    """

    columns: Mapping[str, tuple[str, ...]]
    events: Events = PLAIN
    marks: tuple[str, ...] = ()  # alternatives of one are separated by |
    default: EventType | None = None  # of a file without a column of events
    unit: str | None = None  # of times; None: guessed from the file
    names: tuple[str, ...] = ()  # of the columns of a file without a header
    recognises: Callable[[Sequence[str]], bool] = lambda _: False
    separator: str | None = None
    each: tuple[str, ...] = ()
    priced: bool = False  # whether the price is the item's, and not only what was paid
    unset: str = ""  # what stands for an item where there is none: the line is skipped
    starred: bool = False  # whether the rating, out of five, says what the event is where there is none
    constants: Mapping[str, str] = {}

    @property
    def header(self) -> bool:
        """True if the first line names the columns."""
        return not self.names


def plain_name(name: str) -> str:
    """A column's name without what people vary: case, spaces, signs.

    >>> plain_name(" User-ID "), plain_name("user_id"), plain_name("userId")
    ('userid', 'userid', 'userid')
    """
    return "".join(c for c in name.casefold() if c.isalnum())


def marked(name: str) -> str:
    """A column's plain name; a name of RecBole keeps its type.

    >>> marked("User_ID"), marked("user_id:token")
    ('userid', 'userid:token')
    """
    name, colon, kind = name.partition(":")
    return plain_name(name) + colon + kind.strip()


def _id(name: str, text: str) -> str:
    try:
        return in_column(text)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from None


def _number(name: str, text: str, low: float = 0.0) -> float:
    try:
        return number(text, low)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from None


def _finite(text: str) -> float | None:
    """A number that nothing depends on; None if it is none."""
    try:
        return number(text)
    except ValueError:
        return None


UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
DATE = "date"  # YYYYMMDD, at midnight UTC


def clock(unit: str | None) -> Callable[[str], float]:
    """The function from a file's times to unix seconds, which remember their unit; only dates look like other numbers.

    >>> clock("ms")("1511544070250"), clock("date")("20171124"), clock(None)("2017-11-24T17:21:10Z")
    (1511544070.25, 1511481600.0, 1511544070.0)
    """
    return day_or_seconds if unit == DATE else seconds


def unit_of(times: Sequence[str], name: str) -> str | None:
    """The unit of most of a file's times, by their size; None if that says nothing: they are ISO 8601, for example.

    Eight digits are a date only in a column that is called one.

    >>> unit_of(["1511544070000", "bad", "1511544071000"], "ts"), unit_of(["1511544070"], "ts")
    ('ms', 's')
    >>> unit_of(["20171124"], "event_date"), unit_of(["20171124"], "timestamp"), unit_of(["2017-11-24"], "day")
    ('date', 's', None)
    """
    sizes = {"s": 0, "ms": 0, "us": 0, "ns": 0, DATE: 0}
    dated = holds_dates(name)
    for text in times:
        try:
            number = float(text)
        except ValueError:
            continue
        if dated and len(text) == 8 and text.isdigit():
            sizes[DATE] += 1
        else:
            sizes["s" if number < 1e11 else "ms" if number < 1e14 else "us" if number < 1e17 else "ns"] += 1
    best = max(sizes, key=lambda unit: sizes[unit])
    return best if sizes[best] else None


def parser(
    layout: Layout,
    names: Mapping[str, str],
    unit: str | None,
    has_event: bool,
) -> Callable[[Sequence[str]], Line | None]:
    """The function from a row's fields, in the order of `ROLES` and empty where absent, to its event.

    It raises ValueError for an invalid row, saying what must hold and what came under the column's own name, and
    returns None for a row to be skipped.
    """
    time_of, events = clock(unit), {key.casefold(): kind for key, kind in layout.events.items()}
    spelled = {plain_name(key): kind for key, kind in events.items() if key != OTHER}
    starred = layout.starred and "rating" in names and layout.default is None and not has_event
    described = any(role in names for role in ROLES[8:]) or layout.priced
    user_name, item_name = names.get("user", "user"), names.get("item", "item")
    session_name = names.get("session", "session_id")
    price_name, quantity_name = names.get("price", "price"), names.get("quantity", "quantity")
    rating_name = names.get("rating", "rating")

    def kind_of(text: str, rating: float | None) -> EventType | None:
        if has_event:
            kind = events.get(text)
            if kind is not None:
                return kind
            key = text.casefold()
            for known, value in ((events, key), (spelled, plain_name(text)), (events, OTHER)):
                if value in known:
                    return known[value]
            allowed = ", ".join(key for key in layout.events if key != OTHER)
            hint = f"; if it means one of them: --events {text}=click, or --events {text}={SKIP}" if text else ""
            raise ValueError(f"`{names.get('event', 'event')}` must be one of {allowed}; got {text!r}{hint}")
        if rating is None or not starred:
            return layout.default or "view"
        return "purchase" if rating >= PURCHASE_RATING else "click" if rating >= CLICK_RATING else "view"

    def parse(fields: Sequence[str]) -> Line | None:
        user, item, time, event, session, price, quantity, stars, *about = fields
        price, quantity = price.strip(" \t"), quantity.strip(" \t")
        rating = _number(rating_name, stars.strip(" \t")) if starred else _finite(stars) if stars else None
        kind = kind_of(event, rating)
        if kind is None or (item and item == layout.unset):
            return None
        low = -math.inf if kind == "purchase" else 0.0  # what is returned has a negative price or quantity
        paid = _number(price_name, price, low) if price else None
        count = _number(quantity_name, quantity, low) if quantity else None
        if count == 0.0 and kind != "purchase":
            count = None  # exports write 0 where nothing was bought
        visit = _id(session_name, session) if session.strip(" \t") else None
        return Line(
            kind, _id(user_name, user), _id(item_name, item), time_of(time), visit, paid,
            count, rating, (*about, price) if described else (),
        )  # fmt: skip

    return parse


def describe(layout: Layout, item_id: str, about: tuple[str, ...]) -> Item | None:
    """The item of a row, if the row says anything about it.

    >>> describe(Layout({}), "i", ("Up", "sofa", "21", "", "3"))
    Item(item_id='i', title='Up', categories=['sofa', '21'], ...)
    """
    if not any(about):
        return None
    title, category, second, brand, price = about
    return Item(
        item_id=item_id,
        title=title or None,
        categories=[each for each in (category, second) if each],
        attributes={"brand": brand} if brand else {},
        price=float(price) if price and layout.priced and float(price) >= 0.0 else None,
    )


def film(movie_id: str, title: str, genres: str) -> Item:
    """Item of one line of MovieLens' movies.csv.

    >>> film("1", "Toy Story (1995)", "Adventure|Animation").categories
    ['Adventure', 'Animation']
    """
    known = genres != "(no genres listed)"
    return Item(item_id=_id("movieId", movie_id), title=title, categories=genres.split("|") if known else [])
