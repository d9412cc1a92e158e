"""Metrics of settled decisions."""

import msgspec
import pytest

from bandits import EXHAUSTED
from stream.metrics.outcomes import uniform_weight
from tests.support.metrics import moved, of_variant, purchase, settlement


def test_hits_are_counted_by_type_with_revenue_and_by_variant() -> None:
    found = moved(lambda observer: observer.settled(of_variant(), purchase(12.5)))
    assert found["headwater_hits_by_type_total{type=purchase}"] == 1
    assert found["headwater_revenue_total"] == 12.5
    trial = {name: value for name, value in found.items() if "{experiment=x}{variant=bold}" in name}
    assert {name.partition("{")[0]: value for name, value in trial.items()} == {
        "headwater_experiment_decisions_settled_total": 1,
        "headwater_experiment_hits_total": 1,
        "headwater_experiment_reward_total": 2.0,
    }
    viewed = moved(lambda observer: observer.settled(settlement(), msgspec.structs.replace(purchase(9.0), kind=0)))
    assert "headwater_revenue_total" not in viewed


def test_what_comes_back_is_counted_apart_for_counters_never_fall() -> None:
    found = moved(lambda observer: observer.returned(purchase(-12.5)))
    assert found == {"headwater_returns_total": 1, "headwater_returned_revenue_total": 12.5}


def test_the_uniform_weight_is_that_of_a_random_source() -> None:
    """Of two sources with items left, one offered the item, which had a propensity of 0.8."""
    assert uniform_weight(settlement()) == pytest.approx(1 / 2 / 0.8)


def test_a_pinned_item_has_weight_1() -> None:
    """No source offers an item that a rule fixed."""
    pinned = msgspec.structs.replace(settlement(), offered_ranks=bytes([EXHAUSTED] * 6))
    assert uniform_weight(pinned) == 1.0
