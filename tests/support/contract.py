"""The OpenAPI document as a check: an answer must be one that it describes, without a field that it does not know."""

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

from stream.gateway.contract.document import document
from stream.gateway.routes import ROUTES

DOCUMENT = document("0", ROUTES)


def closed(node: Any) -> Any:
    """A schema whose objects have no fields but those that it names."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: closed(value) for key, value in node.items()}
    return found | ({"additionalProperties": False} if isinstance(node.get("properties"), dict) else {})


COMPONENTS, CLOSED = DOCUMENT["components"], closed(DOCUMENT["components"])
_PATHS = {path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in DOCUMENT["paths"]}


def resolved(node: Any) -> Any:
    """What a reference to a component stands for; anything else stays."""
    while isinstance(node, dict) and "$ref" in node:
        where = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            where = where[step]
        node = where
    return node


def errors(schema: Mapping[str, Any], value: Any, *, components: Mapping[str, Any] = COMPONENTS) -> list[str]:
    """What is wrong with a value, by a schema of the document."""
    validator = jsonschema.Draft202012Validator({**schema, "components": components})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def operation_of(method: str, path: str) -> tuple[str, Any] | None:
    """The path of the document that an address belongs to, and what it says of the method."""
    plain = path.partition("?")[0]
    for template, pattern in sorted(_PATHS.items(), key=lambda pair: "{" in pair[0]):
        if pattern.fullmatch(plain):
            found = DOCUMENT["paths"][template].get(method.lower())
            return None if found is None else (template, found)
    return None


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | str) -> None:
    """Fail if the document does not describe an answer; requests that it does not have may get anything."""
    found = operation_of(method, path)
    if found is None:
        return
    what = f"{method} {found[0]}: {status}"
    answers = found[1]["responses"]
    assert str(status) in answers, f"{what}: is not in the document, only {', '.join(answers)}: {body[:300]!r}"
    answer, sent = resolved(answers[str(status)]), {name.lower(): value for name, value in headers.items()}
    for name, header in answer.get("headers", {}).items():
        given = sent.get(name.lower())
        assert given is not None or not resolved(header)["required"], f"{what}: must have the header {name}"
        kind = resolved(header)["schema"]
        value = int(given) if given is not None and kind.get("type") == "integer" else given
        assert given is None or not errors(kind, value), f"{what}: {name}: {given}"
    if "content" not in answer:
        assert not body, f"{what}: must have no body"
        return
    content = sent.get("content-type", "").partition(";")[0]
    assert content in answer["content"], f"{what}: {content} is not in the document"
    if content.endswith("json"):
        wrong = errors(closed(answer["content"][content]["schema"]), json.loads(body), components=CLOSED)
        assert not wrong, f"{what}: {wrong}"
