"""Has the engine become slower? `python benchmarks/gate.py [BASE [SCENARIO ...]]`: base against head.

Both run scenarios of `headwater bench` in processes of their own, one portion each in turn, so that other load on the
machine slows both alike. All run in one thread: what counts is its CPU time, and the figure is the median ratio of
neighbouring portions. The microseconds beside it are medians of this machine. A scenario that is too slow is measured
up to twice more before it counts; one that the base does not know is new.

BASE is a commit or a folder with a tree of headwater; by default where this branch left `origin/main`, or the commit
before. The world is small, so that a comparison takes minutes; for figures to quote, `--large` takes that of
`headwater bench`, `--file FILE` a log of yours. Exit code 1 if a scenario is slower than its tolerance allows, 0 if
none is, or if there is nothing to compare.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

HEAD = Path(__file__).resolve().parent.parent
PACKAGES = ("bandits", "learners", "stream")
# Ratios allowed. Under a load of ten single portions of equal code differed by up to eight times, medians of fifteen by
# 1.19 (engine/take), 1.15 (log/decode), 1.13 (log/encode), 1.10 or less (the others).
TOLERANCE = {
    "decode/events": 1.5, "engine/take": 1.3, "engine/slate": 1.2, "ranking/score": 1.3, "policy/draw": 1.4,
    "log/encode": 1.5, "log/decode": 1.5, "fold/records": 1.3, "engine/backlog": 1.2, "engine/each": 1.2,
    "engine/settle": 1.2, "engine/slate-long": 1.2, "engine/each-new": 1.2,
}  # fmt: skip
ATTEMPTS = 3
PORTIONS = 15


class Sizes(NamedTuple):
    """What is measured on, and how much at once."""

    users: int = 2_000
    items: int = 1_000
    events: int = 2_000  # learned before
    units: int = 200  # of a portion
    file: str = ""  # in place of generated users and items


SMALL = Sizes()
LARGE = Sizes(users=100_000, items=10_000, events=10_000, units=500)


def serve(sizes: Sizes) -> None:
    """Run one side: for each line, do a portion of the scenario it names, and print the CPU seconds per unit."""
    rooms = Path("stream/bench/scenarios.py").exists()  # a base from before the rooms has the files at the top
    bench = importlib.import_module("stream.bench.scenarios" if rooms else "stream.scenarios")
    workloads = importlib.import_module("stream.bench.workloads" if rooms else "stream.workloads")
    config = importlib.import_module("stream.config").Config()
    world = workloads.World(sizes.users, sizes.items)
    if sizes.file:
        read = importlib.import_module("stream.datasets.readers").read
        world = importlib.import_module("stream.bench.recorded").Recorded(read(sizes.file))
    site = bench.Site(config, world, sizes.events)
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
            name, works = asked, known[asked].portions(site, sizes.units)
            next(works)()  # compiles, and fills caches
        work = next(works)
        began = time.thread_time()
        done = work()
        print((time.thread_time() - began) / done, flush=True)


@contextmanager
def side(tree: Path, sizes: Sizes) -> Iterator[subprocess.Popen[str]]:
    """Start one side, which prepares in parallel with the other."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", json.dumps(sizes)]
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


class Compared(NamedTuple):
    """Head against base in one scenario."""

    ratio: float  # median of head's time over base's
    base_us: float
    head_us: float


def compare(base: subprocess.Popen[str], head: subprocess.Popen[str], scenario: str) -> Compared | None:
    """Measure both in turns; None if the base does not know the scenario."""
    times: dict[Any, list[float]] = {base: [], head: []}
    for n in range(PORTIONS):
        for each in (base, head) if n % 2 else (head, base):  # none is always the one that comes after a pause
            answer = ask(each, scenario)
            if answer is None:
                return None
            times[each].append(answer)
    ratios = [late / early for early, late in zip(times[base], times[head], strict=True)]
    return Compared(median(ratios), 1e6 * median(times[base]), 1e6 * median(times[head]))


def judge(base: subprocess.Popen[str], head: subprocess.Popen[str], scenario: str) -> Compared | None:
    """Compare, and again where head seems too slow: the lowest ratio counts."""
    best: Compared | None = None
    for _ in range(ATTEMPTS):
        found = compare(base, head, scenario)
        if found is None:
            return None
        best = found if best is None else min(best, found)
        if best.ratio <= TOLERANCE[scenario]:
            break
    return best


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


def main(base: str | None, chosen: Sequence[str], sizes: Sizes) -> int:
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
        sides = [stack.enter_context(side(each, sizes)) for each in (tree, HEAD)]
        print(f"head's CPU time as a share of that of {base}\n")
        for scenario in chosen or TOLERANCE:
            found, tolerance = judge(*sides, scenario), TOLERANCE[scenario]
            if found is None:
                print(f"{scenario:17}   new", flush=True)
                continue
            late = found.ratio > tolerance
            print(
                f"{scenario:17} {found.ratio:5.2f}{'  TOO SLOW' if late else ''}  (at most {tolerance}; "
                f"{found.base_us:,.1f} µs -> {found.head_us:,.1f} µs)", flush=True,
            )  # fmt: skip
            slow += [scenario] if late else []
    if slow:
        print(f"\ngate: must not be slower than {base} by more than the tolerance: {', '.join(slow)}. "
              "See where the time goes: headwater bench --scenario NAME --profile", file=sys.stderr)  # fmt: skip
    return 1 if slow else 0


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", metavar="BASE")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--large", action="store_true", help=f"a world of {LARGE.users:,} users, {LARGE.items:,} items")
    parser.add_argument("--file", default="", help="a log that `headwater evaluate` reads, as the world")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = asked()
    if given.serve:
        serve(Sizes(*json.loads(given.serve)))
    else:
        file = str(Path(given.file).resolve()) if given.file else ""
        world = (LARGE if given.large or file else SMALL)._replace(file=file)
        sys.exit(main(given.base, given.scenarios, world))
