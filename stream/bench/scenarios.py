"""What one event costs, part by part, without Kafka: scenarios with permanent names, all in this process.

Every scenario works off portions of the same endless, seeded workload; the first ones warm up, the others are timed one
by one, and the median is told with its spread. All scenarios of a run share one world and go on where the last one
ended: state is warm, and in the order of the table the same every time.
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
from itertools import count, islice, repeat
from typing import Any, NamedTuple

import numpy as np

from learners import Interactions, Source, learn_all
from stream.bench.workloads import World, catalogue, sessions
from stream.config import Config
from stream.decisions.arrivals import UserEvent
from stream.decisions.engine import Engine
from stream.decisions.local import LocalWorker
from stream.decisions.publish import recommendations
from stream.decisions.uniforms import uniforms
from stream.errors import UsageError
from stream.model.fold import Model
from stream.model.interactions import interactions
from stream.ranking.candidates import Candidates
from stream.records.codec import decode_event, encode
from stream.records.log import (
    Batch,
    ItemChange,
    LoggedEvent,
    Message,
    Record,
    Step,
    decode_message,
    encode_message,
    logged_event,
)
from stream.records.schemas import Event
from stream.state.users import User

PER_MESSAGE = 200  # records, as the worker cuts them
PROPOSED = 100
START = 1_700_000_000.0
Work = Callable[[], int]  # what is timed: does one portion, and says of how many units


class Measured(NamedTuple):
    """One scenario: microseconds of wall-clock time per unit."""

    scenario: str
    unit: str
    us: float  # median of the portions
    spread: float  # half the distance of the quartiles, as a share of the median
    rate: float  # units per second at the median
    portions: int


class Scenario(NamedTuple):
    """Something to be measured."""

    name: str
    unit: str
    about: str
    portions: Callable[["Site", int], Generator[Work]]  # of so many units; what is done between two is not timed


class Site(LocalWorker):
    """A worker that has been warmed up: what the scenarios work on."""

    def __init__(self, config: Config, world: World, warm_up: int, known: int = 0) -> None:
        super().__init__(Engine(config, Model(config)))
        self.config, self.world = config, world
        self.workload = sessions(world, START)
        items = (ItemChange(item.item_id, item) for item in catalogue(world))
        while part := list(islice(items, PER_MESSAGE)):
            self.fold(self.shard.message([*part], {}, last=True))
        for first in range(0, known, PER_MESSAGE):  # so many users have been here once
            made = [self._visit(n) for n in range(first, min(known, first + PER_MESSAGE))]
            for message in self.engine.batches(self.shard, [(made, {})], START):
                self.fold(message)
        self.shard.deferred.clear()
        while self.events < warm_up:
            for message in self.backlog(3_000):
                self.fold(message)

    def _visit(self, n: int) -> UserEvent:
        item = f"i{n % self.world.items}"
        return UserEvent(f"u{n}", LoggedEvent(0, 0, f"visit-{n}", item, 0, START, None, None))

    def arrivals(self, n: int) -> list[UserEvent]:
        """The next `n` events."""
        return [self.arrival(kind, event) for kind, event in islice(self.workload, n)]

    def messages(self, arrivals: Sequence[UserEvent]) -> list[Batch]:
        """What the worker makes of events that have come at once."""
        cuts = range(0, len(arrivals), PER_MESSAGE)
        return self.engine.batches(
            self.shard, [([*arrivals[cut : cut + PER_MESSAGE]], {"events.view": self.events}) for cut in cuts]
        )

    def backlog(self, n: int) -> list[Batch]:
        """The same of the next `n` events."""
        return self.messages(self.arrivals(n))

    def replicate(self, data: Sequence[bytes]) -> int:
        """Read log messages and fold them, as a replica does; returns the records."""
        messages = [decode_message(each, self.model.offset + n, sealed=True) for n, each in enumerate(data)]
        for message in messages:
            self.fold(message)
        return _records(messages)


def scenarios(config: Config) -> list[Scenario]:
    """All of them, in the order of an event's journey; those of the sources as configured."""
    names = [source.name for source in Model(config).sources]
    return [
        Scenario("decode/events", "event", "JSON to a checked event", _decode),
        Scenario("engine/take", "event", "duplicates, settlement, history, the ranker's rows", _take),
        Scenario("engine/slate", "slate", "candidates, features, ranking, draw", _slate),
        *(Scenario(f"query/{name}", "query", "its best, and 100 scores", partial(_query, name)) for name in names),
        Scenario("ranking/score", "slate", "mixer and offered_ranks over all candidates", _score),
        Scenario("policy/draw", "slate", "the policy's draw of a whole slate", _draw),
        Scenario("publish/slates", "slate", "a decision to JSON", _publish),
        Scenario("log/encode", "record", "records to a message of the log", _encode),
        Scenario("log/decode", "record", "the same back, as a replica reads it", _decode_log),
        Scenario("fold/records", "record", "decode and learn: restart, replicas", _replicate),
        *(Scenario(f"learn/{name}", "event", "one source alone", partial(_learn, name)) for name in names),
        Scenario("engine/backlog", "event", "take 3,000, a slate per user, encode, fold", partial(_loop, 3_000)),
        Scenario("engine/each", "event", "take, slate, encode, fold, one by one", partial(_loop, 1)),
    ]  # fmt: skip


def chosen(config: Config, patterns: Sequence[str]) -> list[Scenario]:
    """The scenarios whose names match any of the patterns, as a shell's.

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
    scenario: Scenario, site: Site, *, units: int, portions: int, profile: bool = False
) -> tuple[Measured, str]:
    """Time portions of so many units; with `profile` also where the time goes, as text (the times are of that run)."""
    seconds, profiler = list[float](), cProfile.Profile()
    with closing(scenario.portions(site, units)) as works:
        next(works)()  # compiles, and fills caches
        gc.collect()
        gc.freeze()  # as a worker does once it has its state
        for work in islice(works, portions):
            if profile:
                profiler.enable()
            began = time.perf_counter()
            done = work()
            took = time.perf_counter() - began
            profiler.disable()
            seconds.append(took / done)
        gc.unfreeze()
    low, median, high = np.percentile(np.array(seconds) * 1e6, (25, 50, 75)).tolist()
    found = Measured(scenario.name, scenario.unit, median, (high - low) / 2 / median, 1e6 / median, portions)
    return found, _told(profiler) if profile else ""


def _told(profiler: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(30)
    return text.getvalue()


def _decode(site: Site, units: int) -> Generator[Work]:
    made = enumerate(islice(sessions(site.world, START), units))
    records = [(n, kind, event.user_id.encode(), encode(event)) for n, (kind, event) in made]

    def work() -> int:
        for n, kind, key, value in records:
            event = decode_event(kind, key, value, START + 1e9)
            if isinstance(event, Event):
                logged_event(event, kind, n)
        return units

    yield from repeat(work)


def _take(site: Site, units: int) -> Generator[Work]:
    while True:
        arrivals, steps = site.arrivals(units), list[Record]()

        def work(arrivals: Any = arrivals, steps: Any = steps) -> int:
            steps += [site.engine.step(site.shard, *arrival) for arrival in arrivals]
            return len(steps)

        try:
            yield work
        finally:  # the next scenario's records come behind these
            site.fold(site.shard.message(steps, {}, last=True))


def _last(site: Site, n: int) -> list[tuple[str, User]]:
    """Users who came last."""
    return list(islice(reversed(site.shard.users.items()), n))


def _slate(site: Site, units: int) -> Generator[Work]:
    steps = [Step.without_event(user_id) for user_id, _ in _last(site, units)]

    made = count()  # a decision's name is its own

    def work() -> int:
        for step in steps:
            site.engine.answer(site.shard, [(step, f"bench.{next(made)}")])
        return len(steps)

    yield from repeat(work)


def _query(name: str, site: Site, units: int) -> Generator[Work]:
    source, ranker, now = _named(site, name), site.model.ranker, site.shard.watermark
    queries = [ranker.query(user_id, user, now) for user_id, user in _last(site, units)]
    blocked = site.model.catalogue.blocked
    items = np.arange(min(PROPOSED, len(blocked)), dtype=np.int32)

    def work() -> int:
        for query in queries:
            source.top_k(query, PROPOSED, blocked)
            source.score_many(query, items)
        return len(queries)

    yield from repeat(work)


def _named(site: Site, name: str) -> Source:
    return next(source for source in site.model.sources if source.name == name)


def _candidates(site: Site, units: int) -> list[Candidates]:
    now, slots = site.shard.watermark, site.config.slate.slots
    return [site.model.ranker.candidates(user_id, user, now, slots) for user_id, user in _last(site, units)]


def _score(site: Site, units: int) -> Generator[Work]:
    ranker = site.model.ranker
    rows = [np.ascontiguousarray(found.features[:, :-1]) for found in _candidates(site, units)]

    def work() -> int:
        for each in rows:
            ranker.ranking.score_many(each, ranker.weights)
        return len(rows)

    yield from repeat(work)


def _draw(site: Site, units: int) -> Generator[Work]:
    lists = [found.lists for found in _candidates(site, units)]

    def work() -> int:
        for n, each in enumerate(lists):
            site.model.policy.draw(0, each, uniforms(f"bench/{n}", site.config.slate.slots))
        return len(lists)

    yield from repeat(work)


def _publish(site: Site, units: int) -> Generator[Work]:
    batches = site.backlog(units)
    for batch in batches:
        site.fold(batch)

    def work() -> int:
        slates = [slate for batch in batches for _, slate in recommendations(batch, site.model.lists)]
        return len([encode(slate) for slate in slates if slate is not None])

    yield from repeat(work)


def _encode(site: Site, units: int) -> Generator[Work]:
    while True:
        batches = site.backlog(units)

        def work(batches: list[Batch] = batches) -> int:
            for batch in batches:
                encode_message(batch)
            return _records(batches)

        try:
            yield work
        finally:
            for batch in batches:
                site.fold(batch)


def _decode_log(site: Site, units: int) -> Generator[Work]:
    while True:
        data = [encode_message(batch) for batch in site.backlog(units)]

        def work(data: list[bytes] = data) -> int:
            return _records([decode_message(each, n, sealed=True) for n, each in enumerate(data)])

        try:
            yield work
        finally:
            site.replicate(data)


def _replicate(site: Site, units: int) -> Generator[Work]:
    while True:
        data = [encode_message(batch) for batch in site.backlog(units)]
        yield partial(site.replicate, data)


def _learn(name: str, site: Site, units: int) -> Generator[Work]:
    source, model = _named(site, name), site.model
    while True:
        batches = site.backlog(units)
        steps = [record for batch in batches for record in batch.records if isinstance(record, Step)]
        told = [(step, step.event, model.vocabulary.index(step.event.item_id)) for step in steps if step.event]
        cuts = range(0, len(told), PER_MESSAGE)
        parts = [interactions(model.vocabulary, told[cut : cut + PER_MESSAGE]) for cut in cuts]

        def work(parts: list[Interactions] = parts) -> int:
            for events in parts:
                learn_all(source, events)
            return sum(len(events.items) for events in parts)

        try:
            yield work
        finally:
            for batch in batches:
                site.fold(batch)


def _loop(at_once: int, site: Site, units: int) -> Generator[Work]:
    while True:
        arrivals = site.arrivals(units)

        def work(arrivals: Any = arrivals) -> int:
            for start in range(0, units, at_once):
                site.replicate([encode_message(batch) for batch in site.messages(arrivals[start : start + at_once])])
            return units

        yield work


def _records(messages: Sequence[Message]) -> int:
    return sum(len(message.records) for message in messages if isinstance(message, Batch))
