"""What is not compiled is compiled by child processes, with a word on how far it is; a start without need has none."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.compiling import children, record
from stream.compiling.children import Compilation, prepare
from stream.config import Config
from stream.kernels.place import FOLDER, LOCATORS, kept_in
from stream.processes.supervisor import Supervised

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import json, sys, time
def say(**what):
    print(json.dumps(what), flush=True)
say(functions=3)
say(compiled="a")
say(compiled="b")
time.sleep(0.3)
say(used=[{used!r}])
sys.exit({code})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kernels are kept, still empty."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.delenv(LOCATORS, raising=False)
    monkeypatch.setattr(children, "PROGRESS_S", 0.05)
    return tmp_path


def speaks(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> list[str]:
    """Let children be processes that say what those that compile say, in moments; returns what each begins with."""
    index = kept_in(ROOT / "learners" / "arrays", str(folder)) / "one.nbi"
    index.parent.mkdir(exist_ok=True)
    index.touch()
    begun: list[str] = []

    def child(_: Config, *words: str) -> Supervised:
        begun.append(" ".join(words))
        return Supervised([sys.executable, "-c", CHILD.format(used=str(index), code=code)], subprocess.DEVNULL)

    monkeypatch.setattr(children, "_child", child)
    return begun


def test_progress_is_told_and_the_next_start_has_nothing_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, told = speaks(folder, monkeypatch), list[str]()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    with Compilation(Config()) as compilation:
        assert compilation.needed
        assert compilation.wait(told.append)
    assert begun == ["slates", "learning"], "more children would wait for each other"
    assert any(line.startswith("compiling kernels, this once: 4 of about 4, ") for line in told), told
    assert told[-1].startswith("compiled 4 kernels: ")
    with Compilation(Config()) as again:
        assert not again.needed
        assert again.wait(told.append)
    assert len(begun) == 2


def test_what_experiments_need_is_another_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, told = speaks(folder, monkeypatch), list[str]()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    for whole, beside in ((False, False), (True, True), (True, False)):
        with Compilation(Config(), whole=whole, beside=beside) as compilation:
            assert compilation.wait(told.append)
    assert begun == ["slates", "learning", "slates whole beside"], "the last found all, whoever had compiled it"


def test_one_core_has_one_child(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = speaks(folder, monkeypatch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with Compilation(Config()) as compilation:
        assert compilation.wait(list[str]().append)
    assert begun == ["slates"]


def test_a_child_that_fails_is_told_and_not_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    speaks(folder, monkeypatch, code=9)
    calls: list[str] = []
    monkeypatch.setattr(children, "compile_all", lambda _: calls.append("all"))
    monkeypatch.setattr(children, "load_own", lambda _: calls.append("own"))
    with caplog.at_level(logging.WARNING):
        prepare(Config(), list[str]().append)
    assert "exit code 0; got [9" in caplog.text
    assert calls == ["all"]
    assert not record.complete(record.key(Config(), whole=False))


def test_where_nothing_can_be_written_no_child_is_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, calls = speaks(folder, monkeypatch), list[str]()
    monkeypatch.setenv(LOCATORS, "stream.kernels.in_place.InPlace")
    monkeypatch.setattr(children, "compile_all", lambda _: calls.append("all"))
    prepare(Config(), list[str]().append)
    assert (begun, calls) == ([], ["all"])


@pytest.fixture
def child(folder: Path) -> Iterator[Supervised]:
    """A child that compiles in earnest."""
    process = children._child(Config(), "learning", "beside")
    try:
        yield process
    finally:
        process.close(0.0)


def test_a_child_compiles_names_what_it_compiled_and_ends_with_its_parent(child: Supervised, folder: Path) -> None:
    assert child.read_line(120.0).startswith('{"functions": ')
    assert child.read_line(120.0).startswith('{"compiled": "')
    assert list(folder.rglob("*.nbc"))
    assert os.getpriority(os.PRIO_PROCESS, child._process.pid) == 19
    child._stdin.close()  # as the kernel does when the parent is killed
    assert child.wait(10.0)
    assert child.exit_code == 1


def test_a_child_knows_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def started(*_: object, environment: dict[str, str]) -> None:
        seen.update(environment)

    monkeypatch.setattr(children, "Supervised", started)
    monkeypatch.setenv("HEADWATER_KAFKA_SASL_PASSWORD", "secret")
    children._child(Config(), "slates")
    assert "secret" not in seen.values()
    assert seen["HEADWATER_SLATE_SLOTS"] == "20"
