"""What any request may be refused with, by status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from stream.gateway.contract.route import Route
from stream.gateway.contract.schemas import reference
from stream.gateway.problems import CONTENT_TYPE

ALWAYS = {
    400: "the address is not percent-encoded UTF-8, or the body is no JSON",
    421: "the gateway does not answer to this name: see gateway.hosts",
    422: "a parameter or a field is not as it must be; `detail` says which",
    429: "too many requests, streams or wrong keys: wait",
    500: "the gateway failed; its log says why",
    503: "too many connections, or Kafka or a worker does not answer: try again later",
}
KEYED = {
    401: "no key, an unknown one, or one that has expired",
    403: "the key or the token does not reach so far, or pages of this origin may not ask",
}
WITH_BODY = {
    408: "the body did not arrive in time",
    413: "the body, or its list, is too large",
    415: "the body is compressed, or not declared as JSON",
}
SHARED = ALWAYS | KEYED | WITH_BODY
HEADERS = {
    401: ("WWW-Authenticate",), 409: ("Retry-After",), 429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}  # fmt: skip


def name_of(status: int) -> str:
    """The name of a shared answer.

    >>> name_of(429)
    'TooManyRequests'
    """
    return HTTPStatus(status).name.title().replace("_", "")


def shared() -> dict[str, Any]:
    """The answers that routes refer to."""
    return {name_of(status): problem(status, text) for status, text in sorted(SHARED.items())}


def problems_of(route: Route) -> dict[str, Any]:
    """What a route may be refused with: its own problems, and references to those of all."""
    if not route.scope:
        return {str(status): problem(status, text) for status, text in route.problems.items()}
    found = ALWAYS | KEYED | (WITH_BODY if route.body else {}) | dict(route.problems)
    return {
        str(status): problem(status, text) if status in route.problems else {
            "$ref": f"#/components/responses/{name_of(status)}"
        }
        for status, text in sorted(found.items())
    }  # fmt: skip


def problem(status: int, text: str) -> dict[str, Any]:
    """A problem document, with an example."""
    example: Mapping[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": text}
    found: dict[str, Any] = {
        "description": text,
        "content": {CONTENT_TYPE: {"schema": reference("ProblemDetails"), "examples": {"one": {"value": example}}}},
    }
    if status in HEADERS:
        found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS[status]}
    return found
