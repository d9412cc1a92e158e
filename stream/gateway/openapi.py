"""The OpenAPI 3.1 document, made from the endpoints and the schemas of the topics."""

import re
from typing import Any

import msgspec

from stream.gateway.answers.pages import MOST, USUAL
from stream.gateway.api import ENDPOINTS, Endpoint
from stream.gateway.fields.chosen import FIELDS
from stream.gateway.parameters import MAX_EXCLUDED, MAX_TEXT, TokenRequest
from stream.records.schemas import MAX_ID_BYTES, Event, Item, Profile

EXCLUDE = "item ids, separated by commas; may be repeated; a comma of an id is written %2C"
FIELDS_ = ("fields", "string", f"of the items, beside the title, separated by commas: {', '.join(FIELDS)}")
PAGE = (
    ("cursor", "string", "`next` of the page before; without it the first page"),
    ("limit", "integer", f"entries of a page, 1 to {MOST}, without it {USUAL}"),
)
LANG = ("lang", "string", "language of the reasons; without it by Accept-Language")
QUERIES: dict[str, list[tuple[str, str, str]]] = {  # handler -> name, type and meaning of its parameters
    "recommendations": [
        (
            "k",
            "integer",
            "items, 1 to 40; without it as many as the slate has. A short slate is filled up, see `filled`",
        ),
        ("exclude", "string", f"{EXCLUDE}; others take their places"),
        FIELDS_,
        LANG,
        ("after", "string", "id of an event of the user that the slate should know; waits for it"),
    ],
    "similar": [("k", "integer", "items, 1 to 40"), ("exclude", "string", EXCLUDE), FIELDS_],
    "search": [("query", "string", "part of a title"), ("k", "integer", "items, 1 to 50"), FIELDS_, *PAGE],
    "list_users": [*PAGE],
    "explanation": [LANG],
    "stream": [
        ("topics", "string", "of event, slate, outcome, stats, separated by commas"),
        ("user", "string", "only this user's"),
        FIELDS_,
        LANG,
    ],
}
BODIES: dict[str, tuple[Any, Any]] = {  # handler -> record, and an example
    "write_events": (
        Event,
        {"type": "view", "event_id": "e-1", "user_id": "ada", "item_id": "1", "timestamp": 1767268800.0},
    ),
    "put_user": (Profile, {"attributes": {"country": "NL"}}),
    "patch_user": (Profile, {"attributes": {"country": "BE"}}),
    "issue_token": (TokenRequest, {"user_id": "ada", "seconds": 3600}),
    "patch_item": (Item, {"price": 22.5}),
    "put_item": (Item, {"title": "Enamel mug", "categories": ["Mugs"], "price": 24.9}),
}
STATUS = {
    "put_user": "202", "patch_user": "202", "put_item": "202", "patch_item": "202", "forget": "202", "drop_item": "202",
    "issue_token": "201",
}  # fmt: skip
LIMITS: dict[str, dict[str, int]] = {  # of parameters
    "k": {"minimum": 1}, "exclude": {"maxLength": MAX_EXCLUDED * (MAX_ID_BYTES + 1)}, "query": {"maxLength": MAX_TEXT},
    "user": {"minLength": 1, "maxLength": MAX_ID_BYTES}, "user_id": {"minLength": 1, "maxLength": MAX_ID_BYTES},
    "item_id": {"minLength": 1, "maxLength": MAX_ID_BYTES},
}  # fmt: skip
REFUSALS = {  # of all requests that need a key
    "401": "no key, an unknown one, or one that has expired", "403": "the key or the token does not reach so far",
    "422": "a parameter or a field is not as it must be", "429": "too many requests, streams or wrong keys: wait",
}  # fmt: skip
BODY_REFUSALS = {
    "400": "the body is no JSON", "408": "the body did not arrive in time", "413": "the body is too large",
    "415": "the body is compressed, or not declared as application/json",
}  # fmt: skip


def parameters_of(endpoint: Endpoint) -> frozenset[str]:
    """The names of the parameters that an endpoint reads; all others are refused."""
    return frozenset(name for name, _, _ in QUERIES.get(endpoint.handler.__name__, []))


def document(version: str) -> dict[str, Any]:
    """The document, for a version of headwater."""
    _, schemas = msgspec.json.schema_components(
        [Event, Item, Profile, TokenRequest], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    problem = {
        "type": "object", "required": ["title", "status", "detail"],
        "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "headwater gateway",
            "version": version,
            "description": "Events in, recommendations out. Errors are problem documents (RFC 9457). HEAD is answered "
            "wherever GET is.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": problem},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "a key with the scope that is named"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "signed for the user concerned, see POST /v1/tokens",
                },
            },
        },
    }


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    name = endpoint.handler.__name__
    lines = (endpoint.handler.__doc__ or "").strip().split("\n\n", 1)
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string", **LIMITS[part]}}
        for part in re.findall(r"{(\w+)}", endpoint.path)
    ] + [
        {"name": part, "in": "query", "schema": {"type": kind, **LIMITS.get(part, {})}, "description": text}
        for part, kind, text in QUERIES.get(name, [])
    ]
    content = "text/event-stream" if name == "stream" else "application/json"
    found: dict[str, Any] = {
        "operationId": name,
        "summary": " ".join(lines[0].split()),
        "description": " ".join(lines[1].split()) if len(lines) > 1 else "",
        "parameters": parameters,
        "security": [{"key": each.split("+")} for each in endpoint.access.scope.split("|")]
        + [{"token": list[str]()}] * endpoint.own,
        "responses": {
            STATUS.get(name, "200"): {"description": "done", "content": {content: {}}},
            **{
                status: _problem(text)
                for status, text in {**REFUSALS, **(BODY_REFUSALS if name in BODIES else {})}.items()
            },
            "default": _problem("what is wrong"),
        },
    }
    if name in BODIES:
        record, example = BODIES[name]
        one = {"$ref": f"#/components/schemas/{record.__name__}"}
        schema = {"oneOf": [one, {"type": "array", "items": one}]} if name == "write_events" else one
        found["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": schema, "example": example}}
        }  # fmt: skip
    return found
