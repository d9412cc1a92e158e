"""Has the engine become slower? `python benchmarks/gate.py [BASE [SCENARIO ...]]`: base against head.

Both run scenarios of `headwater bench` in processes of their own, one portion each in turn, so that other load on the
machine slows both alike. The figure is the median ratio of neighbouring portions; there are no absolute times. A
scenario that is too slow is measured once more before it counts.

BASE is a commit or a folder with a tree of headwater; by default where this branch left `origin/main`, or the commit
before. Exit code 1 if a scenario is slower than its tolerance allows, 0 if none is, or if there is nothing to compare.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

HEAD = Path(__file__).resolve().parent.parent
PACKAGES = ("bandits", "learners", "stream")
# Ratios allowed. Portions of a millisecond scatter: equal code was seen at .7 and at 1.26.
TOLERANCE = {
    "decode/events": 1.5, "engine/take": 1.3, "engine/slate": 1.2, "ranking/score": 1.3, "policy/draw": 1.4,
    "log/encode": 1.5, "log/decode": 1.5, "fold/records": 1.3, "engine/backlog": 1.2,
}  # fmt: skip
USERS, ITEMS, EVENTS, UNITS, PORTIONS = 2_000, 1_000, 2_000, 200, 15


def serve() -> None:
    """Run one side: for each line, do a portion of the scenario it names, and print the seconds per unit."""
    rooms = Path("stream/bench/scenarios.py").exists()  # a base from before the rooms has the files at the top
    bench = importlib.import_module("stream.bench.scenarios" if rooms else "stream.scenarios")
    workloads = importlib.import_module("stream.bench.workloads" if rooms else "stream.workloads")
    config = importlib.import_module("stream.config").Config()
    site = bench.Site(config, workloads.World(USERS, ITEMS), EVENTS)
    known = {scenario.name: scenario for scenario in bench.scenarios(config)}
    name, works = "", None
    for line in sys.stdin:
        asked = line.strip()
        if asked not in known:
            print("null", flush=True)
            continue
        if asked != name:
            if works is not None:
                works.close()
            name, works = asked, known[asked].portions(site, UNITS)
            next(works)()  # compiles, and fills caches
        work = next(works)
        began = time.perf_counter()
        done = work()
        print((time.perf_counter() - began) / done, flush=True)


@contextmanager
def side(tree: Path) -> Iterator[subprocess.Popen[str]]:
    """Start one side, which prepares in parallel with the other."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve"]
    child = subprocess.Popen(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def ask(child: subprocess.Popen[str], scenario: str) -> Any:
    """Let a side do one portion."""
    child.stdin.write(f"{scenario}\n")
    child.stdin.flush()
    answer = child.stdout.readline()
    if not answer:
        raise SystemExit(f"gate: a side must answer {scenario!r}; it ended: see above")
    return json.loads(answer)


def compare(base: subprocess.Popen[str], head: subprocess.Popen[str], scenario: str) -> float | None:
    """Median of head's time over base's; None if the base does not know the scenario."""
    ratios = []
    for n in range(PORTIONS):
        first, second = (base, head) if n % 2 else (head, base)  # none is always the one that comes after a pause
        times = {first: ask(first, scenario), second: ask(second, scenario)}
        if times[base] is None or times[head] is None:
            return None
        ratios.append(times[head] / times[base])
    return median(ratios)


def laid_out(commit: str, folder: Path) -> Path:
    """Write the tree of a commit, with the kernels that head has compiled if they are the same."""
    archive = subprocess.run(["git", "archive", commit, *PACKAGES], cwd=HEAD, capture_output=True, check=False)
    if archive.returncode != 0:
        raise SystemExit(f"gate: BASE must be a commit or a folder with {', '.join(PACKAGES)}; got {commit!r}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    sources = {path.relative_to(folder): path for path in folder.rglob("*.py")}
    same = {name for name, path in sources.items() if _text(HEAD / name) == path.read_bytes()}
    if all(
        b"njit" not in _text(HEAD / name) and b"njit" not in sources[name].read_bytes() for name in {*sources} - same
    ):
        for name in same:  # numba knows a file by its time and size
            stat = (HEAD / name).stat()
            os.utime(sources[name], ns=(stat.st_atime_ns, stat.st_mtime_ns))
        for cache in (path for package in PACKAGES for path in (HEAD / package).rglob("__pycache__")):
            shutil.copytree(cache, folder / cache.relative_to(HEAD), dirs_exist_ok=True)
    return folder


def _text(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def base_commit() -> str | None:
    """Where this branch left `origin/main`; the commit before if it did not; None if there is none."""
    head = _git("rev-parse", "HEAD")
    base = _git("merge-base", "HEAD", "origin/main")
    return base if base is not None and base != head else _git("rev-parse", "--verify", "HEAD^")


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=HEAD, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def main(base: str | None = None, *chosen: str) -> int:
    """Compare, print, judge."""
    if unknown := set(chosen) - set(TOLERANCE):
        raise SystemExit(f"gate: SCENARIO must be one of {', '.join(TOLERANCE)}; got {', '.join(sorted(unknown))}")
    base = base or base_commit()
    if base is None:
        print("gate: no commit to compare with")
        return 0
    slow = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tree = Path(base).resolve() if Path(base).is_dir() else laid_out(base, folder)
        sides = [stack.enter_context(side(each)) for each in (tree, HEAD)]
        print(f"head's time as a share of that of {base}\n")
        for scenario in chosen or TOLERANCE:
            tolerance = TOLERANCE[scenario]
            ratio = compare(*sides, scenario)
            if ratio is not None and ratio > tolerance:
                ratio = min(ratio, compare(*sides, scenario) or ratio)
            verdict = "new" if ratio is None else f"{ratio:5.2f}" + ("  TOO SLOW" if ratio > tolerance else "")
            print(f"{scenario:16} {verdict}  (at most {tolerance})", flush=True)
            slow += [scenario] if ratio is not None and ratio > tolerance else []
    if slow:
        print(f"\ngate: must not be slower than {base} by more than the tolerance: {', '.join(slow)}. "
              "See where the time goes: headwater bench --scenario NAME --profile", file=sys.stderr)  # fmt: skip
    return 1 if slow else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        sys.exit(main(*sys.argv[1:]))
