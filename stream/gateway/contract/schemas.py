"""The schemas of what is sent and answered: those of records, and of bodies, which differ from records a little."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from stream.gateway.contract.route import Route
from stream.gateway.parameters import TokenRequest
from stream.records.http.answers import ProblemDetails
from stream.records.http.asked import SlateRequest, SlateRequests
from stream.records.schemas import KINDS, Event, Item, Profile

SENT: tuple[type[Struct], ...] = (Event, Item, Profile, TokenRequest, SlateRequest, SlateRequests)
Schemas = dict[str, dict[str, Any]]


def reference(name: str) -> dict[str, str]:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas_of(routes: Iterable[Route]) -> Schemas:
    """All schemas by name, in alphabetical order."""
    records = {record: None for route in routes for record in _records(route)}
    _, found = msgspec.json.schema_components(
        [*SENT, ProblemDetails, *records], ref_template="#/components/schemas/{name}"
    )
    named: Schemas = found | _bodies(found)
    return {name: named[name] for name in sorted(named) if name not in ("Event", "Profile")}


def _records(route: Route) -> Iterator[type[Struct]]:
    for answer in route.answers.values():
        yield from answer.records
        yield from answer.messages.values()


def _bodies(found: Schemas) -> Schemas:
    """What is sent: an event says its type, the path says an id, and a change holds what changes.

    >>> item = {"properties": {"item_id": {}, "tags": {"type": "array", "default": []}}, "required": ["item_id"]}
    >>> made = _bodies({name: item for name in ("Event", "Item", "Profile")})
    >>> made["ItemBody"]["required"], made["ItemChange"]["properties"]["tags"]
    ([], {'anyOf': [{'type': 'array'}, {'type': 'null'}]})
    """
    event = found["Event"]
    kind = {"enum": list(KINDS), "description": "decides the topic"}
    made: Schemas = {
        "EventBody": event | {
            "title": "EventBody", "properties": event["properties"] | {"type": kind},
            "required": [*event["required"], "type"],
        }
    }  # fmt: skip
    for name in ("Item", "Profile"):
        whole = found[name]
        text = {"description": f"{whole.get('description', '')} The id is that of the path."}
        made[f"{name}Body"] = whole | text | {"title": f"{name}Body", "required": list[str]()}
        fields = {key: _cleared(field) for key, field in whole["properties"].items()}
        made[f"{name}Change"] = {
            "title": f"{name}Change", "type": "object", "properties": fields,
            "description": "Fields that change: null clears one, all others stay (JSON merge patch, RFC 7396).",
        }  # fmt: skip
    return made


def _cleared(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field that may also be null; left out it stays as it is, so it has no default."""
    plain = {key: value for key, value in field.items() if key != "default"}
    null = {"type": "null"}
    kinds = plain.get("anyOf", [])
    return (
        plain if null in kinds else {"anyOf": [*kinds, null]} if set(plain) == {"anyOf"} else {"anyOf": [plain, null]}
    )
