"""References are counted, though not by atomic instructions, and nothing runs beside the counting."""

import re
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.core.runtime import nrtdynmod
from numpy.typing import NDArray

from stream.kernels import references  # noqa: F401  it is in place once `stream` is imported
from stream.kernels.sources import PACKAGES, ROOT

MEGABYTE = 2**20


@njit
def _written(n: int, kept: list[NDArray[np.uint8]]) -> int:
    """Make so many arrays of a megabyte; each is freed but the last, which has two owners."""
    total = 0
    for i in range(n):
        room = np.empty(MEGABYTE, np.uint8)
        part = room[1:]
        part[:: MEGABYTE // 256] = i
        total += int(part[0] == i % 256)
    kept.append(part)
    return total


def test_numba_counts_as_it_is_told_to() -> None:
    assert nrtdynmod._define_atomic_inc_dec.__module__ == "stream.kernels.references"
    runtime: Any = nrtdynmod
    lines = str(runtime.create_nrt_module(sys.modules["numba.core.registry"].cpu_target.target_context)[0])
    assert "atomicrmw" not in lines
    assert "nrt_atomic_add" in lines


def test_arrays_are_freed_when_nobody_holds_them_and_not_before() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = [np.zeros(1, np.uint8)]
    rooms = sys.modules["numba.typed"].List(kept)
    written: Any = _written
    assert written(2_000, rooms) == 2_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024, "KB, of 2 GB"
    last = rooms[1]
    del rooms
    assert set(last[:: MEGABYTE // 256].tolist()) == {1_999 % 256}


def test_no_kernel_gives_up_pythons_lock() -> None:
    given = re.compile(r"nogil|parallel=|prange|objmode|@cfunc")
    found = [
        path for package in PACKAGES for path in Path(ROOT, package).rglob("*.py")
        if path.name != "references.py" and given.search(path.read_text())
    ]  # fmt: skip
    assert found == []
