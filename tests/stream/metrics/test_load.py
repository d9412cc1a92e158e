"""Metrics of load."""

import pytest

from stream.metrics.worker import PrometheusObserver
from tests.support.metrics import samples


def test_every_slate_counts_with_its_wait() -> None:
    observer = PrometheusObserver()
    observer.waited(0.04, 3)
    observer.waited(12.0, 1)
    found = samples(observer)
    assert found["headwater_slate_wait_seconds_count"] == 4
    assert found["headwater_slate_wait_seconds_sum"] == pytest.approx(12.12)
    assert found["headwater_slate_wait_seconds_bucket{le=0.05}"] == 3


def test_deferred_slates_and_the_limit_are_there_from_the_start() -> None:
    observer = PrometheusObserver()
    found = samples(observer)
    assert (found["headwater_slate_deferrals_total"], found["headwater_at_limit"]) == (0, 0)
    observer.deferred(5)
    observer.at_limit(reached=True)
    assert samples(observer)["headwater_slate_deferrals_total"] == 5
    assert samples(observer)["headwater_at_limit"] == 1
    observer.at_limit(reached=False)
    assert samples(observer)["headwater_at_limit"] == 0
