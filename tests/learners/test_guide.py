"""docs/learners.md is true: its example keeps the laws, is found when installed, and takes part in a model."""

import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learners
from learners import Query, Source, yield_checks
from learners.__main__ import main
from learners.base import Prepares
from learners.drift import RaisesLearningRate, Resets, ScalesLearningRate, SetsHalfLife
from learners.interactions import LearnsMany
from learners.registry import VERBS, make_learner
from stream.config import Config, ConfigError, Sources, load
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.model.fold import Model
from stream.records.schemas import Event
from stream.state.snapshot import ForeignSnapshotError
from tests.support.installed import GUIDE, LINE, NAME, PYTHON, ROOT, rogue

TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


# The example


def test_the_example_is_short_and_complete() -> None:
    lines = [line for line in PYTHON[0].splitlines() if line.strip()]
    assert 35 <= len(lines) <= 45
    assert LINE in TOML[0]


def test_the_guide_imports_public_names_of_learners_alone() -> None:
    imported = re.findall(r"^(?:from|import) (learners\S*)(?: import (.+))?$", "".join(PYTHON), re.MULTILINE)
    assert {module for module, _ in imported} == {"learners"}
    assert {name for _, names in imported for name in names.split(", ")} <= set(learners.__all__)


@pytest.mark.usefixtures("installed")
def test_the_example_keeps_every_law() -> None:
    checks = list(yield_checks(make_learner(NAME)))
    assert len(checks) >= 13
    assert all(check.id.startswith(f"{NAME}:check_") for check in checks)
    for check in checks:
        check.run()


@pytest.mark.usefixtures("installed")
def test_the_guides_own_test_of_it_runs() -> None:
    exec(compile(PYTHON[1], "docs/learners.md", "exec"), {})


@pytest.mark.usefixtures("installed")
def test_the_example_answers_what_it_promises() -> None:
    source: Any = make_learner(NAME)
    source.add_item(3)
    for item, before in ((1, 0), (2, 0), (1, 0), (3, 2)):
        past = np.array([before], np.int32)
        source.learn_one(learners.Interaction(item, 0, 0.0, past, past))
    last = np.array([0], np.int32)
    items, scores = source.top_k(Query(last, 0.0, last), 5, np.zeros(4, np.uint8))
    assert (items.tolist(), scores.tolist()) == ([1, 2], [2 / 16, 1 / 16])


def entries(events: int = 400) -> list[Entry]:
    """Each user walks round a circle of 30 items, from anywhere, with steps of one."""
    rng = random.Random("circle")
    at = [rng.randrange(30) for _ in range(20)]
    found: list[Entry] = []
    for n in range(events):
        user = rng.randrange(20)
        at[user] = (at[user] + 1) % 30
        event = Event(event_id=f"e{n}", user_id=f"u{user}", item_id=f"i{at[user]}", timestamp=1.7e9 + 10.0 * n)
        found.append(("view", event))
    return found


@pytest.mark.usefixtures("installed")
def test_the_example_takes_part_in_an_evaluation() -> None:
    evaluation = Evaluation(Config(sources=Sources(extra=NAME)), Protocol((5,)))
    report: Any = evaluation.run(entries())
    assert evaluation.model.lists[-2:] == (NAME, "repeats"), "repeats stay last"
    assert f"{NAME}_rank" in evaluation.model.ranking.columns
    assert report["skipped_records"] == 0
    assert report["learners"]["engine"]["hit_rate@5"] > 0.5
    again: Any = Evaluation(Config(sources=Sources(extra=NAME)), Protocol((5,))).run(entries())
    assert again["fingerprint"] == report["fingerprint"]


@pytest.mark.usefixtures("installed")
def test_the_setting_in_the_guide_is_one(tmp_path: Path) -> None:
    path = tmp_path / "headwater.toml"
    path.write_text(TOML[1])
    assert load(path, {}).sources.extra == NAME == load(None, {"HEADWATER_SOURCES_EXTRA": NAME}).sources.extra


@pytest.mark.usefixtures("installed")
def test_a_snapshot_of_a_model_without_it_is_refused() -> None:
    with pytest.raises(ForeignSnapshotError, match=f"must hold .*{NAME}.*; got "):
        Model(Config(sources=Sources(extra=NAME))).restore(Model(Config()).copy())


def test_methods_of_the_guide_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)", GUIDE, re.MULTILINE)
    answers = {
        "learn_many": LearnsMany,
        "set_half_life": SetsHalfLife,
        "raise_learning_rate": RaisesLearningRate,
        "scale_learning_rate": ScalesLearningRate,
        "reset": Resets,
        "prepare": Prepares,
    }
    assert set(rows) == {*VERBS, "name", "proposes_touched", *answers} - {"restore"}
    assert all(hasattr(Source, verb) for verb in VERBS)
    assert all(hasattr(protocol, verb) for verb, protocol in answers.items())


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("popularitty", r"configuration: sources\.extra: learner 'popularitty'.*did you mean 'popularity'\?"),
        ("popularity", r"sources of discovery that are not there yet; got 'popularity'"),
        ("repeats", r"got 'repeats'"),
    ],
)
def test_a_wrong_setting_is_refused(extra: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Model(Config(sources=Sources(extra=extra)))


# python -m learners


def test_the_program_prints_every_check(installed: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "learners", NAME], cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{installed}"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert f"{NAME}:check_bounded_memory pass" in lines
    assert lines[-1] == f"{len(lines) - 1} of {len(lines) - 1} passed"


BROKEN = """
from learners import RecentlySeen
class X(RecentlySeen):
    name = "rogue"
    def state(self): raise OSError("no disk")
    def top_k(self, query, k, blocked):
        items, scores = super().top_k(query, k, blocked)
        return items[::-1], scores[::-1]
"""


def test_broken_laws_are_named_and_nothing_stops_the_rest(installed: Path) -> None:
    rogue(installed, BROKEN, "rogue = rogue:X")
    written: list[str] = []
    assert main(["rogue", "popularity"], written.append) == 1
    assert "rogue:check_top_k_order FAIL: order must be (-score, index)\n" in written
    assert "rogue:check_bounded_memory FAIL: OSError: no disk\n" in written
    assert "popularity:check_bounded_memory pass\n" in written
    passed = sum(line.endswith("pass\n") for line in written)
    assert written[-1] == f"{passed} of {len(written) - 1} passed\n"


def test_without_a_known_name_the_names_are_listed() -> None:
    written: list[str] = []
    assert main([], written.append) == 2
    assert "  covisitation\n" in "".join(written)
    assert main(["covisitatoin"], written.append) == 2
    assert "did you mean 'covisitation'?" in written[-1]
