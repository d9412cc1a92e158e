"""docs/learners.md is true: its example keeps the laws, is found when installed, and takes part in a model."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learners
from learners import Query, Source, yield_checks
from learners.__main__ import main
from learners.drift import RaisesLearningRate, Resets, ScalesLearningRate, SetsHalfLife
from learners.interactions import LearnsMany
from learners.registry import BUILT_IN, VERBS, LearnerError, learner_names, make_learner, make_learners
from stream.config import Config, ConfigError, Sources, load
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.model.fold import Model
from stream.records.schemas import Event
from stream.state.snapshot import ForeignSnapshotError

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/learners.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
NAME, LINE = "last_followers", 'last_followers = "last_followers:LastFollowers"'


def install(folder: Path, module: str, text: str, name: str, point: str) -> None:
    """What pip leaves behind: a module, and what `importlib.metadata` reads."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(text)
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[headwater.learners]\n{point}\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's example, installed."""
    install(tmp_path / "site", NAME, PYTHON[0], "headwater-last-followers", LINE.replace('"', ""))
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    for module in (NAME, "rogue"):
        sys.modules.pop(module, None)


def rogue(site: Path, text: str, point: str) -> None:
    install(site, "rogue", text, "rogue-learners", point)


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
    """Everybody walks round a circle of 30 items, from anywhere, with steps of one."""
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
    }
    assert set(rows) == {*VERBS, "name", "proposes_touched", *answers} - {"restore"}
    assert all(hasattr(Source, verb) for verb in VERBS)
    assert all(hasattr(protocol, verb) for verb, protocol in answers.items())


# The registry


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_name_is_that_of_the_file_and_makes_a_source(name: str) -> None:
    module = BUILT_IN[name].split(":")[0]
    assert re.fullmatch(rf"learners\.\w+\.{name}", module)
    assert ROOT.joinpath(*module.split(".")).with_suffix(".py").exists()
    assert make_learner(name).name == name
    assert type(make_learner(name)) is getattr(import_module(module), BUILT_IN[name].split(":")[1])


@pytest.mark.usefixtures("installed")
def test_what_is_installed_is_listed() -> None:
    assert learner_names() == sorted([*BUILT_IN, NAME])


def test_what_is_not_installed_is_not() -> None:
    assert NAME not in learner_names()
    with pytest.raises(LearnerError, match=r"'last_followers': must be built in or installed as an entry point"):
        make_learner(NAME)


@pytest.mark.usefixtures("installed")
def test_a_near_match_is_suggested() -> None:
    with pytest.raises(LearnerError, match=r"there are .*last_followers.*; did you mean 'last_followers'\?"):
        make_learner("last_follower")
    with pytest.raises(LearnerError) as caught:
        make_learner("zzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "point", "expected"),
    [
        ("import nowhere_to_be_found", "rogue = rogue:X", r"rogue-learners 1\.0.*must be importable.*ModuleNotFound"),
        ("", "rogue = rogue:X", r"must be importable and callable.*AttributeError"),
        ("def X(needed): ...", "rogue = rogue:X", r"callable without arguments; got TypeError"),
        ("X = dict", "rogue = rogue:X", r"gave a dict without add_item, describe, .*restore; inherit"),
        (
            "from learners import Popularity as X", "rogue = rogue:X",
            r"attribute `name` must be 'rogue'.*; got 'popularity'",
        ),
        (
            "from learners import Popularity as X", "last_followers = rogue:X",
            r"'last_followers': must be offered once; got headwater-last-followers 1\.0 .*, rogue-learners 1\.0",
        ),
        (
            "from learners import Popularity as X", "popularity = rogue:X",
            r"'popularity': must be offered once; got headwater \(learners\.popularity\.popularity:Popularity\), rogue",
        ),
    ],
)  # fmt: skip
def test_a_bad_source_is_reported_with_its_distribution(installed: Path, text: str, point: str, expected: str) -> None:
    rogue(installed, text, point)
    with pytest.raises(LearnerError, match=expected):
        make_learner(point.split(" ", maxsplit=1)[0])


def test_lists_of_names() -> None:
    assert [source.name for source in make_learners(" categories,, popularity ")] == ["categories", "popularity"]
    assert make_learners("") == []
    with pytest.raises(LearnerError, match="must be named once"):
        make_learners("categories,categories")


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
