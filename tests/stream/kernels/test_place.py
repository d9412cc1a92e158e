"""An installation that cannot be written runs, with the kernels that came with it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.kernels.place import FOLDER, IN_PLACE, LOCATORS, choose

ROOT = Path(__file__).resolve().parents[3]
ASKED = """
import stream.kernels.place as place
if {nowhere}:
    place._usable = lambda *_, **__: False
from learners import Popularity
from learners.arrays.top_k import best_first
import numpy as np
print(best_first(np.array([0, 1], np.int32), np.array([1.0, 3.0], np.float32), 1)[0].tolist())
"""
POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """A copy of the packages that nobody can write."""
    if POWERLESS and shutil.which("setpriv") is None:
        pytest.skip("root can write everywhere, and `setpriv` is not installed (Debian package util-linux)")
    copy = tmp_path / "installed"
    for name in ("bandits", "learners", "stream"):
        shutil.copytree(ROOT / name, copy / name)
    folders = [copy, *(path for path in copy.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield copy
    for folder in folders:
        folder.chmod(0o755)


def run(installed: Path, temporary: Path, *, nowhere: bool) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/proc/nonexistent", "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(temporary),
    }  # fmt: skip
    return subprocess.run(
        [*POWERLESS, sys.executable, "-c", ASKED.format(nowhere=nowhere)],
        cwd=installed, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_kernels_go_to_a_temporary_folder_and_one_line_says_so(installed: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(installed, temporary, nowhere=False)
    place = temporary / f"headwater-kernels-{os.geteuid()}"
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr
    assert done.stderr == (
        f"compiled kernels: {installed} cannot be written: kept in {place}; NUMBA_CACHE_DIR names another\n"
    )
    assert place.stat().st_mode & 0o077 == 0, "what is in it is run"
    shipped = {path.name for path in installed.rglob("*.nbi")}
    assert shipped <= {path.name for path in place.rglob("*.nbi")}


def test_where_nothing_can_be_written_they_are_read_in_their_place(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, nowhere=True)
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr
    assert "neither" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "kernel.py").write_text("")
    monkeypatch.setattr("stream.kernels.place._writable", lambda _: False)
    monkeypatch.setattr("stream.kernels.place.TEMPORARY", (str(tmp_path),))
    others = tmp_path / f"headwater-kernels-{os.geteuid()}"
    others.mkdir()
    others.chmod(0o777)
    environment = {"TMPDIR": str(tmp_path)}
    choose(environment, [package])
    assert environment[LOCATORS] == IN_PLACE
    others.chmod(0o700)
    environment = {"TMPDIR": str(tmp_path)}
    choose(environment, [package])
    assert environment[FOLDER] == str(others)


def test_a_writable_installation_is_left_to_numba(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text("")
    environment: dict[str, str] = {}
    choose(environment, [tmp_path])
    assert environment == {}
