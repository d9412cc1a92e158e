"""The gate against slower code, on a copy of the code that is slower in one place."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_what_became_slower_is_named_and_nothing_else(tmp_path: Path) -> None:
    for package in ("bandits", "learners", "stream", "benchmarks"):
        shutil.copytree(ROOT / package, tmp_path / package)
    changed = tmp_path / "stream" / "records" / "codec.py"
    before, start, rest = changed.read_text("utf-8").partition("def decode_event(")
    signature, docstring, body = rest.partition('"""')
    changed.write_text(before + start + signature + 'sum(range(1000))\n    """' + body, "utf-8")
    assert start
    assert docstring
    done = subprocess.run(
        [sys.executable, str(tmp_path / "benchmarks" / "gate.py"), str(ROOT), "decode/events", "policy/draw"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    told = {line.split()[0]: line for line in done.stdout.splitlines() if "/" in line.split(" ")[0]}
    assert done.returncode == 1, done.stdout + done.stderr
    assert "TOO SLOW" in told["decode/events"]
    assert "TOO SLOW" not in told["policy/draw"]
    assert "than the tolerance: decode/events. See" in done.stderr


@pytest.fixture
def gate() -> Any:
    spec = importlib.util.spec_from_file_location("gate", ROOT / "benchmarks" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def side(*answers: str) -> Iterator[subprocess.Popen[str]]:
    """A side that gives these answers, again and again."""
    code = f"import sys, itertools\nfor _, x in zip(sys.stdin, itertools.cycle({answers!r})): print(x, flush=True)"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_scenario_that_the_base_does_not_know_is_new(gate: Any) -> None:
    with side("null") as base, side("0.002") as head:
        assert gate.judge(base, head, "engine/settle") is None


def test_the_median_ratio_counts_and_times_are_said(gate: Any) -> None:
    """Two portions of three are disturbed on either side, so the median of the times alone would say nothing."""
    with side("0.002", "0.004", "0.008") as base, side("0.003", "0.006", "0.012") as head:
        found = gate.judge(base, head, "engine/settle")
    assert found == (pytest.approx(1.5), pytest.approx(4_000.0), pytest.approx(6_000.0))


def test_what_seems_slow_is_measured_again(gate: Any) -> None:
    slow = [*["0.004"] * gate.PORTIONS, *["0.002"] * gate.PORTIONS]
    with side("0.002") as base, side(*slow) as head:
        assert gate.judge(base, head, "engine/settle").ratio == pytest.approx(1.0)
    with side("0.002") as base, side("0.004") as head:
        assert gate.judge(base, head, "engine/settle").ratio == pytest.approx(2.0)
