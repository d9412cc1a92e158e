"""Which kernels are compiled, for which sources, processor and settings: a start that finds all of them runs nothing.

The record is a file beside the kernels, and can travel with them: it names them by the folders of their source files,
and holds for one version of the sources and one kind of processor only.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import msgspec
import numba
from numba.core.registry import cpu_target

from bandits import registry as policies
from learners import registry as learners
from stream.config import Config
from stream.kernels.place import FOLDER, RECORD, kept_in
from stream.kernels.sources import PACKAGES, ROOT, stamp

SOURCES = stamp(ROOT / "stream" / "compiling" / "warm_up.py")  # of all that it runs
CHECK_S = 0.2
KEPT = 32  # newest entries: of other settings, processors, versions
SECTIONS = ("slate", "rewards", "policy", "ranking", "sources", "drift")
NUMBERS = (  # that ask for other kernels when they are zero
    "policy.discount", "ranking.click_weight", "ranking.purchase_weight", "ranking.next_weight", "ranking.units",
    "ranking.asked_share",
)  # fmt: skip
TURN = "experiments.lock"  # held by the process of this machine that compiles for experiments


def model_settings(config: Config) -> Config:
    """What decides on kernels, and nothing that is secret: all but the cluster and the servers."""
    return Config(**{name: getattr(config, name) for name in (*SECTIONS, "placements")})


def key(config: Config, *, whole: bool) -> str:
    """A digest of all that compiled kernels depend on.

    Words and switches count, and whether some `NUMBERS` are positive; all other numbers are passed to the same kernels.

    Parameters
    ----------
    whole : with the kernels of any experiment, or else those that the configuration itself needs
    """
    processor = cpu_target.target_context.codegen().magic_tuple()  # by which numba itself knows its kernels
    versions = sys.version, numba.__version__, version("llvmlite")
    parts = processor, versions, whole, sorted(_kinds(config).items()), _installed()
    return sha256(SOURCES + repr(parts).encode()).hexdigest()


def complete(wanted: str) -> bool:
    """Whether all kernels that were compiled under this key are there."""
    names = _read().get(wanted, [])
    return bool(names) and all((_kept(folder) / name).is_file() for folder, name in names)


def write(wanted: str, used: Iterable[Path]) -> None:
    """Note that these files hold all kernels under the key; others' kernels, outside of headwater, are not watched."""
    folders = {_kept(folder): folder for folder in _folders()}
    names = sorted((folders[path.parent], path.name) for path in used if path.parent in folders)
    entries = [*((each, found) for each, found in _read().items() if each != wanted), (wanted, names)][-KEPT:]
    path = _path()
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # the next start looks again
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(dict(entries)))
        part.replace(path)


@contextlib.contextmanager
def turn(hurry: Callable[[], bool]) -> Iterator[None]:
    """Wait until no other process of this machine compiles for experiments, or until there is a `hurry`.

    The other may have done all of it then.
    """
    path = _path().with_name(TURN)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        while not hurry():
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # it is taken
                time.sleep(CHECK_S)
            else:
                break
        yield


def _kinds(config: Config) -> dict[str, Any]:
    """What `model_settings` says of kernels, by section and name; the seed of the draws says nothing."""
    sections = {name: msgspec.structs.asdict(getattr(config, name)) for name in SECTIONS}
    found = {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}
    numbers = {name: found[name] > 0 for name in NUMBERS}
    words = {name: value for name, value in found.items() if not isinstance(value, float) and type(value) is not int}
    found = {name: value for name, value in (words | numbers).items() if name != "policy.seed"}
    for name in config.placements:
        own = config.at(name)
        weighs = own.ranking.click_weight > 0, own.ranking.purchase_weight > 0
        found[f"placements.{name}"] = own.policy.name, own.slate.rules, weighs
    return found


def _installed() -> list[tuple[str, str, str]]:
    """Sources and policies of others, with their versions."""
    points = [point for group in (learners.GROUP, policies.GROUP) for point in entry_points(group=group)]
    return sorted((point.group, point.value, point.dist.version if point.dist else "") for point in points)


def _path() -> Path:
    return _kept("stream/kernels") / RECORD


def _read() -> dict[str, list[tuple[str, str]]]:
    try:
        found = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _folders() -> list[str]:
    paths = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def _kept(folder: str) -> Path:
    return kept_in(ROOT / folder, os.environ.get(FOLDER))
