"""The stages of an event's journey, each as a generator of portions of work.

A portion does so many units and returns how many it did; what the generator does between two portions is not timed.
"""

from collections.abc import Callable, Generator
from functools import partial
from itertools import islice, repeat
from typing import Any

import numpy as np

from learners import Interactions, Source, learn_all
from stream.bench.site import PER_MESSAGE, START, Site, count_records
from stream.decisions.publish import recommendations
from stream.decisions.uniforms import uniforms
from stream.model.interactions import interactions
from stream.ranking.candidates import Candidates
from stream.records.codec import decode_event, encode
from stream.records.log import Batch, Record, Step, decode_message, encode_message, logged_event
from stream.records.schemas import Event
from stream.state.user import User

PROPOSED = 100  # items that a source is asked for
Work = Callable[[], int]  # what is timed: does one portion, and returns its units


def decode_events(site: Site, units: int) -> Generator[Work]:
    """Decode events from JSON."""
    made = enumerate(islice(site.world.events(START), units))
    records = [(n, kind, event.user_id.encode(), encode(event)) for n, (kind, event) in made]

    def work() -> int:
        for n, kind, key, value in records:
            event = decode_event(kind, key, value, START + 1e9)
            if isinstance(event, Event):
                logged_event(event, kind, n)
        return units

    yield from repeat(work)


def take_events(site: Site, units: int) -> Generator[Work]:
    """Take in events: duplicates, settlement, history, the ranker's rows."""
    while True:
        arrivals, steps = site.arrivals(units), list[Record]()

        def work(arrivals: Any = arrivals, steps: Any = steps) -> int:
            steps += [site.engine.step(site.shard, *arrival) for arrival in arrivals]
            return len(steps)

        try:
            yield work
        finally:  # the next scenario goes on behind these records
            site.keep(steps)


def last_users(site: Site, n: int) -> list[tuple[str, User]]:
    """The `n` users who came last."""
    return list(islice(reversed(site.shard.users.items()), n))


def query_source(name: str, site: Site, units: int) -> Generator[Work]:
    """Ask one source for its best items, and for the scores of some."""
    source, ranker, now = _named(site, name), site.model.ranker, site.shard.watermark
    queries = [ranker.query(user_id, user, now) for user_id, user in last_users(site, units)]
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
    return [site.model.ranker.candidates(user_id, user, now, slots) for user_id, user in last_users(site, units)]


def score_candidates(site: Site, units: int) -> Generator[Work]:
    """Score all candidates of a slate."""
    ranker = site.model.ranker
    rows = [np.ascontiguousarray(found.features[:, :-1]) for found in _candidates(site, units)]

    def work() -> int:
        for each in rows:
            ranker.ranking.score_many(each, ranker.weights)
        return len(rows)

    yield from repeat(work)


def draw_slates(site: Site, units: int) -> Generator[Work]:
    """Draw a slate with the policy."""
    lists = [found.lists for found in _candidates(site, units)]

    def work() -> int:
        for n, each in enumerate(lists):
            site.model.policy.draw(0, each, uniforms(f"bench/{n}", site.config.slate.slots))
        return len(lists)

    yield from repeat(work)


def publish_slates(site: Site, units: int) -> Generator[Work]:
    """Encode slates as JSON."""
    batches = site.backlog(units)
    for batch in batches:
        site.fold(batch)

    def work() -> int:
        slates = [slate for batch in batches for _, slate in recommendations(batch, site.model.lists)]
        return len([encode(slate) for slate in slates if slate is not None])

    yield from repeat(work)


def encode_log(site: Site, units: int) -> Generator[Work]:
    """Encode batches as log messages."""
    while True:
        batches = site.backlog(units)

        def work(batches: list[Batch] = batches) -> int:
            for batch in batches:
                encode_message(batch)
            return count_records(batches)

        try:
            yield work
        finally:
            for batch in batches:
                site.fold(batch)


def decode_log(site: Site, units: int) -> Generator[Work]:
    """Decode log messages."""
    while True:
        data = [encode_message(batch) for batch in site.backlog(units)]

        def work(data: list[bytes] = data) -> int:
            return count_records([decode_message(each, n, sealed=True) for n, each in enumerate(data)])

        try:
            yield work
        finally:
            site.replicate(data)


def fold_log(site: Site, units: int) -> Generator[Work]:
    """Decode and fold log messages, as a replica does."""
    while True:
        data = [encode_message(batch) for batch in site.backlog(units)]
        yield partial(site.replicate, data)


def learn_source(name: str, site: Site, units: int) -> Generator[Work]:
    """Teach one source alone."""
    source, model = _named(site, name), site.model
    while True:
        batches = site.backlog(units)
        steps = [record for batch in batches for record in batch.records if isinstance(record, Step)]
        learned = [(step, step.event, model.vocabulary.index(step.event.item_id)) for step in steps if step.event]
        starts = range(0, len(learned), PER_MESSAGE)
        parts = [interactions(model.vocabulary, learned[start : start + PER_MESSAGE]) for start in starts]

        def work(parts: list[Interactions] = parts) -> int:
            for events in parts:
                learn_all(source, events)
            return sum(len(events.items) for events in parts)

        try:
            yield work
        finally:
            for batch in batches:
                site.fold(batch)
