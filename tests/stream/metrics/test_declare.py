"""How metrics are declared: running means, registries of their own."""

import pytest

from stream.metrics.worker import PrometheusObserver
from tests.support.metrics import LISTS, samples, settlement


def test_running_means_come_to_the_mean() -> None:
    observer = PrometheusObserver(LISTS)
    for n in range(8000):
        observer.settled(settlement() if n % 4 == 0 else settlement("miss", -1, 0.0))
        if n == 7:
            assert samples(observer)["headwater_prequential_hit_ratio"] == pytest.approx(0.25), "from the first ones on"
    assert samples(observer)["headwater_prequential_hit_ratio"] == pytest.approx(0.25, abs=0.01)


def test_two_observers_share_nothing() -> None:
    one, other = PrometheusObserver(LISTS), PrometheusObserver(LISTS)
    one.duplicate()
    assert samples(other)["headwater_duplicate_events_total"] == 0
