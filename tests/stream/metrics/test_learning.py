"""Metrics of the fold."""

import pytest

from learners.drift import ANSWERS
from stream.metrics.worker import PrometheusObserver
from stream.model.drift_watch import MODELS
from tests.support.metrics import LISTS, moved, samples


def test_sizes_are_gauges() -> None:
    found = moved(lambda observer: observer.sized({"mixer": 512}))
    assert found == {"headwater_state_bytes{part=mixer}": 512}


def test_every_model_and_answer_is_there_from_the_start_and_drift_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    observer = PrometheusObserver(LISTS)
    series = {name for name in samples(observer) if name.startswith("headwater_drift_total")}
    assert len(series) == len(ANSWERS) * len({*MODELS, *LISTS[1:]})
    with caplog.at_level("INFO", "stream.metrics.worker"):
        observer.drifted("mixer", "faster_step")
    assert caplog.messages == ["drift: mixer has become worse; answer: faster_step"]
