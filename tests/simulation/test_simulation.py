"""Real workers under made-up faults. `SCHEDULES` in the environment sets how many are played (default: 640)."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.simulation.run import Result, play
from tests.simulation.schedule import Schedule, asking, draw, placed, rough, shortest

SCHEDULES = int(os.environ.get("SCHEDULES", "640"))
CHUNKS = 16
ROOT = Path(__file__).parents[2]
SAME = range(3, 7)  # seeds that are played twice


def explained(schedule: Schedule, result: Result) -> str:
    """What went wrong, and the shortest schedule that fails in the same way."""

    def fails(other: Schedule) -> bool:
        violation = play(other).violation
        return violation is not None and result.violation is not None and violation.rule == result.violation.rule

    short = shortest(schedule, fails)
    again = play(short)
    return "\n".join([f"seed {schedule.seed}: {result.violation}", "", f"shortest: {short}", "", *again.trace[-60:]])


def played(make: Callable[[int], Schedule], seeds: range) -> list[Result]:
    """Results of schedules that break no rule; the first that does fails the test."""
    found = []
    for seed in seeds:
        found.append(play(make(seed)))
        if found[-1].violation is not None:
            pytest.fail(explained(make(seed), found[-1]), pytrace=False)
    return found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_rule_holds_whatever_happens(chunk: int) -> None:
    found = played(draw, range(chunk, SCHEDULES, CHUNKS))
    assert sum(each.refreshed for each in found) > 2 * len(found), "slates are refreshed"
    assert sum(each.deferred for each in found) > 0, "slates are deferred"
    assert sum(each.accepted for each in found) > 10 * len(found)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_rule_holds_in_rough_times(chunk: int) -> None:
    played(rough, range(chunk, SCHEDULES // 4, CHUNKS))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_rule_holds_while_users_ask(chunk: int) -> None:
    played(asking, range(chunk, SCHEDULES // 4, CHUNKS))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_rule_holds_with_placements(chunk: int) -> None:
    """Three beside home: one has slates pushed; of the others they are made on request, one of them must be named."""
    found = played(placed, range(chunk, SCHEDULES // 4, CHUNKS))
    assert sum(each.placed for each in found) > 4 * len(found), "decisions of placements are settled"


@pytest.mark.timeout(1200)
def test_some_decisions_of_placements_are_hits() -> None:
    assert any(play(placed(seed)).placed_hits for seed in range(40))


def digest() -> str:
    """Of the traces of some seeds."""
    return blake2b("\n".join(line for seed in SAME for line in play(draw(seed)).trace).encode()).hexdigest()


def test_the_same_seed_gives_the_same_trace() -> None:
    assert digest() == digest()


def test_the_order_of_hashes_does_not_matter() -> None:
    code = "from tests.simulation.test_simulation import digest; print(digest())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout.strip() == digest()


def test_faults_and_inputs_are_left_out_as_long_as_it_fails() -> None:
    whole = draw(4)
    wanted = whole.inputs[7]
    short = shortest(whole, lambda schedule: wanted in schedule.inputs)
    assert (short.inputs, short.process_faults, short.send_faults) == ((wanted,), (), ())
