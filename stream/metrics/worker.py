"""Metrics of a worker: an observer that counts what happens, in groups by subject."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bandits import PINNED
from stream.metrics.declare import Declare
from stream.metrics.learning import LearningMetrics
from stream.metrics.load import LoadMetrics
from stream.metrics.log_filter import Repeats
from stream.metrics.outcomes import OutcomeMetrics
from stream.metrics.slates import SlateMetrics
from stream.observe import Losses, Mix, Observer, Step
from stream.records.codec import REASONS
from stream.records.log import Decision, LoggedEvent, Settlement
from stream.records.requests import ResponseStatus
from stream.records.schemas import KINDS
from stream.records.topics import INPUT_TOPICS

RECOVERY_BUCKETS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)
LATENCY_BUCKETS_S = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30)

log = logging.getLogger(__name__)
skips = logging.getLogger(f"{__name__}.skips")  # a line of its own kind: a broken learner raises at every record
skips.addFilter(Repeats())


class PrometheusObserver(Observer):
    """Counts everything that happens, in a registry of its own.

    Parameters
    ----------
    lists : names of what a slot can be drawn from, by number
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, lists: tuple[str, ...] = (), placements: Iterable[str] = ()) -> None:
        declare = Declare()
        self.registry = declare.registry
        self._slates, self._outcomes, self._learning = (
            SlateMetrics(declare), OutcomeMetrics(declare, placements), LearningMetrics(declare)
        )  # fmt: skip
        self.load = LoadMetrics(declare)
        self._declare_input(declare)
        self._declare_state(declare)
        self._declare_gauges(declare)
        self.name_lists(lists)

    def _declare_input(self, declare: Declare) -> None:
        """What is taken in, and the time that takes."""
        events = declare.counter("events", "good events taken in", "type")
        dead = declare.counter("dead_letters", "records that could not be read", "reason")
        busy = declare.counter("busy_seconds", "time of this process in a step of the loop", "step")
        self._events = [events.labels(kind) for kind in KINDS]
        self._dead = {reason: dead.labels(reason) for reason in REASONS}
        self._busy = {step: busy.labels(step) for step in get_args(Step)}
        self._duplicates = declare.counter("duplicate_events", "events that came again and were dropped")
        self._late = declare.counter("late_events", "events older than their user's newest one")
        self._keyless = declare.counter(
            "keyless_events", "events without a key: their users may be split over partitions"
        )
        self._misplaced = declare.counter(
            "misplaced_records", "records on a partition that murmur2 of their key does not name", "topic"
        )
        self._unreadable = declare.counter(
            "unreadable_records", "offsets of batches that cannot be read for good, stepped over", "topic"
        )
        self._unread = declare.counter(
            "unknown_fields", "records with a field that is not read: misspelt, or of a newer version", "topic"
        )
        self._remade = declare.counter(
            "topics_remade", "shards that began anew with a topic that was deleted and made again", "topic"
        )
        for each in (self._misplaced, self._unread, self._unreadable, self._remade):
            for topic in INPUT_TOPICS:
                each.labels(topic.name)  # there from the start, at 0
        self._skipped_offsets = declare.counter(
            "skipped_offsets", "input offsets without a record: deleted before they were read, compacted, or markers"
        )
        self._lost = declare.counter("lost_records", "input records deleted before they were read; must stay 0")
        self._latency = declare.histogram(
            "event_to_recommendation_seconds", "from an event's Kafka timestamp to its acknowledged slate",
            LATENCY_BUCKETS_S,
        )  # fmt: skip
        self._response = declare.histogram(
            "request_to_response_seconds", "from a request's Kafka timestamp until its answer was sent",
            LATENCY_BUCKETS_S,
        )  # fmt: skip
        self._responses = declare.counter("responses", "answers to requests", "status")
        for status in get_args(ResponseStatus):
            self._responses.labels(status)
        self._questions = declare.counter(
            "questions",
            "answers to questions to the model: similar items, popular ones, an audience",
            "question",
            "status",
        )

    def _declare_state(self, declare: Declare) -> None:
        """Recoveries, snapshots and fingerprints."""
        self._recoveries = declare.histogram(
            "recovery_seconds", "from a claim of shards until they are served", RECOVERY_BUCKETS_S
        )
        self._stored = declare.counter("snapshots_stored", "snapshots written", "type")
        self._stored_bytes = declare.gauge(
            "snapshot_size_bytes", "of the newest snapshot written: the model, or the users of one shard", "type"
        )
        self._stored_at = declare.gauge(
            "snapshot_timestamp_seconds", "when the newest snapshot was written, unix time", "type"
        )
        self._disagreements = declare.counter(
            "fingerprint_disagreements", "other models at the same log offset; must stay 0"
        )
        self._fingerprint = declare.gauge(
            "fingerprint", "first 48 bits of the model's fingerprint at `fingerprint_offset`"
        )
        self._fingerprint_offset = declare.gauge("fingerprint_offset", "log offset of `fingerprint`")

    def _declare_gauges(self, declare: Declare) -> None:
        """What the worker sets itself."""
        self.items = declare.gauge("items", "items that the model knows")
        self.users = declare.gauge("users", "users in the working memory of this worker")
        self.deferring = declare.gauge("slates_deferred", "users of this worker with a deferred slate")
        self.in_flight = declare.gauge("in_flight_records", "records written to the log, but not folded yet")
        self.lag = declare.gauge("consumer_lag_events", "input records not taken in yet", "topic", "partition")
        self.model_offset = declare.gauge("model_offset", "next offset of headwater.log to fold")
        self.model_age = declare.gauge(
            "model_age_seconds", "since the newest folded message of headwater.log was written"
        )
        self.log_lag = declare.gauge("log_lag_messages", "messages of headwater.log not folded yet")
        self.shards = declare.gauge("shards_owned", "shards that this worker owns, recovered")
        self.recovering = declare.gauge("shards_recovering", "shards given to this worker, not recovered yet")
        self.ready = declare.gauge("ready", "1 when the worker serves")

    def name_lists(self, lists: tuple[str, ...]) -> None:
        """Fix the values of the labels `source` and `model`."""
        names = {**dict(enumerate(lists)), PINNED: "pinned"}
        self._slates.name_lists(names)
        self._outcomes.name_lists(names)
        self._learning.name_lists(lists)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        self._slates.count()
        return generate_latest(self.registry)

    def event(self, kind: int) -> None:
        self._events[kind].inc()

    def duplicate(self) -> None:
        self._duplicates.inc()

    def late(self) -> None:
        self._late.inc()

    def keyless(self) -> None:
        self._keyless.inc()

    def misplaced(self, topic: str) -> None:
        self._misplaced.labels(topic).inc()

    def unread(self, topic: str) -> None:
        self._unread.labels(topic).inc()

    def unreadable(self, topic: str, count: int) -> None:
        self._unreadable.labels(topic).inc(count)

    def topic_remade(self, topic: str) -> None:
        self._remade.labels(topic).inc()

    def dead(self, reason: str) -> None:
        self._dead[reason].inc()

    def busy(self, step: Step, seconds: float) -> None:
        self._busy[step].inc(seconds)

    def decided(self, decision: Decision, mix: Mix) -> None:
        self._slates.decided(decision, mix)

    def waited(self, seconds: float, slates: int) -> None:
        self.load.waited(seconds, slates)

    def deferred(self, slates: int) -> None:
        self.load.deferred(slates)

    def at_limit(self, *, reached: bool) -> None:
        self.load.at_limit(reached=reached)

    def settled(self, settlement: Settlement, event: LoggedEvent | None = None) -> None:
        self._outcomes.settled(settlement, event)

    def folded(self, records: int, offset: int) -> None:
        self._learning.folded.inc(records)

    def skipped(self, offset: int, error: Exception) -> None:
        self._learning.skipped.inc()
        skips.error("headwater.log offset %d: a record raised in a learner and is skipped", offset, exc_info=error)

    def learned(self, td_errors: Sequence[float], losses: Iterable[Losses]) -> None:
        self._learning.learned(td_errors, losses)

    def returned(self, event: LoggedEvent) -> None:
        self._outcomes.returned(event)

    def stopped(self, variant: str, metric: str) -> None:
        self._outcomes.stopped(variant, metric)
        log.warning("experiment: the guard of %s has taken variant %s off", metric, variant)

    def sized(self, sizes: Mapping[str, int]) -> None:
        """Bytes of each part of the model."""
        self._learning.sized(sizes)

    def drifted(self, model: str, answer: str) -> None:
        self._learning.drifted(model, answer)
        log.info("drift: %s has become worse; answer: %s", model, answer)

    def no_room(self) -> None:
        self._learning.no_room.inc()

    def skipped_offsets(self, count: int) -> None:
        self._skipped_offsets.inc(count)

    def lost(self, count: int) -> None:
        self._lost.inc(count)

    def recovered(self, seconds: float) -> None:
        self._recoveries.observe(seconds)

    def stored(self, subject: str, size: int) -> None:
        what = "model" if subject == "model" else "users"
        self._stored.labels(what).inc()
        self._stored_bytes.labels(what).set(size)
        self._stored_at.labels(what).set_to_current_time()

    def fingerprinted(self, offset: int, digest: str) -> None:
        self._fingerprint.set(int(digest[:12], 16))
        self._fingerprint_offset.set(offset)

    def disagreed(self) -> None:
        self._disagreements.inc()

    def responded(self, status: str, seconds: float) -> None:
        self._responses.labels(status).inc()
        self._response.observe(max(0.0, seconds))

    def questioned(self, question: str, status: str) -> None:
        self._questions.labels(question, status).inc()

    def published(self, seconds: float) -> None:
        self._latency.observe(max(0.0, seconds))
