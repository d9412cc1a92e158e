"""A worker is alive while it makes progress, and ready when all of its shards are recovered."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from stream.config import Config
from stream.worker.health import Health
from stream.worker.pace import Pace


def health_of(**changed: Any) -> Health:
    """The health of a worker that serves `users/0`."""
    event = asyncio.Event()
    event.set()
    parts: dict[str, Any] = {
        "config": Config(), "started": event, "assigned": {"users/0": set()},
        "shards": {"users/0": SimpleNamespace(next={"events.view": 3}, users={})},
        "replica": SimpleNamespace(
            caught_up=event, waiting=False, alive_at=time.monotonic(), log_end=9, reader=SimpleNamespace(written_at=0.0)
        ),
        "model": SimpleNamespace(offset=9, vocabulary=(), sizes=dict),
        "rounds": SimpleNamespace(in_flight=0, deferring=0, pace=Pace(0.05)),
        "positions": SimpleNamespace(watch=SimpleNamespace(problem=""), unassigned=lambda _: []),
    }  # fmt: skip
    return Health(SimpleNamespace(**parts | changed), MagicMock(), MagicMock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "good", "reason"),
    [
        ({}, True, "serving 1 shards at log offset 9"),
        ({"started": asyncio.Event()}, False, "starting: connecting, loading the compiled kernels"),
        (
            {"positions": SimpleNamespace(watch=SimpleNamespace(problem="partitions were changed"))},
            False,
            "partitions were changed",
        ),
        (
            {"positions": SimpleNamespace(watch=SimpleNamespace(problem=""), unassigned=lambda _: ["events.click"])},
            False,
            "not read yet, Kafka has not assigned them: events.click",
        ),
        ({"assigned": {}}, False, "no partitions assigned yet"),
        ({"assigned": {"users/0": set(), "users/1": set()}}, False, "recovering users/1"),
    ],
)
def test_ready_gives_the_first_reason_not_to_be(changed: dict[str, Any], good: bool, reason: str) -> None:
    assert health_of(**changed).ready() == (good, reason)


def test_a_worker_whose_experiment_waits_for_kernels_is_not_ready() -> None:
    health = health_of()
    health.worker.replica.waiting = True
    assert health.ready() == (False, "compiling kernels: an experiment waits for those that it may need")


def test_ready_says_how_far_compiling_is() -> None:
    health = health_of(started=asyncio.Event())
    health.tell("compiling kernels, this once: 7 of about 90, 12 s")
    assert health.ready() == (False, "starting: compiling kernels, this once: 7 of about 90, 12 s")


@pytest.mark.parametrize(("lag", "progress", "alive"), [(5, 0, False), (0, 0, True), (5, 1, True)])
def test_waiting_events_without_progress_end_the_life(lag: int, progress: int, alive: bool) -> None:
    health = health_of()
    health._judge(lag)
    health._judge(lag)
    health.worker.shards["users/0"].next["events.view"] += progress
    health.stuck_after_s = 0.0
    health._judge(lag)
    health.worker.replica.alive_at = time.monotonic() + 60.0
    assert health.alive().good is alive
