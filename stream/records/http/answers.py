"""The gateway's answers. Its OpenAPI document has their schemas; `stream.client.http` returns them.

A newer gateway may add fields, so readers ignore those that they do not know.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.records.schemas import HOME, Attributes, EventType, Id, Item, Probability, Scalar, Timestamp

Count = Annotated[int, Meta(ge=0)]
Title = Annotated[str, Meta(description="title of the item; its id if it has none")]
Warnings = Annotated[list[str], Meta(description="unknown fields of what was sent, with the names that were meant")]
Short = Annotated[str | None, Meta(description="why there are fewer items than were asked for; null: there are not")]
Decision = Annotated[Id | None, Meta(description="of the newest slate; null: none is known")]
Next = Annotated[str | None, Meta(description="the `cursor` of the next page; null: this is the last")]
Complete = Annotated[bool, Meta(description="false: the gateway has dropped some, see gateway.memory_mb")]
ItemScore = Annotated[float, Meta(description="comparable within one answer only")]


class Refused(Struct, frozen=True, kw_only=True):
    """An event of a request that was not written."""

    index: Annotated[int, Meta(ge=0, description="place in the list that was sent, from 0")]
    reason: Annotated[str, Meta(description="one of a fixed set of words; `not_written`: send the same event again")]
    detail: Annotated[str, Meta(description="what must hold, what came, what to do")]


class Written(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of events: those that `errors` does not name are written."""

    accepted: Annotated[int, Meta(ge=0, description="events that Kafka has acknowledged")]
    errors: list[Refused]
    warnings: Warnings = []


class Chosen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields of an item that the parameter `fields` asked for, as the catalogue has them; all others are left out."""

    categories: list[str] = []
    price: float | None = None
    list_price: Annotated[float | None, Meta(description="before a reduction")] = None
    tags: list[str] = []
    text: str | None = None
    attributes: dict[str, Scalar] = {}
    available: bool | None = None
    expires_at: Annotated[Timestamp | None, Meta(description="not recommended from then on")] = None
    link: Annotated[str | None, Meta(description="address of its page")] = None
    image: Annotated[str | None, Meta(description="address of its picture")] = None
    images: Annotated[list[str], Meta(description="addresses of further pictures")] = []


class ServedItem(Chosen, frozen=True, kw_only=True):
    """One item of a slate as it is shown."""

    item_id: Id
    title: Title
    score: Annotated[float, Meta(description="the ranking score; comparable within one slate only")]
    source: Annotated[str, Meta(description="what filled the slot: ranked, popularity, ..., fill, trending")]
    propensity: Annotated[
        Probability | None,
        Meta(description="P(this item here | the items above it), as drawn; null: no policy drew it, leave it out"),
    ]
    reason: Annotated[str, Meta(description="why the item is there, in words")]


class LeftOut(Struct, frozen=True, kw_only=True):
    """Items of the published slate that the answer does not have."""

    excluded: Annotated[int, Meta(ge=0, description="by the parameter `exclude`")]
    withdrawn: Annotated[int, Meta(ge=0, description="removed, unavailable or expired since")]


class After(Struct, frozen=True, kw_only=True):
    """The event that the slate was to know."""

    event_id: Id
    known: Annotated[bool, Meta(description="false: it came too late for this answer, or nobody remembers it")]


class ServedSlate(Struct, frozen=True, kw_only=True):
    """A user's newest slate, or trending items, marked by `fallback`, for a user without one."""

    user_id: Id
    decision_id: Annotated[Id | None, Meta(description="send it back with the event that it caused; null: no slate")]
    event_id: Annotated[Id | None, Meta(description="the event that caused it; null: refreshed, deferred, no slate")]
    timestamp: Annotated[Timestamp, Meta(description="event time at which it was made")]
    policy: str | None
    experiment: Annotated[str, Meta(description="that the user takes part in; empty: none")]
    variant: Annotated[str, Meta(description="of the experiment that made the slate")]
    fallback: Literal["trending"] | None
    items: list[ServedItem]
    placement: Annotated[str, Meta(description="the place of the site that it is for")] = HOME
    asked: Count
    short: Short
    filled: Annotated[int, Meta(ge=0, description="items that no policy drew, in place of those left out")]
    left_out: LeftOut
    after: Annotated[After | None, Meta(description="of the parameter `after`; null without it")] = None
    status: Annotated[
        Literal["fresh", "last", "empty"] | None,
        Meta(
            description="fresh: made for this request; last: none was made in time, this is the newest that there is; "
            "empty: no item may be shown to this user now; null: the newest was asked for"
        ),
    ] = None
    stale: Annotated[str | None, Meta(description="why it is the last one, in words; null: it is not")] = None


class NamedItem(Chosen, frozen=True, kw_only=True):
    """An item that was found."""

    item_id: Id
    title: Title


class FoundItems(Struct, frozen=True, kw_only=True):
    """Items of a search, at most as many as were asked for."""

    items: list[NamedItem]


class ItemPage(Struct, frozen=True, kw_only=True):
    """One page of the catalogue, in the order of ids."""

    items: Annotated[list[Item], Meta(description="whole, or with their chosen fields")]
    next: Next
    complete: Complete


class UserPage(Struct, frozen=True, kw_only=True):
    """One page of the ids of users with a slate or attributes, in their order."""

    users: list[Id]
    next: Next
    complete: Complete


class Pull(Struct, frozen=True, kw_only=True):
    """An item of the user that raised the score of a slot's item."""

    item_id: Id
    title: Title
    source: Annotated[str, Meta(description="the source that links the two")]


class Contribution(Struct, frozen=True, kw_only=True):
    """What a group of features contributes to the ranking score of an item."""

    feature: str
    nats: Annotated[float, Meta(description="by which the score falls if the group is as for the average candidate")]
    above: Annotated[bool, Meta(description="whether the item has more of it than the average candidate")]


class ExplainedSlot(Struct, frozen=True, kw_only=True):
    """Why an item is in its slot."""

    item_id: Id
    title: Title
    source: str
    score: float
    propensity: Probability
    reason: Annotated[str, Meta(description="the largest contribution, in words")]
    pulled_by: list[Pull]
    contributions: list[Contribution]


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a user sees their slate, by the model of this moment."""

    user_id: Id
    decision_id: Id
    policy: str
    experiment: str
    variant: str
    time: Annotated[Timestamp, Meta(description="event time at which the slate was made")]
    model_version: Annotated[int, Meta(ge=0, description="offset in headwater.log that the model had folded")]
    slots: list[ExplainedSlot]
    placement: Annotated[str, Meta(description="the place of the site that the slate is for")] = HOME


class RecentItem(Struct, frozen=True, kw_only=True):
    """An item that a user came to of late."""

    item_id: Id
    title: Title
    type: EventType


class KnownUser(Struct, frozen=True, kw_only=True):
    """What a gateway has of a user."""

    user_id: Id
    attributes: Attributes
    recent: Annotated[list[RecentItem], Meta(description="newest first, each item once")]
    decision_id: Decision


class ItemWritten(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Kafka has acknowledged the record of an item."""

    item_id: Id
    warnings: Warnings = []


class UserWritten(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Kafka has acknowledged the record of a user."""

    user_id: Id
    warnings: Warnings = []


class Forgetting(Struct, frozen=True, kw_only=True):
    """A user will be forgotten."""

    user_id: Id
    forgotten: Annotated[str, Meta(description="when, in words")]


class IssuedToken(Struct, frozen=True, kw_only=True):
    """A token for one user, that a browser may hold."""

    token: Annotated[str, Meta(description="sent like a key: Authorization: Bearer TOKEN")]
    token_id: Annotated[str, Meta(description="by which it can be called back")]
    user_id: Id
    expires: Annotated[Timestamp, Meta(description="in seconds since 1970-01-01 UTC")]


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused or failed (RFC 9457)."""

    title: Annotated[str, Meta(description="the status in words")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="what must hold, what came, what to do")]
    reason: Annotated[str | None, Meta(description="one of a fixed set of words, for some refusals")] = None
    accepted: Annotated[int, Meta(ge=0, description="events that were written")] | None = None
    errors: Annotated[list[Refused], Meta(description="events that were not written")] = []
    warnings: Warnings = []
