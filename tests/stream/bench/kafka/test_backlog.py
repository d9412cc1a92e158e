"""A backlog is worked off when all is learned and no slate is left; a worker that is stuck is an error."""

import asyncio
from typing import Any

import pytest

from stream.bench.kafka import backlog
from stream.bench.kafka.backlog import metrics_of, worked_off
from stream.errors import CheckError
from stream.metrics.worker import PrometheusObserver


class Worker:
    """A worker whose metrics are given, one after the other; the last ones stay."""

    def __init__(self, *pages: tuple[float, float, float]) -> None:
        self.pages = list(pages)

    def metrics(self) -> dict[str, float]:
        events, in_flight, deferred = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        return {
            "headwater_events_total": events,
            "headwater_in_flight_records": in_flight,
            "headwater_slates_deferred": deferred,
        }


def wait_for(events: int, *workers: Worker) -> backlog.Page:
    processes: Any = workers
    return asyncio.run(worked_off(processes, events))


def test_metrics_of_all_workers_are_summed() -> None:
    processes: Any = [Worker((3, 1, 0)), Worker((4, 0, 2))]
    assert metrics_of(processes).metrics == {
        "headwater_events_total": 7, "headwater_in_flight_records": 1, "headwater_slates_deferred": 2,
    }  # fmt: skip


def test_a_backlog_is_worked_off_when_no_slate_is_deferred_any_more() -> None:
    pages = [(4, 3, 0), (10, 3, 5), (10, 0, 5), (10, 0, 0)]
    assert wait_for(10, Worker(*pages)).metrics["headwater_slates_deferred"] == 0
    worker = Worker(*pages, (10, 0, 99))
    wait_for(10, worker)
    assert worker.pages == [(10, 0, 99)], "no page is read after that"


@pytest.mark.parametrize(
    ("page", "message"),
    [((4, 0, 0), "headwater_events_total must reach 10; stuck at 4"), ((10, 0, 1), "must learn all events and make")],
)
def test_a_worker_without_progress_is_an_error(
    page: tuple[float, float, float], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "STUCK_S", 0.0)
    with pytest.raises(CheckError, match=message):
        wait_for(10, Worker(page))


def test_the_metrics_that_are_read_are_those_of_a_worker() -> None:
    names = {line.split(" ")[0] for line in PrometheusObserver().render().decode().splitlines()}
    assert {"headwater_in_flight_records", "headwater_slates_deferred"} <= names
