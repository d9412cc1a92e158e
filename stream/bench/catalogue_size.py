"""The cost of more items and users: the same work in worlds of different size, each in a process of its own."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stream.bench.scenarios import chosen, measure
from stream.bench.site import Site
from stream.bench.workloads import World
from stream.config import Config

SCENARIOS = ("fold/records", "engine/slate", "engine/backlog")
SMALL, LARGE = 10_000, 1_000_000
EVENTS = 10_000  # of sessions, learned before
UNITS, PORTIONS = 1_000, 9
PAGE_BYTES = 4096


class Grown(NamedTuple):
    """One scenario in one world."""

    scenario: str
    items: int
    known_users: int
    us: float  # per unit, median
    times: float  # of the time in the small world
    resident_mb: float  # of the process: model, users, libraries
    bytes_each: float  # resident bytes per item or user beyond the small world


def measure_growth(config: Config, large: int = LARGE) -> Iterator[Grown]:
    """Measure with few items and users, with many items, with many users, yielding rows as they come."""
    small: dict[str, Grown] = {}
    for items, known in ((SMALL, SMALL), (large, SMALL), (SMALL, large)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            resident, times = pool.apply(_measure, (config, items, known))
        more = items + known - 2 * SMALL
        for scenario, us in times.items():
            base = small.get(scenario)
            row = Grown(
                scenario, items, known, us, 1.0 if base is None else us / base.us, resident / 1e6,
                0.0 if base is None else (resident - base.resident_mb * 1e6) / more,
            )  # fmt: skip
            small.setdefault(scenario, row)
            yield row


def _measure(config: Config, items: int, known: int) -> tuple[int, dict[str, float]]:
    site = Site(config, World(max(known, SMALL), items), EVENTS, known)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    found = [measure(each, site, units=UNITS, portions=PORTIONS)[0] for each in chosen(config, SCENARIOS)]
    return resident, {each.scenario: each.us for each in found}
