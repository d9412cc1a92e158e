"""Metrics of drawn slates."""

from stream.metrics.worker import PrometheusObserver
from stream.observe import Mix
from tests.support.metrics import LISTS, decision, samples


def test_lists_can_be_named_later() -> None:
    observer = PrometheusObserver()
    observer.name_lists(LISTS)
    observer.decided(decision([1], [1.0]), Mix(1, 0))
    assert samples(observer)["headwater_slots_total{source=popularity}"] == 1


def test_every_decision_is_counted_however_rarely_metrics_are_scraped() -> None:
    observer = PrometheusObserver(LISTS)
    for _ in range(450):
        observer.decided(decision([1, 0], [0.95, 0.2]), Mix(2, 1))
    found = samples(observer)
    assert found["headwater_decisions_opened_total"] == 450
    assert found["headwater_slots_total{source=popularity}"] == 450
    assert found["headwater_slots_total{source=ranked}"] == 450
    assert found["headwater_slots_explored_total"] == 450
    assert found["headwater_slots_new_total"] == 450
    assert samples(observer) == found, "a scrape changes nothing"
