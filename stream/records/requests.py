"""Slates that are asked for: the records of the topics `requests` and `responses`.

Whoever needs a slate at once writes a `Request`, keyed by its user; the worker that owns the user makes a slate as of
then and answers with a `Response` of the same `request_id`, which stands on `recommendations` too. Another request is
another decision: ask again with another id. What the slate shall hold, `Wanted`, is asked over HTTP in the same words.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from stream.records import ids
from stream.records.schemas import (
    HOME,
    MAX_CATEGORIES,
    MAX_KEY,
    MAX_PRICE,
    MAX_WORD,
    Id,
    Money,
    Recommendation,
    Timestamp,
    Version,
)

MAX_REQUEST_BYTES = 512 * 1024  # ids of the largest size, all that there may be, take 230 KB, escaped twice that
MAX_DEADLINE_MS = 60_000
ResponseStatus = Literal["fresh", "empty", "late", "busy", "refused"]
_STATUS = (
    "fresh: a slate was made; empty: no item may be shown to this user now; late: the deadline had passed, none was "
    "made; busy: too many wait, none was made; refused: the request cannot be read, has no user, or names an "
    "unknown placement"
)
MAX_SLOTS = 40  # of a slate
MAX_CANDIDATES = 500  # that are given to be ranked; all may come back
MAX_EXCLUDED = 200  # items of `exclude`
MAX_CONDITIONS = 16  # of `filter`
MAX_ANCHORS = 20
MAX_CONTEXT = 16  # groups of `context`
FILTERED_VALUES = MAX_CATEGORIES  # of one condition
FilterValue = Annotated[str, Meta(max_length=MAX_WORD)] | float | bool
Kind = Literal["all", "category", "similar", "cart", "popular", "rising", "latest"]
_FROM = (
    "what the slate is chosen from: `all`, those of the first anchor's `category`, `similar` to the anchors, what is "
    "bought with those in a `cart`, `popular`, `rising` or `latest` ones; none: as the placement says"
)
_K = f"slots, at most {MAX_SLOTS}, or {MAX_CANDIDATES} of `candidates`; none: as many as slates have, or all candidates"


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item that is given to be ranked, with what is true of it now."""

    item_id: Id
    price: Annotated[Money | None, Meta(description="of this moment; none: that of the catalogue")] = None


class Range(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Numbers from `min` to `max`, both included; one of the two may be left out."""

    min: float | None = None
    max: float | None = None


Condition = FilterValue | Annotated[list[FilterValue], Meta(min_length=1, max_length=FILTERED_VALUES)] | Range
Filter = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=MAX_KEY)], Condition],
    Meta(
        max_length=MAX_CONDITIONS,
        description="conditions on `category`, `price` and attributes of the catalogue, all of which must hold: a "
        "value, several of which one must be met, or a range; an item without the field meets none",
    ),
]


class _Filter(Struct):
    filter: dict[str, msgspec.Raw]


_FILTER = msgspec.json.Decoder(_Filter)
_CONDITION = msgspec.json.Decoder(Condition)
_MUST = "a text, a number, true or false, a list of these, or an object with `min`, `max` or both"


class Wanted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a slate shall hold; without any field: what is best for the user."""

    k: Annotated[int, Meta(ge=1, le=MAX_CANDIDATES, description=_K)] | None = None
    placement: Annotated[
        str, Meta(description="the place of the site that it is for, as the configuration names it")
    ] = HOME
    exclude: Annotated[list[Id], Meta(max_length=MAX_EXCLUDED, description="items that the slate must not have")] = []
    candidates: Annotated[
        list[Id | Candidate],
        Meta(
            max_length=MAX_CANDIDATES,
            description="the only items to be ranked, such as the hits of a search, best first: their order decides "
            "between equals. Items that nothing is known of come last, those that may not be shown are left out",
        ),
    ] = []
    filter: Filter = {}
    anchors: Annotated[
        list[Id],
        Meta(
            max_length=MAX_ANCHORS,
            description="items that the slate goes with, the most important one first: of a product page, of a cart. "
            "They count as if the user had just been there, and are not on the slate",
        ),
    ] = []
    from_: Annotated[Kind | None, Meta(description=_FROM)] = field(default=None, name="from")
    context: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=MAX_KEY)],
            Annotated[str, Meta(min_length=1, max_length=MAX_WORD)],
        ],
        Meta(
            max_length=MAX_CONTEXT,
            description="groups that the user is in at this moment, such as device and country; those that "
            "`sources.traits` names are read",
        ),
    ] = {}
    after: Annotated[
        Id | None,
        Meta(description="the decision to go on from: the next page, without what its pages up to that one have shown"),
    ] = None
    rotate: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="chance by which each item of the slate that was asked for there before, and that nobody has "
            "answered, is left out: who comes again sees others",
        ),
    ] = 0.0

    def fault(self) -> tuple[str, str] | None:
        """What is wrong with the fields, beside their types: the reason of `codec.REASONS`, and a sentence."""
        for name, text in self._ids():
            if wrong := ids.fault(text):
                return "id_too_long" if ids.length_fault(text) else "bad_id", f"`{name}` {wrong}"
        if self.k is not None and self.k > MAX_SLOTS and not self.candidates:
            return "out_of_range", f"`k` must be at most {MAX_SLOTS} without `candidates`; got {self.k}"
        for each in self.candidates:
            if isinstance(each, Candidate) and each.price is not None and each.price > MAX_PRICE:
                return "out_of_range", f"`candidates`: a price must be at most {MAX_PRICE:g}; got {each.price!r}"
        if self.candidates and self.from_ not in (None, "all"):
            return (
                "out_of_range",
                f"`from` must be left out with `candidates`; got {self.from_!r}",
            )
        if self.rotate and (self.candidates or self.after is not None):
            return "out_of_range", f"`rotate` must be 0 with `candidates` or `after`; got {self.rotate:g}"
        return next(filter(None, map(_range_fault, self.filter, self.filter.values())), None)

    @property
    def narrow(self) -> bool:
        """Whether not any item will do: then the slate is no newer one of home."""
        return bool(self.candidates or self.filter or self.anchors) or self.from_ not in (None, "all")

    @property
    def alone(self) -> bool:
        """Whether no other slate can stand in for it."""
        return self.narrow or self.after is not None

    def given(self) -> dict[str, float | None]:
        """The candidates in their order, each once, and their prices."""
        found = dict[str, float | None]()
        for each in self.candidates:
            item_id, price = (each, None) if isinstance(each, str) else (each.item_id, each.price)
            found.setdefault(item_id, price)
        return found

    def _ids(self) -> Iterator[tuple[str, str]]:
        yield from (("exclude", each) for each in self.exclude)
        yield from (("anchors", each) for each in self.anchors)
        yield from () if self.after is None else [("after", self.after)]
        yield from (("candidates", each if isinstance(each, str) else each.item_id) for each in self.candidates)


ANYTHING = Wanted()


def condition_at(place: str, document: bytes) -> str:
    """After an error at `filter[...]` of a JSON document: which field of the filter cannot be read, and what it may be.

    >>> condition_at("filter[...]", b'{"filter": {"price": {"low": 3}}}')
    '; `price` must be a text, a number, true or false, a list of these, or an object with `min`, `max` or both'
    """
    if not place.startswith("filter[...]"):
        return ""
    for name, found in _FILTER.decode(document).filter.items():
        try:
            _CONDITION.decode(found)
        except msgspec.ValidationError:
            return f"; `{name[:60]}` must be {_MUST}"
    return ""


def _range_fault(name: str, condition: Condition) -> tuple[str, str] | None:
    """What is wrong with a range of the filter.

    >>> _range_fault("price", Range(min=9.0, max=5.0))
    ('out_of_range', '`filter`: `price` must have a min that is not above its max; got 9.0 and 5.0')
    """
    if not isinstance(condition, Range):
        return None
    if condition.min is None and condition.max is None:
        return "missing_field", f"`filter`: `{name}` must have a `min` or a `max`, or a value in place of the object"
    if condition.min is not None and condition.max is not None and condition.min > condition.max:
        got = f"{condition.min!r} and {condition.max!r}"
        return "out_of_range", f"`filter`: `{name}` must have a min that is not above its max; got {got}"
    return None


class Request(Wanted, frozen=True, kw_only=True, omit_defaults=True):
    """Asks for a slate of a user as of now. Key: `user_id`, partitioned by murmur2, as events are."""

    request_id: Annotated[Id, Meta(description="unique per request: the same id twice is answered once or alike")]
    user_id: Annotated[Id, Meta(description="also one without any event: what is kept of them goes with their slate")]
    timestamp: Annotated[
        Timestamp | None, Meta(description="event time as of which it is made; none: the time of the Kafka record")
    ] = None
    deadline_ms: (
        Annotated[
            int,
            Meta(
                ge=1, le=MAX_DEADLINE_MS, description="after the time of the Kafka record, when nobody waits any more"
            ),
        ]
        | None
    ) = None
    schema_version: Version = 1

    def _ids(self) -> Iterator[tuple[str, str]]:
        yield from (("request_id", self.request_id), ("user_id", self.user_id), *super()._ids())


class Response(Struct, frozen=True, kw_only=True):
    """Answers a request. Key: `user_id`; repeats are identical: remove by `request_id`."""

    request_id: Id
    user_id: Id
    status: Annotated[ResponseStatus, Meta(description=_STATUS)]
    recommendation: Annotated[
        Recommendation | None, Meta(description="the slate that was made, as on `recommendations`; none: none was")
    ] = None
    reason: Annotated[str, Meta(description="why there is no slate, in words; empty: there is one")] = ""
    schema_version: Version = 1
