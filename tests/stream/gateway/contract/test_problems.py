"""Refusals: shared ones are referred to, a route's own are written out."""

from http import HTTPStatus

from stream.gateway.contract.problems import SHARED, name_of, problem, problems_of, shared
from stream.gateway.routes import ROUTES

BY_NAME = {route.name: route for route in ROUTES}


def test_own_problems_take_the_place_of_shared_ones() -> None:
    found = problems_of(BY_NAME["write_events"])
    assert "no event was written" in found["422"]["description"]
    assert found["413"] == {"$ref": "#/components/responses/" + name_of(413)}
    assert "413" not in problems_of(BY_NAME["search"]), "it has no body"
    assert "401" not in problems_of(BY_NAME["healthz"]), "it is open to all"


def test_every_shared_problem_is_a_component_and_says_how_long_to_wait() -> None:
    assert shared().keys() == {name_of(status) for status in SHARED}
    assert "Retry-After" in problem(429, "wait")["headers"]
    value = problem(404, "gone")["content"]["application/problem+json"]["examples"]["one"]["value"]
    assert value == {"title": HTTPStatus(404).phrase, "status": 404, "detail": "gone"}
