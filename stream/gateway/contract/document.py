"""The OpenAPI 3.1 document, made from the routes and the schemas of records."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stream.gateway.contract.problems import problems_of, shared
from stream.gateway.contract.route import ID, Answer, Body, Parameter, Route
from stream.gateway.contract.schemas import reference, schemas_of
from stream.gateway.parameters import JSON

DESCRIPTION = (
    "Events in, recommendations out. Errors are problem documents (RFC 9457). HEAD is answered wherever GET is. "
    "Readers ignore fields that they do not know: a newer gateway may add some."
)
TAGS = {
    "users": "Slates of users, why they see them, and what is known of them.",
    "items": "The catalogue: search, descriptions.",
    "lists": "What the model says without a slate: similar items, popular ones, who may want an item.",
    "events": "What users did: written, and followed as it happens.",
    "service": "Tokens, probes, metrics, this document.",
}
TEXT = {"type": "string"}
HEADERS = {  # schema, meaning, whether it is always there
    "Content-Language": (TEXT, "of the reasons", True),
    "ETag": (TEXT, "names this version, for If-None-Match and If-Match", True),
    "Idempotency-Replayed": ({"const": "true"}, "it was answered before, and nothing was done now", False),
    "RateLimit": (TEXT, 'what is left: `"default";r=9998;t=1`, requests and seconds until all are again', False),
    "RateLimit-Policy": (TEXT, 'the limit: `"default";q=10000;w=2`, requests at once and seconds', False),
    "Retry-After": ({"type": "integer", "minimum": 0}, "seconds to wait before the request is sent again", False),
    "WWW-Authenticate": (TEXT, "the scheme that is asked for", True),
}
LIMITED = ("RateLimit", "RateLimit-Policy")  # of every answer to a caller who needs a key
SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "a key with the scopes that are named"},
    "token": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "signed for the user concerned, see POST /v1/tokens",
    },
}  # fmt: skip


def document(version: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The document, for a version of headwater."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    headers = {
        name: {"schema": schema, "description": text, "required": always}
        for name, (schema, text, always) in HEADERS.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "headwater gateway", "version": version, "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas_of(routes), "responses": shared(), "headers": headers, "securitySchemes": SECURITY,
        },
    }  # fmt: skip


def _operation(route: Route) -> dict[str, Any]:
    first, _, rest = (route.handler.__doc__ or "").strip().partition("\n\n")
    limited = LIMITED if route.scope else ()
    found: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": " ".join(first.split()),
        "description": " ".join(rest.split()),
        "parameters": [_in_path(name) for name in re.findall(r"{(\w+)}", route.path)]
        + [_parameter(each, "query") for each in route.query]
        + [_parameter(each, "header") for each in route.headers],
        "security": _security(route),
        "responses": {str(status): _answer(answer, limited) for status, answer in route.answers.items()}
        | problems_of(route),
    }
    if route.body is not None:
        found["requestBody"] = _body(route.body)
    return found


def _security(route: Route) -> list[dict[str, list[str]]]:
    """One of the scopes, or a token; empty: open to all."""
    if not route.scope:
        return []
    return [{"key": each.split("+")} for each in route.scope.split("|")] + [{"token": list[str]()}] * route.own


def _in_path(name: str) -> dict[str, Any]:
    example = {"user_id": "ada", "item_id": "teapot"}[name]
    return {"name": name, "in": "path", "required": True, "schema": dict(ID), "example": example}


def _parameter(part: Parameter, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": part.name,
        "in": place,
        "description": part.description,
        "schema": dict(part.schema),
    }
    if part.schema.get("type") == "array":
        found |= {"style": "form", "explode": not part.joined}
    return found if part.example is None else found | {"example": part.example}


def _body(body: Body) -> dict[str, Any]:
    one: dict[str, Any] = reference(body.schema)
    many: dict[str, Any] = {"type": "array", "items": one, "minItems": 1, "maxItems": body.most}
    others = [many] * bool(body.most) + [reference(body.several)] * bool(body.several)
    content = {"schema": {"oneOf": [one, *others]} if others else one, "examples": _examples(body.examples)}
    return {"required": True, "content": dict.fromkeys(body.contents, content)}


def _answer(answer: Answer, limited: tuple[str, ...]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in (*answer.headers, *limited)}
    found = {"description": answer.description} | ({"headers": headers} if headers else {})
    if answer.content is None:
        return found
    kinds = [_of(record) for record in answer.records] or [{"type": "object" if answer.content == JSON else "string"}]
    content: dict[str, Any] = {"schema": {"anyOf": kinds} if len(kinds) > 1 else kinds[0]}
    if answer.messages:
        content["x-messages"] = {name: _of(record) for name, record in answer.messages.items()}
    return found | {"content": {answer.content: content | {"examples": _examples(answer.examples)}}}


def _of(record: type[msgspec.Struct]) -> dict[str, str]:
    return reference(record.__name__)


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": msgspec.to_builtins(value)} for name, value in examples.items()}
