"""`headwater kernels` compiles by child processes, and says so when one of them fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from stream.cli import main
from stream.compiling import children
from stream.config import Config
from stream.kernels.place import FOLDER, LOCATORS, kept_in
from stream.processes.supervisor import Supervised

ROOT = Path(__file__).resolve().parents[4]


def ends_with(code: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a child be a process that has one kernel and that exit code."""
    index = kept_in(ROOT / "learners" / "arrays", str(folder)) / "one.nbi"
    index.parent.mkdir()
    index.touch()
    script = f"import json, sys; print(json.dumps({{'used': [{str(index)!r}]}})); sys.exit({code})"

    def child(config: Config, *words: str) -> Supervised:
        assert "whole" in words
        assert config.policy.name == "sarsa"
        return Supervised([sys.executable, "-c", script], subprocess.DEVNULL)

    monkeypatch.setattr(children, "_child", child)
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.delenv(LOCATORS, raising=False)
    monkeypatch.setenv("HEADWATER_POLICY_NAME", "sarsa")


def test_it_ends_well_when_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(0, tmp_path, monkeypatch)
    assert main(["kernels"]) == 0
    assert capsys.readouterr().out == "all kernels are compiled\n"


def test_a_child_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(3, tmp_path, monkeypatch)
    assert main(["kernels"]) == 1
    assert "must be able to write" in capsys.readouterr().err
