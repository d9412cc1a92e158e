"""The OpenAPI document: valid, whole, current; its examples are what its schemas say."""

import re
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest
import yaml

from stream.config import Config
from stream.gateway.app import CONSOLE, build
from stream.gateway.contract.__main__ import PATH, text
from stream.gateway.contract.document import document
from stream.gateway.contract.route import Route
from stream.gateway.feed import message
from stream.gateway.guard.keys import SCOPES
from stream.gateway.routes import ROUTES
from stream.records.http.messages import MESSAGES
from tests.support.contract import DOCUMENT, errors, resolved
from tests.support.served import PARTITIONS


def nodes(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def contents(operation: Any) -> Iterator[tuple[str, str, Any]]:
    """Where, type of content and media type of the body and all answers of an operation."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield "body", kind, media
    for status, answer in operation["responses"].items():
        for kind, media in resolved(answer).get("content", {}).items():
            yield status, kind, media


OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_it_is_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT, cls=openapi_spec_validator.OpenAPIV31SpecValidator)
    assert document("1.2.3", ROUTES)["info"]["version"] == "1.2.3"


def test_the_file_is_current() -> None:
    assert PATH.read_text("utf-8") == text(), "run `python -m stream.gateway.contract`"
    assert yaml.safe_load(text())["paths"] == DOCUMENT["paths"]


def test_no_request_of_the_server_is_missing() -> None:
    app = build(Config(), PARTITIONS)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical not in CONSOLE and route.method != "HEAD"
    }
    assert served == {tuple(name.split()) for name in OPERATIONS}
    assert len(served) > 15


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_described(route: Route) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    places = {
        place: [each["name"] for each in operation["parameters"] if each["in"] == place]
        for place in ("path", "query", "header")
    }
    assert places["path"] == re.findall(r"{(\w+)}", route.path)
    assert set(places["query"]) == route.parameters
    keys = [set(each["key"]) for each in operation["security"] if "key" in each]
    assert keys == [set(each.split("+")) for each in route.scope.split("|") if each]
    assert set().union(*keys) <= set(SCOPES)
    assert ({"token": []} in operation["security"]) is route.own
    assert operation["summary"].endswith(".")
    assert (route.method in ("POST", "PUT", "PATCH")) is ("requestBody" in operation)
    assert {"200", "201", "202"} & set(operation["responses"])
    assert bool(route.scope) is ({"401", "403", "422", "429"} <= set(operation["responses"]))


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_and_every_answer_has_examples_that_are_valid(name: str) -> None:
    checked = 0
    for where, kind, media in contents(OPERATIONS[name]):
        assert media["examples"], f"{where}: must have an example"
        for key, example in media["examples"].items():
            assert not errors(media["schema"], example["value"]), f"{where} {kind} {key}"
            checked += 1
    for part in OPERATIONS[name]["parameters"]:
        assert not errors(part["schema"], part["example"]), part["name"]
        checked += 1
    assert checked


def test_a_wrong_example_would_be_found() -> None:
    slate = DOCUMENT["paths"]["/v1/users/{user_id}/recommendations"]["get"]["responses"]["200"]
    media = slate["content"]["application/json"]
    good = media["examples"]["slate"]["value"]
    assert not errors(media["schema"], good)
    for bad in (good | {"items": [{}]}, good | {"asked": -1}, {k: v for k, v in good.items() if k != "decision_id"}):
        assert errors(media["schema"], bad)


def test_the_stream_names_its_messages() -> None:
    media = DOCUMENT["paths"]["/v1/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    assert media["x-messages"].keys() == MESSAGES.keys()
    topics = next(p for p in DOCUMENT["paths"]["/v1/stream"]["get"]["parameters"] if p["name"] == "topics")
    assert set(topics["schema"]["items"]["enum"]) == set(MESSAGES)
    for example in media["examples"].values():
        name, data = re.fullmatch(r"event: (\w+)\ndata: (.*)\n\n", example["value"]).groups()  # type: ignore[union-attr]
        value = yaml.safe_load(data)
        assert not errors(media["x-messages"][name], value)
        assert message(name, value).decode() == example["value"]


def test_references_lead_somewhere_and_components_are_used() -> None:
    used = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    assert len(used) > 30
    assert all(resolved({"$ref": reference}) for reference in used)
    for kind in ("schemas", "responses", "headers"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used
