"""numba's store of kernels, as headwater adapts it: in a small tree, with real compilers and real crashes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INNER = """
from numba import njit
@njit(cache=True)
def inner(x):
    return x + {added}
"""
OUTER = """
from numba import njit
from learners.inner import inner
@njit(cache=True)
def outer(x):
    return 10 * inner(x)
"""
ASK = """
import stream
from stream.kernels import cache
compiled = []
cache.watching.append(compiled.append)
{before}
from learners.outer import outer
print(outer({argument}), ",".join(compiled) or "none")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Packages with headwater's names: its handling of kernels, and two kernels in files of their own."""
    root = tmp_path / "tree"
    shutil.copytree(ROOT / "stream" / "kernels", root / "stream" / "kernels", ignore=shutil.ignore_patterns("__*__"))
    shutil.copy(ROOT / "stream" / "__init__.py", root / "stream")
    shutil.copy(ROOT / "stream" / "kernels" / "__init__.py", root / "stream" / "kernels")
    for package in ("learners", "bandits"):
        (root / package).mkdir()
        (root / package / "__init__.py").touch()
    (root / "learners" / "inner.py").write_text(INNER.format(added=1))
    (root / "learners" / "outer.py").write_text(OUTER)
    return root


def start(tree: Path, argument: str = "1", before: str = "", **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ASK.format(argument=argument, before=before)],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree), **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ask(tree: Path, argument: str = "1", before: str = "", **environment: str) -> tuple[int, str, str]:
    process = start(tree, argument, before, **environment)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output.strip(), errors


def kernels(tree: Path, pattern: str) -> list[Path]:
    return sorted((tree / "learners" / "__pycache__").glob(pattern))


def test_a_kernel_is_compiled_once_and_again_when_one_that_it_calls_has_changed(tree: Path) -> None:
    assert ask(tree)[1] == "20 inner.inner,outer.outer"
    assert ask(tree)[1] == "20 none"
    (tree / "learners" / "inner.py").write_text(INNER.format(added=2))
    assert ask(tree)[1] == "30 inner.inner,outer.outer"
    assert len(kernels(tree, "*.nbc")) == 2, "what is of older sources is removed"
    (tree / "learners" / "inner.py").write_text(INNER.format(added=1))
    assert ask(tree)[1] == "20 inner.inner,outer.outer"


def test_of_processes_that_start_together_one_compiles_a_kernel(tree: Path) -> None:
    together = [start(tree) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0].split() for process in together]
    assert [value for value, _ in outputs] == ["20"] * 3
    compiled = [name for _, names in outputs if names != "none" for name in names.split(",")]
    assert sorted(compiled) == ["inner.inner", "outer.outer"]


def test_processes_with_other_types_do_not_take_each_others_code(tree: Path) -> None:
    together = [start(tree, "1"), start(tree, "0.25")]
    assert [process.communicate(timeout=120)[0].split()[0] for process in together] == ["20", "12.5"]
    assert (ask(tree, "1")[1], ask(tree, "0.25")[1]) == ("20 none", "12.5 none")


@pytest.mark.parametrize("at", ["_save_index", "_open_for_write"])
def test_a_process_that_is_killed_while_it_writes_leaves_nothing_broken(tree: Path, at: str) -> None:
    assert ask(tree)[1] == "20 inner.inner,outer.outer"
    (tree / "learners" / "inner.py").write_text(INNER.format(added=2))
    killed = f"""
import os, signal, numba
numba.core.caching.IndexDataCacheFile.{at} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
    assert ask(tree, before=killed)[0] == -9
    assert ask(tree)[1] == "30 inner.inner,outer.outer"
    assert ask(tree)[1] == "30 none"


def test_a_waiting_process_goes_on_when_the_one_that_compiles_is_killed(tree: Path) -> None:
    stopped = """
import sys, time, numba
def stop(*_):
    print("compiling", flush=True)
    time.sleep(600)
numba.core.caching.IndexDataCacheFile._save_index = stop
"""
    first = start(tree, before=stopped)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "compiling\n"
        second = start(tree)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(4.0)
        first.kill()
        assert second.communicate(timeout=120)[0].strip() == "20 inner.inner,outer.outer"
    finally:
        first.kill()
        first.communicate(timeout=10)


def test_nobody_waits_for_a_process_whose_kernel_does_not_compile(tree: Path) -> None:
    failing = """
import time
from learners.outer import outer
try:
    outer("text")
except Exception as error:
    print("Typing" in repr(error), flush=True)
time.sleep(600)
"""
    first = start(tree, before=failing)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        assert start(tree).communicate(timeout=60)[0].strip() == "20 inner.inner,outer.outer"
    finally:
        first.kill()
        first.communicate(timeout=10)


@pytest.mark.parametrize("pattern", ["outer*.nbi", "outer*.nbc"])
def test_what_cannot_be_read_is_compiled_again(tree: Path, pattern: str) -> None:
    ask(tree)
    (file,) = kernels(tree, pattern)
    file.write_bytes(file.read_bytes()[:100])
    code, output, errors = ask(tree)
    assert (code, output) == (0, "20 outer.outer"), errors
    assert "cannot be read" in errors
    assert ask(tree)[1] == "20 none"


def test_code_for_another_processor_is_not_used(tree: Path) -> None:
    assert ask(tree)[1] == "20 inner.inner,outer.outer"
    assert ask(tree, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")[1] == "20 inner.inner,outer.outer"
    assert ask(tree)[1] == "20 none", "each keeps its own"


def test_kernels_hold_where_the_tree_is_copied_to(tree: Path, tmp_path: Path) -> None:
    ask(tree)
    moved = tmp_path / "elsewhere"
    shutil.copytree(tree, moved, copy_function=shutil.copyfile)  # with times of now
    shutil.rmtree(tree)
    assert ask(moved)[1] == "20 none"
