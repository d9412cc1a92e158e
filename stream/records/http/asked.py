"""Slates asked for over HTTP: what is sent to `POST /v1/recommendations`, and the answers to several at once."""

from typing import Annotated

from msgspec import Meta, Struct

from stream.records.http.answers import ProblemDetails, ServedSlate
from stream.records.requests import Wanted
from stream.records.schemas import Id, Item

NOT_CHOSEN = ("item_id", "schema_version", "vectors")  # always there; for programs; no page shows 8,192 numbers
FIELDS = tuple(name for name in Item.__struct_fields__ if name not in NOT_CHOSEN)  # that answers may hold
MAX_REQUESTS = 20  # of one body
MAX_WITHIN_MS = 10_000  # a connection is held as long
_FIELDS: dict[str, object] = {"items": {"enum": list(FIELDS)}}


class SlateRequest(Wanted, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Asks for a slate of a user as of now."""

    user_id: Annotated[Id, Meta(description="also one who has done nothing yet")]
    fields: Annotated[
        list[str],
        Meta(max_length=len(FIELDS), description="of items, beside the title", extra_json_schema=_FIELDS),
    ] = []  # noqa: RUF012  of a Struct, which copies it
    lang: Annotated[str | None, Meta(description="language of the reasons; without it by Accept-Language")] = None
    deadline_ms: (
        Annotated[
            int,
            Meta(ge=1, le=MAX_WITHIN_MS, description="then the last slate is the answer; usually gateway.request_ms"),
        ]
        | None
    ) = None


class SlateRequests(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for several slates, each by itself."""

    requests: Annotated[list[SlateRequest], Meta(min_length=1, max_length=MAX_REQUESTS)]


class AskedSlate(Struct, frozen=True, kw_only=True):
    """The answer to one of several requests: one of the two."""

    slate: ServedSlate | None
    problem: Annotated[ProblemDetails | None, Meta(description="why there is no slate")]


class AskedSlates(Struct, frozen=True, kw_only=True):
    """The answers to several requests, in their order."""

    answers: list[AskedSlate]
