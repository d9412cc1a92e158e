"""The cost of more items and users: the same work in worlds of different size, each in a process of its own."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stream.bench.calibration import Calibration
from stream.bench.scenarios import Measured, chosen, measure
from stream.bench.site import Site
from stream.bench.workloads import World
from stream.config import Config

SCENARIOS = ("fold/records", "engine/slate", "engine/backlog", "engine/each")
SMALL, LARGE = 10_000, 1_000_000
EVENTS = 10_000  # of sessions, learned before
UNITS, PORTIONS = 1_000, 9
PAGE_BYTES = 4096


class Grown(NamedTuple):
    """One scenario in one world."""

    scenario: str
    items: int
    known_users: int
    cpu_us: float  # per unit, of the thread
    reference_us: float  # CPU time that the reference machine would need, about
    times: float  # of the CPU time in the small world
    resident_mb: float  # of the process: model, users, libraries
    bytes_each: float  # resident bytes per item or user beyond the small world


def measure_growth(config: Config, machine: Calibration, large: int = LARGE) -> Iterator[Grown]:
    """Measure with few items and users, with many items, with many users, yielding rows as they come."""
    small: dict[str, Grown] = {}
    for items, known in ((SMALL, SMALL), (large, SMALL), (SMALL, large)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            resident, measured = pool.apply(_measure, (config, items, known, machine))
        more = items + known - 2 * SMALL
        for each in measured:
            base = small.get(each.scenario)
            row = Grown(
                each.scenario, items, known, each.cpu_us, each.reference_us,
                1.0 if base is None else each.cpu_us / base.cpu_us, resident / 1e6,
                0.0 if base is None else (resident - base.resident_mb * 1e6) / more,
            )  # fmt: skip
            small.setdefault(each.scenario, row)
            yield row


def _measure(config: Config, items: int, known: int, machine: Calibration) -> tuple[int, list[Measured]]:
    site = Site(config, World(max(known, SMALL), items), EVENTS, known)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    scenarios = chosen(config, SCENARIOS)
    return resident, [measure(each, site, units=UNITS, portions=PORTIONS, machine=machine)[0] for each in scenarios]
