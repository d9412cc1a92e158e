"""The gateway's answers to questions to the model: lists of items, and of users."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.records.http.answers import Chosen, Count, ItemScore, Short, Title
from stream.records.schemas import Id

ListStatus = Annotated[
    Literal["fresh", "last"], Meta(description="last: nobody has answered in time, so it is an older answer")
]
Stale = Annotated[str | None, Meta(description="why it is an older answer, in words; null: it is not")]
Reason = Annotated[str, Meta(description="why, in words, in the language that was asked for")]


class ListedItem(Chosen, frozen=True, kw_only=True):
    """An item of a list, with what speaks most for it."""

    item_id: Id
    title: Title
    score: ItemScore
    source: Annotated[
        str, Meta(description="what speaks most for it: covisitation, content, bought, popularity, trending, latest")
    ]
    reason: Reason


class ListedItems(Struct, frozen=True, kw_only=True):
    """Items that the model lists, best first, without any that may not be shown."""

    items: list[ListedItem]
    asked: Count
    short: Short
    status: ListStatus
    stale: Stale


class SimilarItems(ListedItems, frozen=True, kw_only=True):
    """Items for whoever looks at one."""

    item_id: Id
    title: Title


class CategoryItems(ListedItems, frozen=True, kw_only=True):
    """Items of all, or of one category."""

    category: Annotated[str | None, Meta(description="the first one of the items; null: any")]


class ListedUser(Struct, frozen=True, kw_only=True):
    """A user of a list, with the item of theirs that speaks most for them."""

    user_id: Id
    score: Annotated[float, Meta(description="comparable within one answer only")]
    through: Annotated[Id, Meta(description="an item of theirs")]
    title: Title
    reason: Reason


class ListedUsers(Struct, frozen=True, kw_only=True):
    """Users that the model lists, best first."""

    users: list[ListedUser]
    asked: Count
    short: Short
    status: ListStatus
    stale: Stale
    partial: Annotated[bool, Meta(description="whether users of some partitions are missing, see `answered`")]
    answered: Annotated[int, Meta(ge=0, description="partitions of the users that have answered in time")]
    partitions: Annotated[int, Meta(ge=0, description="partitions of the users in all")]


class Audience(ListedUsers, frozen=True, kw_only=True):
    """Users who may want an item that they do not have."""

    item_id: Id
    title: Title


class SimilarUsers(ListedUsers, frozen=True, kw_only=True):
    """Users whose items are like those of one user."""

    user_id: Id
