"""Observed settlements and decisions, and the series that they move."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from stream.metrics.worker import PrometheusObserver
from stream.records.log import Decision, LoggedEvent, Settlement

LISTS = ("ranked", "popularity", "recently_seen")

T = 1_700_000_000.0


def settlement(outcome: Any = "hit", hit: int = 1, reward: float = 2.0) -> Settlement:
    # Of the three lists, one offered what slot 1 showed, one something else, one was dry.
    heads, propensities = bytes([0, 1, 2, 5, 128, 255]), np.array([0.5, 0.8], np.float32).tobytes()
    return Settlement(
        "d", outcome, hit, reward, 0.0, T, T, "sarsa", 0, ["secret-item", "b"], bytes([2, 1]), heads, propensities
    )


def decision(sources: list[int], propensities: list[float]) -> Decision:
    floats = np.array(propensities, np.float32).tobytes()
    return Decision("d", T, "sarsa", 0.25, 0, 0, ["secret-item", "b"], bytes(sources), b"", floats, b"", b"")


def purchase(price: float | None) -> LoggedEvent:
    return LoggedEvent(0, 0, "e", "b", 2, T, None, None, price)


def of_variant() -> Settlement:
    return msgspec.structs.replace(settlement(), experiment="x", variant="bold")


def samples(observer: PrometheusObserver) -> dict[str, float]:
    """Every series of headwater's own, as `name{label=value}`."""
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(observer.render().decode())
        for sample in family.samples
        if sample.name.startswith("headwater_")
    }


def moved(act: Callable[[PrometheusObserver], None]) -> dict[str, float]:
    """By how much each series moved."""
    observer = PrometheusObserver(LISTS)
    before = samples(observer)
    act(observer)
    return {
        name: value - before.get(name, 0.0)
        for name, value in samples(observer).items()
        if value != before.get(name, 0.0)
    }
