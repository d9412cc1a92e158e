"""Every metric, in base units, with bounded labels (never a user or an item). The only file that knows Prometheus."""

import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from bandits import EXHAUSTED, OTHER, PINNED
from learners.drift import ANSWERS
from stream.metrics.log_filter import Repeats
from stream.model.drift_watch import MODELS
from stream.observe import NEW_EVENTS, Losses, Mix, Observer, Step
from stream.records.codec import REASONS
from stream.records.log import Decision, LoggedEvent, Record, Settlement
from stream.records.schemas import KINDS, UNLEARNED, OutcomeType

RECOVERY_BUCKETS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)
LATENCY_BUCKETS_S = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30)
REQUEST_BUCKETS_S = (0.001, 0.002, 0.005, 0.007, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)
LIST_AGE_BUCKETS_S = (1, 5, 15, 60, 120, 300, 600, 1800, 3600, 86_400)
SHOWN_S = 1800.0
PROPENSITY_BOUNDS = np.array([0.001, 0.01, 0.1, 0.5, 0.9])
PROPENSITY_RANGES = ("below 0.001", "0.001 to 0.01", "0.01 to 0.1", "0.1 to 0.5", "0.5 to 0.9", "above 0.9")
LIKELY = 0.5  # a slot of a lower propensity was explored
COUNTED_AT_ONCE = 200  # decisions
PURCHASE = KINDS.index("purchase")
RECENT = 0.001  # weight of the newest value in running means: they look back about a thousand steps

log = logging.getLogger(__name__)
skips = logging.getLogger(f"{__name__}.skips")  # a line of its own kind: a broken learner raises at every record
skips.addFilter(Repeats())


class PrometheusObserver(Observer):
    """Counts everything that happens, in a registry of its own.

    Parameters
    ----------
    lists : names of what a slot can be drawn from, by number
    """

    def __init__(self, lists: tuple[str, ...] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter, which nobody reads
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"headwater_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"headwater_{name}", text, labels, registry=registry)

        events = counter("events", "good events taken in", "type")
        dead = counter("dead_letters", "records that could not be read", "reason")
        settled = counter("decisions_settled", "slates whose outcome is known", "outcome")
        self._slots = counter("slots", "slots filled", "source")
        self._hits = counter("hits", "slots whose item the user took next", "source")
        self._events = [events.labels(kind) for kind in KINDS]
        self._dead = {reason: dead.labels(reason) for reason in REASONS}
        self._settled = {outcome: settled.labels(outcome) for outcome in get_args(OutcomeType)}
        self._duplicates = counter("duplicate_events", "events that came again and were dropped")
        self._late = counter("late_events", "events older than their user's newest one")
        self._keyless = counter("keyless_events", "events without a key: their users may be split over partitions")
        self._opened = counter("decisions_opened", "slates drawn")
        by_propensity = counter("slots_by_propensity", "slots by the probability of their item", "range")
        self._decided: list[tuple[Decision, Mix]] = []  # not counted yet
        self._propensities = [by_propensity.labels(text) for text in PROPENSITY_RANGES]
        self._categories = counter("slate_categories", "distinct categories, summed over slates")
        self._new_slots = counter("slots_new", f"slots with items first heard of in the last {NEW_EVENTS:,} events")
        self._shown: tuple[set[str], set[str]] = set(), set()  # items: of the last half hour or less, of the one before
        self._shown_since = time.monotonic()
        self._items_shown = gauge("items_shown", "distinct items shown by this worker in the last 30 to 60 minutes")
        self._uniform = counter(
            "uniform_reward",
            "reward that drawing every slot's source at random would have brought, estimated slot by slot "
            "(item-position model); compare headwater_reward",
        )
        self._explored = counter("slots_explored", "slots that showed what was less likely than not")
        self._reward = counter("reward", "reward of settled decisions")
        hits_by_type = counter(
            "hits_by_type", "slates answered with a view, click or purchase of one of their items", "type"
        )
        self._hits_by_type = [hits_by_type.labels(kind) for kind in KINDS]
        self._revenue = counter("revenue", "price of purchases from a slate, in the shop's own currency")
        trial = ("experiment", "variant")
        self._trial_decisions = counter("experiment_decisions_settled", "settled decisions of a variant", *trial)
        self._trial_hits = counter("experiment_hits", "hits of a variant", *trial)
        self._trial_reward = counter("experiment_reward", "reward of a variant", *trial)
        self._trial_stops = counter("experiment_stops", "variants that a guard has taken off", "variant", "metric")
        busy = counter("busy_seconds", "time of this process in a step of the loop", "step")
        self._busy = {step: busy.labels(step) for step in get_args(Step)}
        self._latency = Histogram(
            "headwater_event_to_recommendation_seconds", "from an event's Kafka timestamp to its acknowledged slate",
            buckets=LATENCY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._list_age = Histogram(
            "headwater_list_age_seconds", "event time from a slate to the event that answered it",
            buckets=LIST_AGE_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._folded = counter("records_folded", "records of headwater.log that the model has learned")
        self._skipped = counter("records_skipped", "records that raised in a learner; must stay 0")
        self._exploration = gauge("exploration_ratio", "share of slots that explore now")
        self._td_error = _Running(gauge("td_error", "running mean of the policy's absolute TD error"))
        self._listwise = _Running(gauge("listwise_loss", "running mean of the mixer's loss before learning, in nats"))
        self._log_loss = _Running(
            gauge("click_log_loss", "running mean of the click head's log-loss before learning, in nats")
        )
        self._purchase_loss = _Running(
            gauge(
                "purchase_log_loss",
                "running mean of the purchase head's log-loss of items taken, before learning, in nats",
            )
        )
        expected = counter("head_expected", "clicks and purchases that the heads expected of what they learned", "head")
        happened = counter(
            "head_happened", "clicks and purchases that happened; a calibrated head expects as many", "head"
        )
        self._heads = [(expected.labels(head), happened.labels(head)) for head in ("click", "purchase")]
        self._hit_ratio = _Running(gauge("prequential_hit_ratio", "running share of settled slates with a hit"))
        self._skipped_offsets = counter(
            "skipped_offsets", "input offsets without a record: deleted before they were read, compacted, or markers"
        )
        self._lost = counter("lost_records", "input records deleted before they were read; must stay 0")
        self._no_room = counter("items_without_room", "records of new items beyond `sources.max_items`, not learned")
        self._recoveries = Histogram(
            "headwater_recovery_seconds", "from a claim of sources until they are served",
            buckets=RECOVERY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._stored = counter("snapshots_stored", "snapshots written", "type")
        self._stored_bytes = gauge(
            "snapshot_size_bytes", "of the newest snapshot written: the model, or the users of one source", "type"
        )
        self._disagreements = counter("fingerprint_disagreements", "other models at the same log offset; must stay 0")
        self._fingerprint = gauge("fingerprint", "first 48 bits of the model's fingerprint at `fingerprint_offset`")
        self._fingerprint_offset = gauge("fingerprint_offset", "log offset of `fingerprint`")
        self._drift = counter(
            "drift", "models that became worse than chance explains, and what was done", "model", "answer"
        )
        self._stored_at = gauge("snapshot_timestamp_seconds", "when the newest snapshot was written, unix time", "type")
        self._bytes = gauge("state_bytes", "of the arrays of one part of the model", "part")
        self.items = gauge("items", "items that the model knows")
        self.users = gauge("users", "users in the working memory of this worker")
        self.deferring = gauge("slates_put_off", "users of this worker whose slates wait until a backlog is worked off")
        self.in_flight = gauge("in_flight_records", "records proposed, but not folded yet")
        self.lag = gauge("consumer_lag_events", "input records not taken in yet", "topic", "partition")
        self.model_offset = gauge("model_offset", "next offset of headwater.log to fold")
        self.model_age = gauge("model_age_seconds", "since the newest folded message of headwater.log was written")
        self.log_lag = gauge("log_lag_messages", "messages of headwater.log not folded yet")
        self.sources = gauge("sources_owned", "source partitions that this worker owns, recovered")
        self.recovering = gauge("sources_recovering", "source partitions given to this worker, not recovered yet")
        self.ready = gauge("ready", "1 when the worker serves")
        self.name_lists(lists)

    def name_lists(self, lists: tuple[str, ...]) -> None:
        """Fix the values of the label `source`."""
        names = {**dict(enumerate(lists)), PINNED: "pinned"}
        self._by_list = {n: (self._slots.labels(name), self._hits.labels(name)) for n, name in names.items()}
        for model in (*MODELS, *lists[1:]):
            for answer in ANSWERS:
                self._drift.labels(model, answer)

    content_type = CONTENT_TYPE_LATEST

    def render(self) -> bytes:
        """The page that Prometheus scrapes."""
        self._count_decided()
        self._items_shown.set(len(self._shown[0] | self._shown[1]))
        return generate_latest(self.registry)

    def _show(self, items: list[str]) -> None:
        now = time.monotonic()
        if now > self._shown_since + SHOWN_S:
            self._shown, self._shown_since = (set(), self._shown[0]), now
        self._shown[0].update(items)

    def event(self, kind: int) -> None:
        self._events[kind].inc()

    def duplicate(self) -> None:
        self._duplicates.inc()

    def late(self) -> None:
        self._late.inc()

    def keyless(self) -> None:
        self._keyless.inc()

    def dead(self, reason: str) -> None:
        self._dead[reason].inc()

    def busy(self, step: Step, seconds: float) -> None:
        self._busy[step].inc(seconds)

    def decided(self, decision: Decision, mix: Mix) -> None:
        self._decided.append((decision, mix))
        if len(self._decided) == COUNTED_AT_ONCE:
            self._count_decided()

    def _count_decided(self) -> None:
        """Count the decisions since the last time: together they take a fifth of what they take one by one."""
        decided, self._decided = self._decided, []
        if not decided:
            return
        self._opened.inc(len(decided))
        self._show([item for decision, _ in decided for item in decision.slate])
        self._categories.inc(sum(mix.categories for _, mix in decided))
        self._new_slots.inc(sum(mix.new for _, mix in decided))
        propensities = np.frombuffer(b"".join(decision.propensities for decision, _ in decided), np.float32)
        places = np.bincount(
            np.searchsorted(PROPENSITY_BOUNDS, propensities, "right"), minlength=len(PROPENSITY_RANGES)
        )
        for counter, slots in zip(self._propensities, places.tolist(), strict=True):
            counter.inc(slots)
        self._exploration.set(decided[-1][0].epsilon)
        self._explored.inc(int(np.count_nonzero(propensities < LIKELY)))
        for source, slots in Tally(b"".join(decision.sources for decision, _ in decided)).items():
            self._by_list[source][0].inc(slots)

    def settled(self, settlement: Settlement, event: LoggedEvent | None = None) -> None:
        self._settled[settlement.outcome].inc()
        if settlement.outcome in UNLEARNED:
            return
        if settlement.outcome != "silent":
            self._list_age.observe(max(0.0, settlement.settled_at - settlement.decided_at))
        hit = settlement.outcome == "hit"
        self._hit_ratio.add(float(hit))
        if hit:
            self._reward.inc(settlement.reward)
            self._uniform.inc(settlement.reward * _uniform_weight(settlement))
            self._by_list[settlement.sources[settlement.hit]][1].inc()
            if event is not None:
                self._hits_by_type[event.kind].inc()
                self._revenue.inc((event.price or 0.0) if event.kind == PURCHASE else 0.0)
        if settlement.variant:
            of = settlement.experiment, settlement.variant
            self._trial_decisions.labels(*of).inc()
            self._trial_hits.labels(*of).inc(hit)
            self._trial_reward.labels(*of).inc(settlement.reward)

    def folded(self, record: Record, offset: int) -> None:
        self._folded.inc()

    def skipped(self, offset: int, error: Exception) -> None:
        self._skipped.inc()
        skips.error("headwater.log offset %d: a record raised in a learner and is skipped", offset, exc_info=error)

    def learned(self, td_error: float | None, losses: Losses | None) -> None:
        if td_error is not None:
            self._td_error.add(abs(td_error))
        if losses is not None:
            self._log_loss.add(losses.click)
            if losses.listwise is not None:
                self._listwise.add(losses.listwise)
            if losses.purchase is not None:
                self._purchase_loss.add(losses.purchase)
            for (expected, happened), counts in zip(self._heads, (losses.clicks, losses.purchases), strict=True):
                expected.inc(counts[0])
                happened.inc(counts[1])

    def stopped(self, variant: str, metric: str) -> None:
        self._trial_stops.labels(variant, metric).inc()
        log.warning("experiment: the guard of %s has taken variant %s off", metric, variant)

    def sized(self, sizes: Mapping[str, int]) -> None:
        """Bytes of each part of the model."""
        for part, size in sizes.items():
            self._bytes.labels(part).set(size)

    def skipped_offsets(self, count: int) -> None:
        self._skipped_offsets.inc(count)

    def drifted(self, model: str, answer: str) -> None:
        self._drift.labels(model, answer).inc()
        log.info("drift: %s has become worse; answer: %s", model, answer)

    def lost(self, count: int) -> None:
        self._lost.inc(count)

    def no_room(self) -> None:
        self._no_room.inc()

    def recovered(self, seconds: float) -> None:
        self._recoveries.observe(seconds)

    def stored(self, subject: str, size: int) -> None:
        what = "model" if subject == "model" else "users"
        self._stored.labels(what).inc()
        self._stored_bytes.labels(what).set(size)
        self._stored_at.labels(what).set_to_current_time()

    def marked(self, offset: int, digest: str) -> None:
        self._fingerprint.set(int(digest[:12], 16))
        self._fingerprint_offset.set(offset)

    def disagreed(self) -> None:
        self._disagreements.inc()

    def published(self, seconds: float) -> None:
        self._latency.observe(max(0.0, seconds))


class GatewayMetrics:
    """What is counted of a gateway.

    Parameters
    ----------
    held : what some gauges read when they are scraped: slates, items, listeners, ready
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, held: Mapping[str, Callable[[], float]]) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "headwater_gateway_requests", "requests answered", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "headwater_gateway_request_seconds", "from a request to its answer, streams left out", ("route",),
            buckets=REQUEST_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.limited = Counter("headwater_gateway_limited", "requests that came too fast", registry=registry)
        for name, text in (
            ("slates", "users whose slates are held"),
            ("items", "items of the catalogue that are held"),
            ("listeners", "open streams"),
            ("ready", "1 when everything that was there at the start has been read"),
        ):
            Gauge(f"headwater_gateway_{name}", text, registry=registry).set_function(held[name])

    def render(self) -> bytes:
        """The page that Prometheus scrapes."""
        return generate_latest(self.registry)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(route, method, str(status)).inc()
        if not route.endswith("/stream"):
            self._seconds.labels(route).observe(seconds)


def _uniform_weight(settlement: Settlement) -> float:
    """How much likelier the item that was hit would have been, had its slot's source been drawn at random.

    Given the items above as they were shown: the item-position model (Li et al.: Offline evaluation of ranking policies
    with click models. KDD 2018).
    """
    slots = len(settlement.sources)
    heads = np.frombuffer(settlement.offered_ranks, np.uint8).reshape(slots, -1)[settlement.hit]
    offering, alive = np.count_nonzero(heads < OTHER), np.count_nonzero(heads != EXHAUSTED)
    propensity = float(np.frombuffer(settlement.propensities, np.float32)[settlement.hit])
    return float(offering / alive / propensity) if alive and propensity > 0.0 else 1.0


class _Running:
    """A gauge of a running mean: of all values at first, of about the last thousand later."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge, self._values, self._mean = gauge, 0, 0.0

    def add(self, value: float) -> None:
        self._values += 1
        self._mean += max(RECENT, 1.0 / self._values) * (value - self._mean)
        self._gauge.set(self._mean)
