"""Price, quantity and returns: on the wire, in revenue, in what is learned, in old logs."""

import math
from typing import Any

import msgspec
import orjson
import pytest

from stream.client.experiment_status import report
from stream.decisions.arrivals import UserEvent
from stream.records.amounts import units
from stream.records.codec import Rejection, decode_event, decode_item
from stream.records.log import Step, logged_event
from stream.records.schemas import METRICS, Event, EventType
from tests.support.site import PURCHASE, Site, T, did, shown
from tests.support.trial import site, two


def sent(kind: EventType = "purchase", /, **fields: Any) -> Event | Rejection:
    document = {"event_id": "e", "user_id": "u", "item_id": "a", "timestamp": T, **fields}
    return decode_event(kind, b"u", orjson.dumps(document), T)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("purchase", {"price": 1e308}), ("purchase", {"price": -1e308}),
        ("purchase", {"price": 1.0, "quantity": 1e300}),
        ("purchase", {"price": 1e12, "quantity": 2}), ("purchase", {"quantity": 0}), ("view", {"price": -1.0}),
        ("click", {"price": 5.0, "quantity": -1}),
    ],
)  # fmt: skip
def test_an_amount_out_of_bounds_is_refused_with_the_bound(kind: EventType, fields: dict[str, float]) -> None:
    found = sent(kind, **fields)
    assert isinstance(found, Rejection)
    assert found.reason == "out_of_range"


def test_a_catalogue_price_has_a_bound_too() -> None:
    found = decode_item(b"a", b'{"item_id": "a", "price": 1e308}')
    assert isinstance(found, Rejection)
    assert (found.reason, "at most 1e+12" in found.detail) == ("out_of_range", True)


@pytest.mark.parametrize(
    ("fields", "paid"),
    [
        ({}, None), ({"price": 10.0}, 10.0), ({"price": 10.0, "quantity": 3}, 30.0), ({"quantity": 3}, None),
        ({"price": 10.0, "quantity": 0.5}, 5.0), ({"price": -10.0}, -10.0), ({"price": 10.0, "quantity": -3}, -30.0),
        ({"price": -10.0, "quantity": -3}, -30.0),
    ],
)  # fmt: skip
def test_the_log_keeps_price_times_quantity(fields: dict[str, float], paid: float | None) -> None:
    event = sent(**fields)
    assert isinstance(event, Event)
    assert logged_event(event, "purchase", 0).price == paid


def test_a_return_without_a_price_is_one_all_the_same() -> None:
    event = sent(quantity=-1)
    assert isinstance(event, Event)
    logged = logged_event(event, "purchase", 0)
    assert (logged.returned, logged.revenue) == (True, 0.0)
    assert not logged_event(msgspec.structs.replace(event, quantity=1.0), "purchase", 0).returned


def bought(item: str, at: float, price: float | None, quantity: float | None = None) -> UserEvent:
    event = Event(event_id=f"u-{item}-{at}", user_id="u", item_id=item, timestamp=at, price=price, quantity=quantity)
    return UserEvent("u", logged_event(event, "purchase", 0), units(event, "purchase"))


def test_the_profile_takes_in_the_price_of_one_unit() -> None:
    step = Site("abc").step(bought("a", T, 10.0, 3.0))
    assert step.event is not None
    assert step.touched is not None
    assert (step.event.price, step.touched.price) == (30.0, 10.0)


def revenue(found: Site) -> float:
    return float(found.model.tally.sums[:, METRICS.index("revenue")].sum())


@pytest.mark.parametrize(
    ("price", "quantity", "left"), [(10.0, -1.0, 20.0), (-30.0, None, 0.0), (None, -1.0, 0.0), (-1e9, None, 0.0)]
)
def test_a_return_takes_back_what_the_purchase_from_a_slate_brought_in_and_no_more(
    price: float | None, quantity: float | None, left: float
) -> None:
    found = site(two())
    first = found.step(did("u", "a", T))
    assert first.decision is not None
    item = first.decision.slate[1]
    found.take(bought(item, T + 5.0, 10.0, 3.0))
    assert revenue(found) == 30.0
    found.take(bought(item, T + 50.0, price, quantity))
    assert revenue(found) == left


def test_a_return_is_no_reward_and_teaches_nothing_and_comes_once() -> None:
    found = Site("abc")
    open_ = shown(found)
    user, before = found.shard.users["u"], found.model.copy().parts
    again = [bought(open_.slate[0], T + 5.0, -4.0), bought(open_.slate[0], T + 5.0, -4.0)]
    (step,) = found.take(*again).records
    assert isinstance(step, Step)
    assert (step.settled, step.decision, step.rows) == (None, None, None)
    assert (user.open, list(user.seen), user.events) == (open_, ["a"], 1)
    after = found.model.copy().parts
    for name, arrays in before.items():
        assert {key: array.tobytes() for key, array in arrays.items()} == {
            key: array.tobytes() for key, array in after[name].items()
        }


def test_an_old_log_with_an_endless_amount_breaks_no_sum_and_no_status() -> None:
    found = site(two())
    first = found.step(did("u", "a", T))
    assert first.decision is not None
    old = did("u", first.decision.slate[1], T + 5.0, PURCHASE)
    found.take(old._replace(event=msgspec.structs.replace(old.event, price=1e308)))
    assert revenue(found) == 0.0
    tally = found.model.tally
    saved = {name: array.copy() for name, array in tally.state().items()}
    saved["sums"][0, 3, 7] = math.inf
    tally.restore(saved)
    assert math.isfinite(revenue(found))
    assert report(tally)["variants"]["control"]["revenue"]["per_decision"] == 0.0
