"""What one event costs, part by part, without Kafka: scenarios with permanent names, all in this process.

Every scenario works off portions of the same endless, seeded workload. The first portion warms up, the others are timed
one by one; the results are medians. All scenarios of a run share one site, and each goes on where the last one ended:
state is warm, and the same every time in the order of the table.
"""

import cProfile
import gc
import io
import pstats
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from statistics import median
from typing import NamedTuple

import numpy as np

from stream.bench import online, stages
from stream.bench.calibration import AT_PAR, Calibration, Kind
from stream.bench.site import Site
from stream.bench.stages import Work
from stream.config import Config
from stream.errors import UsageError
from stream.model.fold import Model
from stream.state.user_block import SEEN_ITEMS


class Measured(NamedTuple):
    """One scenario: microseconds per unit."""

    scenario: str
    unit: str
    us: float  # wall-clock time
    spread: float  # half the distance of its quartiles, as a share of the median
    cpu_us: float  # CPU time of this thread
    reference_us: float  # CPU time that the reference machine would need, about
    rate: float  # units per second at the median
    portions: int


class Scenario(NamedTuple):
    """Something to be measured."""

    name: str
    unit: str
    about: str
    kind: Kind  # which figure of the calibration fits it
    portions: Callable[[Site, int], Generator[Work]]  # of so many units each


def scenarios(config: Config) -> list[Scenario]:
    """List all scenarios, in the order of an event's journey, then whole ways; sources as configured.

    New ones come last: each goes on where the one before ended, so one in between would change the others' state.
    """
    names = [source.name for source in Model(config).sources]
    slates = partial(online.make_slates, online.recent)
    return [
        Scenario("decode/events", "event", "JSON to a checked event", "interpreter", stages.decode_events),
        Scenario("engine/take", "event", "duplicates, settlement, history, the ranker's rows", "mixed",
                 stages.take_events),
        Scenario("engine/slate", "slate", "candidates, features, ranking, draw", "mixed", slates),
        *(
            Scenario(f"query/{name}", "query", "its best, and 100 scores", "mixed", partial(stages.query_source, name))
            for name in names
        ),
        Scenario("ranking/score", "slate", "mixer and heads over all candidates", "kernel", stages.score_candidates),
        Scenario("policy/draw", "slate", "the policy's draw of a whole slate", "mixed", stages.draw_slates),
        Scenario("publish/slates", "slate", "a decision to JSON", "interpreter", stages.publish_slates),
        Scenario("log/encode", "record", "records to a message of the log", "interpreter", stages.encode_log),
        Scenario("log/decode", "record", "the same back, as a replica reads it", "interpreter", stages.decode_log),
        Scenario("fold/records", "record", "decode and learn: restart, replicas", "mixed", stages.fold_log),
        *(
            Scenario(f"learn/{name}", "event", "one source alone", "kernel", partial(stages.learn_source, name))
            for name in names
        ),
        Scenario("engine/backlog", "event", "3,000 events, a slate per user", "mixed",
                 partial(online.whole_loop, 3_000)),
        Scenario("engine/each", "event", "one event, one slate, each in turn", "mixed", partial(online.whole_loop, 1)),
        Scenario("engine/settle", "event", "one event each in turn, which settles a slate; no new one", "mixed",
                 online.settle_events),
        Scenario("engine/slate-long", "slate", f"engine/slate for users with {SEEN_ITEMS} items", "mixed",
                 partial(online.make_slates, online.long)),
        Scenario("engine/each-new", "event", "engine/each, one event in three on a new item", "mixed",
                 partial(online.whole_loop, 1, arrive=online.on_new_items)),
    ]  # fmt: skip


def chosen(config: Config, patterns: Sequence[str]) -> list[Scenario]:
    """List the scenarios whose names match any of the patterns, which are as a shell's.

    Raises
    ------
    UsageError
        if a pattern matches none
    """
    known = scenarios(config)
    for pattern in patterns:
        if not any(fnmatchcase(each.name, pattern) for each in known):
            raise UsageError(
                f"bench: --scenario must match one of {', '.join(each.name for each in known)}; got {pattern!r}"
            )
    return [each for each in known if any(fnmatchcase(each.name, pattern) for pattern in patterns)]


def measure(
    scenario: Scenario, site: Site, *, units: int, portions: int, machine: Calibration = AT_PAR, profile: bool = False
) -> tuple[Measured, str]:
    """Time portions of so many units; with `profile` also where the time goes, as text (the times are of that run)."""
    seconds, cpu, profiler = list[float](), list[float](), cProfile.Profile()
    with closing(scenario.portions(site, units)) as works:
        next(works)()  # compiles, and fills caches
        gc.collect()
        gc.freeze()  # as a worker does once it has its state
        for work in islice(works, portions):
            if profile:
                profiler.enable()
            began, began_cpu = time.perf_counter(), time.thread_time()
            done = work()
            took, took_cpu = time.perf_counter() - began, time.thread_time() - began_cpu
            profiler.disable()
            seconds.append(took / done)
            cpu.append(took_cpu / done)
        gc.unfreeze()
    low, middle, high = np.percentile(np.array(seconds) * 1e6, (25, 50, 75)).tolist()
    cpu_us = 1e6 * median(cpu)
    found = Measured(
        scenario.name, scenario.unit, middle, (high - low) / 2 / middle, cpu_us,
        cpu_us * machine.share(scenario.kind), 1e6 / middle, portions,
    )  # fmt: skip
    return found, _profile_of(profiler) if profile else ""


def _profile_of(profiler: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(30)
    return text.getvalue()
