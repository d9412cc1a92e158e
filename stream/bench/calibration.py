"""What one core of this machine is worth, beside that of a stated reference machine.

Four short pieces of work with fixed data, each timed in many rounds, of which the quickest counts: whatever else runs
on the machine can only make a round slower. Times are CPU time of this thread.

| piece | kind | what it stands for |
| --- | --- | --- |
| a loop over a dict and attributes of objects | interpreter | what Python does itself |
| reads at random places of 512 MiB, each known only after the one before | memory | users and items out of the caches |
| a copy of 64 MiB | memory | messages, snapshots |
| logistic regression over rows of 24 numbers | kernel | compiled learners |

A figure of another machine times its share of the reference is what the reference machine would have needed, about:
caches, versions of Python and of libraries are not part of it.
"""

import random
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Kind = Literal["interpreter", "memory", "kernel", "mixed"]

ROUNDS = 75
KEYS, STEPS = 500, 4_000  # of the loop: all of it fits into a core's own cache
WORDS = 1 << 27  # of four bytes: 512 MiB, more than the caches of nearly all machines
READS, COPIED = 50_000, 1 << 24  # words
ROWS, COLUMNS, PASSES = 512, 24, 20


class Speed(NamedTuple):
    """What one core does in a second; more is quicker."""

    steps_m: float  # million steps of the interpreter's loop
    reads_m: float  # million reads
    copy_gb: float  # 10^9 bytes copied
    adds_m: float  # million multiplications with addition, by the compiled kernel


# Medians of runs with little else under way, on one of two virtual cores of an Intel Xeon (Emerald Rapids, 2.1 GHz;
# 2 MB of cache a core, 300 MB shared), CPython 3.11.7, numpy 2.4.6, numba 0.68.1, November 2026. Ten runs under a
# load of ten: steps within 5 % but for one, reads and copy within 8, adds within 1; reads were a sixth fewer.
REFERENCE_NAME = "a virtual core of an Intel Xeon, Emerald Rapids, 2.1 GHz, CPython 3.11, November 2026"
REFERENCE = Speed(steps_m=10.1, reads_m=6.2, copy_gb=9.0, adds_m=1_040.0)


class Calibration(NamedTuple):
    """Speed of one core as a share of the reference machine's, and the figures themselves."""

    interpreter: float
    memory: float  # geometric mean of reads and copy
    kernel: float
    steps_m: float  # as in `Speed`
    reads_m: float
    copy_gb: float
    adds_m: float

    @classmethod
    def of(cls, speed: Speed) -> "Calibration":
        """Compare with the reference.

        >>> Calibration.of(REFERENCE)[:3]
        (1.0, 1.0, 1.0)
        """
        steps, reads, copy, adds = (here / there for here, there in zip(speed, REFERENCE, strict=True))
        return cls(steps, (reads * copy) ** 0.5, adds, *speed)

    def share(self, kind: Kind) -> float:
        """Speed at work of that kind; mixed: at work that takes the reference machine as long for each of the three.

        >>> half = Calibration.of(REFERENCE)._replace(interpreter=0.5)
        >>> half.share("interpreter"), half.share("kernel"), half.share("mixed")
        (0.5, 1.0, 0.75)
        """
        if kind == "mixed":
            return 3.0 / (1.0 / self.interpreter + 1.0 / self.memory + 1.0 / self.kernel)
        return {"interpreter": self.interpreter, "memory": self.memory, "kernel": self.kernel}[kind]

    def __str__(self) -> str:
        return (
            f"this machine: interpreter {self.interpreter:.2f}, memory {self.memory:.2f}, kernel {self.kernel:.2f} of "
            f"the reference ({REFERENCE_NAME}); {self.steps_m:.1f} M steps/s, {self.reads_m:.1f} M reads/s, "
            f"{self.copy_gb:.1f} GB/s, {self.adds_m:,.0f} M adds/s"
        )


AT_PAR = Calibration.of(REFERENCE)  # figures stay as they are


def calibrate(rounds: int = ROUNDS) -> Calibration:
    """Measure this machine: a second or two, and 512 MiB of memory meanwhile."""
    pieces = [_loop(), *_memory(), _regression()]
    for piece, _ in pieces:
        piece()  # compiles, and fills caches
    best = [float("inf")] * len(pieces)
    for _ in range(rounds):  # in turns: a slow moment of the machine meets all of them
        for n, (piece, _) in enumerate(pieces):
            began = time.thread_time()
            piece()
            best[n] = min(best[n], time.thread_time() - began)
    return Calibration.of(Speed(*(amount / took for (_, amount), took in zip(pieces, best, strict=True))))


Piece = tuple[Callable[[], object], float]  # the work, and how much of its unit a round does


class _Visits:
    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = self.last = 0


def _loop() -> Piece:
    rng = random.Random("headwater/bench/calibration")
    visits = {f"item-{n}": _Visits() for n in range(KEYS)}
    keys = [f"item-{rng.randrange(KEYS)}" for _ in range(STEPS)]  # equal to the dict's, but other objects

    def work() -> int:
        total = 0
        for key in keys:
            found = visits.get(key)
            if found is not None:
                found.count += 1
                found.last = total
                total += found.count & 7
        return total

    return work, STEPS / 1e6


def _memory() -> tuple[Piece, Piece]:
    words = np.ones(WORDS, np.int32)
    source, target = words[:COPIED], words[-COPIED:]
    return (lambda: _read(words, READS), READS / 1e6), (lambda: np.copyto(target, source), 4 * COPIED / 1e9)


@njit(cache=True)
def _read(words: NDArray[np.int32], count: int) -> int:
    """Follow a linear congruential sequence through the array: what was read is part of the next place."""
    place, last = np.int64(1), len(words) - 1
    for _ in range(count):
        place = (place * 1_664_525 + 1_013_904_222 + words[place]) & last
    return int(place)


def _regression() -> Piece:
    rng = np.random.default_rng(1)
    rows, weights = rng.standard_normal((ROWS, COLUMNS)), np.zeros(COLUMNS)
    return (lambda: _learn(rows, weights, PASSES)), 2 * PASSES * ROWS * COLUMNS / 1e6


@njit(cache=True)
def _learn(rows: NDArray[np.float64], weights: NDArray[np.float64], passes: int) -> None:
    """Gradient descent, row by row; every second row is positive."""
    for n in range(passes * len(rows)):
        row, z = rows[n % len(rows)], 0.0
        for j in range(len(weights)):
            z += weights[j] * row[j]
        step = 0.05 * (n % 2 - 1.0 / (1.0 + np.exp(-z)))
        for j in range(len(weights)):
            weights[j] += step * row[j]
