"""The OpenAPI document against the endpoints."""

import re

import pytest

from stream.gateway.api import ENDPOINTS, Endpoint
from stream.gateway.guard.keys import SCOPES
from stream.gateway.openapi import BODIES, QUERIES, STATUS, document

FOUND = document("1.2.3")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.handler.__name__)
def test_an_endpoint_is_described(endpoint: Endpoint) -> None:
    operation = FOUND["paths"][endpoint.path][endpoint.method.lower()]
    name = endpoint.handler.__name__
    in_path = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", endpoint.path)
    assert [each["name"] for each in operation["parameters"] if each["in"] == "query"] == [
        query for query, _, _ in QUERIES.get(name, [])
    ]
    keys = [set(each["key"]) for each in operation["security"] if "key" in each]
    assert keys == [set(each.split("+")) for each in endpoint.access.scope.split("|")]
    assert ({"token": []} in operation["security"]) is endpoint.own
    assert ("requestBody" in operation) == (name in BODIES)
    assert operation["summary"].endswith(".")


def test_scopes_are_those_that_keys_have() -> None:
    for endpoint in ENDPOINTS:
        assert set(re.split(r"[|+]", endpoint.access.scope)) <= set(SCOPES)


def test_tables_name_handlers() -> None:
    assert {*QUERIES, *BODIES, *STATUS} <= {endpoint.handler.__name__ for endpoint in ENDPOINTS}
    assert FOUND["info"]["version"] == "1.2.3"
