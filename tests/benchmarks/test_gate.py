"""The gate against slower code, on a copy of the code that is slower in one place."""

import shutil
import subprocess
import sys
from pathlib import Path

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
