"""`headwater bench --growth` measures the same work in worlds of different size."""

import pytest

from stream.bench import catalogue_size
from stream.bench.calibration import REFERENCE, Calibration, Speed
from stream.config import Config


def test_a_world_is_measured_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_size, "EVENTS", 60)
    monkeypatch.setattr(catalogue_size, "UNITS", 12)
    monkeypatch.setattr(catalogue_size, "PORTIONS", 1)
    half = Calibration.of(Speed(*(0.5 * figure for figure in REFERENCE)))
    resident, found = catalogue_size._measure(Config(), items=150, known=120, machine=half)
    assert resident > 50e6
    assert {each.scenario for each in found} == set(catalogue_size.SCENARIOS)
    assert all(0.0 < each.reference_us == pytest.approx(0.5 * each.cpu_us) for each in found)
