"""Requests as values: what is sent, and how the answer is read. Both clients send them; neither is imported here.

A request is `repeatable` if sending it again changes nothing: reads, whole writes, deletions, and events, which count
once by their ids.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

import msgspec

from stream.client.http.call import (
    JSON,
    MERGE_PATCH,
    Call,
    Versioned,
    as_json,
    headers_of,
    in_path,
    joined,
    query_of,
    record_of,
    text_of,
    versioned_of,
)
from stream.records.codec import encode
from stream.records.http.answers import (
    Explanation,
    Forgetting,
    FoundItems,
    IssuedToken,
    ItemPage,
    ItemWritten,
    KnownUser,
    ServedSlate,
    UserPage,
    UserWritten,
    Written,
)
from stream.records.http.asked import AskedSlates, SlateRequest, SlateRequests
from stream.records.requests import Candidate, Condition, Kind
from stream.records.schemas import Event, Item


class Wishes(TypedDict, total=False):
    """What may be asked of a slate, see `SlateRequest`."""

    k: int | None
    placement: str
    exclude: list[str]
    candidates: list[str | Candidate]  # the only items to be ranked; all come back
    filter: dict[str, Condition]  # on the catalogue's fields: a value, several, or a `Range`
    anchors: list[str]  # items that the slate goes with: of a product page, of a cart
    from_: Kind | None  # what it is chosen from
    context: dict[str, str]  # groups that the user is in at this moment: device, country
    after: str | None  # a decision: the next page goes on from it
    rotate: float  # chance by which each item of the last one that was asked for in vain is left out
    fields: list[str]  # of the items, beside the title: price, image, link, ...
    lang: str | None  # of the reasons: en, ...
    deadline_ms: int | None  # for the slate, from 1 to 10,000; None: what the gateway allows


def recommendations(
    user_id: str, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None, after: str | None = None, placement: str | None = None,
) -> Call[ServedSlate]:  # fmt: skip
    """The newest slate of a user; trending items, marked by `fallback`, if there is none.

    Parameters
    ----------
    k : items, from 1 to 40; None: as many as the slate has
    exclude : items that it must not have
    fields : of the items, beside the title: price, image, link, ...
    lang : of the reasons: en, ...
    after : an event of the user that the slate should know; the gateway waits for it, but not for long
    placement : the place of the site that it is for; None: home
    """
    query = query_of(k=k, exclude=exclude, fields=joined(fields), lang=lang, after=after, placement=placement)
    return Call("GET", f"/v1/users/{in_path(user_id)}/recommendations{query}", record_of(ServedSlate))


def recommend(user_id: str, **wishes: Unpack[Wishes]) -> Call[ServedSlate]:
    """A slate made now; its `status` is `last` if that took too long, and a 503 says that there is none either."""
    body = as_json(SlateRequest(user_id=user_id, **wishes))
    return Call("POST", "/v1/recommendations", record_of(ServedSlate), body, headers_of(None), repeatable=False)


def recommend_several(*requests: SlateRequest) -> Call[AskedSlates]:
    """Slates made now, of up to 20 requests: each of the answers has a slate or a problem."""
    body = as_json(SlateRequests(requests=list(requests)))
    return Call("POST", "/v1/recommendations", record_of(AskedSlates), body, headers_of(None), repeatable=False)


def explanation(user_id: str, *, lang: str | None = None, placement: str | None = None) -> Call[Explanation]:
    """Why a user sees their slate, by their worker; a 404 if they have none."""
    return Call(
        "GET",
        f"/v1/users/{in_path(user_id)}/explanation{query_of(lang=lang, placement=placement)}",
        record_of(Explanation),
    )


def list_users(*, cursor: str | None = None, limit: int | None = None) -> Call[UserPage]:
    """One page of the ids of users with a slate or attributes; `next` of an answer is the cursor of the next page."""
    return Call("GET", f"/v1/users{query_of(cursor=cursor, limit=limit)}", record_of(UserPage))


def get_user(user_id: str) -> Call[Versioned[KnownUser]]:
    """What the gateway has of a user; the version is that of the attributes."""
    return Call("GET", f"/v1/users/{in_path(user_id)}", versioned_of(KnownUser))


def put_user(user_id: str, attributes: Mapping[str, Any], *, if_match: str | None = None) -> Call[UserWritten]:
    """Set all of a user's attributes: those left out are gone from then on."""
    body = as_json({"attributes": dict(attributes)})
    return Call("PUT", f"/v1/users/{in_path(user_id)}", record_of(UserWritten), body, headers_of(if_match))


def patch_user(user_id: str, attributes: Mapping[str, Any], *, if_match: str | None = None) -> Call[UserWritten]:
    """Change some of a user's attributes; None clears one."""
    body, headers = as_json({"attributes": dict(attributes)}), headers_of(if_match, MERGE_PATCH)
    return Call("PATCH", f"/v1/users/{in_path(user_id)}", record_of(UserWritten), body, headers, if_match is None)


def forget(user_id: str) -> Call[Forgetting]:
    """Forget a user: workers delete everything about them."""
    return Call("DELETE", f"/v1/users/{in_path(user_id)}", record_of(Forgetting))


def search(query: str = "", *, k: int | None = None, fields: Iterable[str] = ()) -> Call[FoundItems]:
    """Items whose title contains `query`, or trending ones; at most `k`, from 1 to 50, 20 if None."""
    return Call("GET", f"/v1/items{query_of(query=query or None, k=k, fields=joined(fields))}", record_of(FoundItems))


def list_items(*, cursor: str | None = None, limit: int = 100, fields: Iterable[str] = ()) -> Call[ItemPage]:
    """One page of the catalogue, from 1 to 500 items, whole or with some `fields`; `next` is the next page's cursor."""
    return Call("GET", f"/v1/items{query_of(cursor=cursor, limit=limit, fields=joined(fields))}", record_of(ItemPage))


def get_item(item_id: str) -> Call[Versioned[Item]]:
    """An item of the catalogue."""
    return Call("GET", f"/v1/items/{in_path(item_id)}", versioned_of(Item))


def put_item(item: Item, *, if_match: str | None = None) -> Call[ItemWritten]:
    """Describe an item, whole."""
    return Call("PUT", f"/v1/items/{in_path(item.item_id)}", record_of(ItemWritten), encode(item), headers_of(if_match))


def patch_item(item_id: str, change: Mapping[str, Any], *, if_match: str | None = None) -> Call[ItemWritten]:
    """Change fields of an item; None clears one, `attributes` are merged."""
    headers = headers_of(if_match, MERGE_PATCH)
    return Call(
        "PATCH", f"/v1/items/{in_path(item_id)}", record_of(ItemWritten), as_json(change), headers, if_match is None
    )


def drop_item(item_id: str) -> Call[ItemWritten]:
    """Remove an item from the catalogue."""
    return Call("DELETE", f"/v1/items/{in_path(item_id)}", record_of(ItemWritten))


def write_events(*events: Event, idempotency_key: str | None = None) -> Call[Written]:
    """Write events, each with its `type`; those that `errors` of the answer names are not written.

    The same event sent again, by this client or another, counts once: its `event_id` decides. With a key the gateway
    also repeats its answer. A gateway takes 1,000 at once (`gateway.max_events`).

    Raises
    ------
    ValueError
        without an event, or for one without a type
    """
    if not events or any(event.type is None for event in events):
        raise ValueError("write_events: must have one event or more, each with a type: view, click or purchase")
    headers = {"Content-Type": JSON} | ({} if idempotency_key is None else {"Idempotency-Key": idempotency_key})
    return Call("POST", "/v1/events", record_of(Written), msgspec.json.encode(events), headers)


def issue_token(user_id: str, *, seconds: float | None = None) -> Call[IssuedToken]:
    """Sign a token for one user, that a browser may hold; `seconds` until it expires."""
    wanted = {"user_id": user_id} | ({} if seconds is None else {"seconds": seconds})
    return Call("POST", "/v1/tokens", record_of(IssuedToken), as_json(wanted), headers_of(None), repeatable=False)


def healthz() -> Call[str]:
    """Whether the gateway lives, in words."""
    return Call("GET", "/healthz", text_of)


def readyz() -> Call[str]:
    """Whether it serves, in words; a 503 if it does not."""
    return Call("GET", "/readyz", text_of)


def metrics() -> Call[str]:
    """Its metrics, in Prometheus's text format."""
    return Call("GET", "/metrics", text_of)


def openapi() -> Call[dict[str, Any]]:
    """Its OpenAPI document."""
    return Call("GET", "/openapi.json", lambda reply: msgspec.json.decode(reply.body, type=dict[str, Any]))


def stream(
    topics: Iterable[str] = ("slate",), user: str | None = None, *, fields: Iterable[str] = (), lang: str | None = None
) -> Call[bytes]:
    """The messages of `topics`, of one user or all: the answer does not end."""
    query = query_of(topics=joined(topics), user=user, fields=joined(fields), lang=lang)
    return Call("GET", f"/v1/stream{query}", lambda reply: reply.body)
