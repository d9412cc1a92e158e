"""Schedules that have found a bug once, made small."""

from typing import Any

import pytest

from stream.records.topics import CLICKS, ITEMS, LOG, VIEWS, Topic
from tests.simulation.run import play
from tests.simulation.schedule import ProcessFault, Schedule, SendFault, draw, rough

LATE_FIRST_CLAIM = draw(59)._replace(
    process_faults=(ProcessFault(0.2, "crash_append", 1, 50.0),), send_faults=(SendFault(LOG.name, 1, "lost", 0.01),)
)
LOST_WHILE_RESUMING = draw(175)._replace(
    process_faults=(ProcessFault(23.6, "rebalance", 0, 0.0),),
    send_faults=(
        SendFault(LOG.name, 1, "late", 8.0),
        SendFault(LOG.name, 9, "unacknowledged", 8.0),
        SendFault(LOG.name, 28, "late", 2.0),
    ),
)


@pytest.mark.parametrize("slot", [1, 2])
def test_a_worker_whose_model_is_wrong_rebuilds_itself(slot: int) -> None:
    """One bit of a model flips; the fingerprints differ, and at the end all models are right again."""
    faults = (ProcessFault(8.0, "corrupt", slot, 0.0),)
    schedule = draw(7)._replace(workers=3, process_faults=faults, send_faults=())
    silent = {"stream.worker.snapshotter.Snapshotter._compare": lambda *_: None}
    unnoticed = play(schedule, silent).violation
    assert unnoticed is not None
    assert unnoticed.rule == 7
    assert play(schedule).violation is None


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(LATE_FIRST_CLAIM, id="a shard is claimed for the first time when the log has been truncated"),
        pytest.param(LOST_WHILE_RESUMING, id="a released shard is lost while another one resumes"),
        pytest.param(draw(1567), id="a snapshot goes while one who no longer owns the shard reads it"),
        pytest.param(rough(604), id="the same in rough times"),
    ],
)
def test_found_bugs_stay_fixed(schedule: Schedule) -> None:
    violation = play(schedule).violation
    assert violation is None, violation


@pytest.mark.parametrize("topic", [VIEWS, CLICKS, ITEMS], ids=lambda topic: topic.name)
@pytest.mark.parametrize("seed", range(4))
def test_a_topic_is_made_again(seed: int, topic: Topic) -> None:
    """All of the new topic is taken in, once, on every worker; without the comparison of numbers it is not."""
    schedule = draw(seed)._replace(remakes=((12.0, topic.name),), deletions=())
    assert play(schedule).violation is None


def test_a_topic_made_again_is_missed_without_a_comparison() -> None:
    blind: dict[str, Any] = {"stream.worker.topic_watch.TopicWatch.remade": lambda *_: []}
    schedules = [
        draw(seed)._replace(remakes=((12.0, CLICKS.name),), deletions=(), process_faults=()) for seed in (0, 1)
    ]
    found = [play(schedule, blind).violation for schedule in schedules]
    assert any(violation is not None and violation.rule == 7 for violation in found), found
