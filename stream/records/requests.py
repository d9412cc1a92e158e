"""Slates that are asked for: the records of the topics `requests` and `responses`.

Whoever needs a slate at once writes a `Request`, keyed by its user; the worker that owns the user makes a slate as of
then and answers with a `Response` of the same `request_id`, which stands on `recommendations` too. Another request is
another decision: ask again with another id.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.records.schemas import HOME, Id, Recommendation, Timestamp, Version

MAX_REQUEST_BYTES = 256 * 1024  # ids of the largest size, all that there may be, take 51 KB
MAX_SLOTS = 40  # of a slate
MAX_EXCLUDED = 200  # items of `exclude`
MAX_DEADLINE_MS = 60_000
ResponseStatus = Literal["fresh", "empty", "late", "busy", "refused"]
_STATUS = (
    "fresh: a slate was made; empty: no item may be shown to this user now; late: the deadline had passed, none was "
    "made; busy: too many wait, none was made; refused: the request cannot be read, has no user, or names an "
    "unknown placement"
)


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Asks for a slate of a user as of now. Key: `user_id`, partitioned by murmur2, as events are."""

    request_id: Annotated[Id, Meta(description="unique per request: the same id twice is answered once or alike")]
    user_id: Annotated[Id, Meta(description="also one without any event: what is kept of them goes with their slate")]
    k: Annotated[int, Meta(ge=1, le=MAX_SLOTS, description="slots; none: as many as published slates have")] | None = (
        None
    )
    placement: Annotated[
        str, Meta(description="the place of the site that it is for, as the configuration names it")
    ] = HOME
    exclude: Annotated[list[Id], Meta(max_length=MAX_EXCLUDED, description="items that the slate must not have")] = []
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
