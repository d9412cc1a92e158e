"""`headwater bench --growth` measures the same work in worlds of different size."""

import pytest

from stream.bench import catalogue_size
from stream.config import Config


def test_a_world_is_measured_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_size, "EVENTS", 60)
    monkeypatch.setattr(catalogue_size, "UNITS", 12)
    monkeypatch.setattr(catalogue_size, "PORTIONS", 1)
    resident, times = catalogue_size._measure(Config(), items=150, known=120)
    assert resident > 50e6
    assert set(times) == set(catalogue_size.SCENARIOS)
    assert min(times.values()) > 0.0
