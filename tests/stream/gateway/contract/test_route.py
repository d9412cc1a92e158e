"""A route holds what server and document need."""

from stream.gateway.contract.route import ID, Parameter, list_of, whole
from stream.gateway.guard.authorise import Access
from stream.gateway.routes import ROUTES
from stream.records.schemas import MAX_ID_BYTES


def test_what_the_server_asks_of_a_route() -> None:
    (route,) = [route for route in ROUTES if route.name == "recommendations"]
    assert route.access == Access("slates", own=True)
    assert {"k", "exclude"} < route.parameters


def test_schemas_of_parameters() -> None:
    assert ID["maxLength"] == MAX_ID_BYTES
    assert list_of(whole(1, 2), 3) == {"type": "array", "items": whole(1, 2), "maxItems": 3}
    assert not Parameter("k", whole(1, 2), "items").joined
