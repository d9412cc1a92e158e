"""Metrics: every hook moves one, names keep Prometheus' rules, labels are bounded."""

import inspect
import re
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.metrics import worker as prometheus
from stream.metrics.log_filter import Repeats
from stream.metrics.outcomes import LIST_AGE_BUCKETS_S
from stream.metrics.worker import LATENCY_BUCKETS_S, PrometheusObserver
from stream.observe import Losses, Mix, Observer
from stream.records.codec import REASONS
from stream.records.schemas import KINDS, OutcomeType
from tests.support.metrics import LISTS, decision, moved, purchase, samples, settlement

AGES = (*(f"{age:.1f}" for age in LIST_AGE_BUCKETS_S), "+Inf")


HOOKS: dict[str, tuple[Any, ...]] = {
    "event": (1,),
    "duplicate": (),
    "late": (),
    "keyless": (),
    "dead": ("not_json",),
    "misplaced": ("events.view",),
    "unread": ("catalog.items",),
    "unreadable": ("events.view", 3),
    "topic_remade": ("events.view",),
    "busy": ("fold", 0.5),
    "decided": (decision([0, 0, 2], [0.95, 0.4, 0.1]), Mix(2, 1)),
    "settled": (settlement(),),
    "stopped": ("bold", "hits"),
    "returned": (purchase(-3.0),),
    "folded": (3, 7),
    "skipped": (7, ValueError("no")),
    "waited": (0.02, 3),
    "deferred": (2,),
    "at_limit": (),
    "learned": ([-0.5], [Losses(2.0, 0.7)]),
    "responded": ("fresh", 0.02),
    "questioned": ("similar", "answered"),
    "published": (0.004,),
    "drifted": ("popularity", "shorter_half_life"),
    "no_room": (),
    "recovered": (0.3,),
    "stored": ("users/3", 4096),
    "fingerprinted": (7, "ff" * 16),
    "disagreed": (),
    "skipped_offsets": (2,),
    "lost": (2,),
}
NAMED: dict[str, dict[str, Any]] = {"at_limit": {"reached": True}}  # arguments by name


def call(observer: Observer, hook: str) -> Any:
    return getattr(observer, hook)(*HOOKS[hook], **NAMED.get(hook, {}))


def test_every_hook_has_an_example_here() -> None:
    assert {name for name, _ in inspect.getmembers(Observer, inspect.isfunction)} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_moves_a_metric(hook: str) -> None:
    assert moved(lambda observer: call(observer, hook))
    assert call(Observer(), hook) is None


def settled_as(outcome: str) -> dict[str, float]:
    """What moves when home's slate is settled without a hit."""
    return {
        f"headwater_decisions_settled_total{{outcome={outcome}}}": 1,
        f"headwater_placement_decisions_settled_total{{outcome={outcome}}}{{placement=home}}": 1,
    }


@pytest.mark.parametrize(
    ("hook", "arguments", "expected"),
    [
        ("event", (2,), {"headwater_events_total{type=purchase}": 1}),
        ("unreadable", ("events.view", 3), {"headwater_unreadable_records_total{topic=events.view}": 3}),
        ("dead", ("wrong_key",), {"headwater_dead_letters_total{reason=wrong_key}": 1}),
        ("learned", ([-2.0], []), {"headwater_td_error": 2.0}),
        ("learned", ([], [Losses(None, 0.5)]), {"headwater_click_log_loss": 0.5}),
        ("learned", ([], [Losses(3.0, 0.5)]), {"headwater_click_log_loss": 0.5, "headwater_listwise_loss": 3.0}),
        (
            "learned",
            ([], [Losses(None, 0.5, 0.25, (0.75, 1.0), (0.5, 0.0))]),
            {
                "headwater_click_log_loss": 0.5,
                "headwater_purchase_log_loss": 0.25,
                "headwater_head_expected_total{head=click}": 0.75,
                "headwater_head_happened_total{head=click}": 1.0,
                "headwater_head_expected_total{head=purchase}": 0.5,
            },
        ),
        ("busy", ("decide", 0.25), {"headwater_busy_seconds_total{step=decide}": 0.25}),
        ("stopped", ("bold", "hits"), {"headwater_experiment_stops_total{metric=hits}{variant=bold}": 1}),
        (
            "decided",
            (decision([0, 0, 2], [0.95, 0.4, 0.1]), Mix(2, 1)),
            {
                "headwater_items_shown": 2,
                "headwater_slate_categories_total": 2,
                "headwater_slots_new_total": 1,
                "headwater_slots_by_propensity_total{range=above 0.9}": 1,
                "headwater_slots_by_propensity_total{range=0.1 to 0.5}": 2,
                "headwater_slots_explored_total": 2,
                "headwater_decisions_opened_total": 1,
                "headwater_exploration_ratio": 0.25,
                "headwater_slots_total{source=ranked}": 2,
                "headwater_slots_total{source=recently_seen}": 1,
            },
        ),
        (
            "settled",
            (settlement(),),
            {
                "headwater_decisions_settled_total{outcome=hit}": 1,
                "headwater_placement_decisions_settled_total{outcome=hit}{placement=home}": 1,
                "headwater_placement_reward_total{placement=home}": 2.0,
                "headwater_hits_total{source=popularity}": 1,
                "headwater_prequential_hit_ratio": 1.0,
                "headwater_reward_total": 2.0,
                "headwater_uniform_reward_total": 2.0 * (1 / 2) / 0.8,
                "headwater_list_age_seconds_count": 1,
                **{f"headwater_list_age_seconds_bucket{{le={le}}}": 1 for le in AGES},
            },
        ),
        (
            "drifted", ("click", "faster_step"),
            {"headwater_drift_total{answer=faster_step}{model=click}": 1},
        ),
        ("settled", (settlement("replaced", -1, 0.0),), settled_as("replaced")),
        ("settled", (settlement("void", -1, 0.0),), settled_as("void")),
        ("settled", (settlement("silent", -1, 0.0),), settled_as("silent")),
    ],
)  # fmt: skip
def test_what_a_hook_moves(hook: str, arguments: tuple[Any, ...], expected: dict[str, float]) -> None:
    assert moved(lambda observer: getattr(observer, hook)(*arguments)) == pytest.approx(expected)


def test_latency_is_a_histogram_in_seconds() -> None:
    def publish(observer: PrometheusObserver) -> None:
        for seconds in (0.004, 0.04, -0.001):
            observer.published(seconds)

    found = moved(publish)
    name = "headwater_event_to_recommendation_seconds"
    assert found[f"{name}_count"] == 3
    assert found[f"{name}_sum"] == pytest.approx(0.044), "clocks differ: never below 0"
    assert [found.get(f"{name}_bucket{{le={le}}}") for le in ("0.002", "0.005", "0.05", "+Inf")] == [1, 2, 3, 3]
    assert list(LATENCY_BUCKETS_S) == sorted(LATENCY_BUCKETS_S)


def test_all_values_of_a_label_are_there_from_the_start() -> None:
    """A series that appears with its first event hides that event from `rate`."""
    names = samples(PrometheusObserver(LISTS))
    assert {f"headwater_events_total{{type={kind}}}" for kind in KINDS} <= names.keys()
    assert {f"headwater_dead_letters_total{{reason={reason}}}" for reason in REASONS} <= names.keys()
    assert {f"headwater_slots_total{{source={name}}}" for name in LISTS} <= names.keys()
    assert {f"headwater_decisions_settled_total{{outcome={name}}}" for name in get_args(OutcomeType)} <= names.keys()


def test_names_keep_the_rules() -> None:
    """What `promtool check metrics` would say, for every family."""
    observer = PrometheusObserver(LISTS)
    for hook in HOOKS:
        call(observer, hook)
    observer.lag.labels("events.view", 0).set(1)
    abbreviated = re.compile(r"_(ms|milliseconds|us|ns|minutes|hours|days|percent|kb|mb|kilobytes|megabytes)(_|$)")
    families = list(text_string_to_metric_families(observer.render().decode()))
    assert len(families) > 20
    for family in families:
        assert re.fullmatch(r"(headwater|process)_[a-z][a-z0-9_]*[a-z0-9]", family.name)
        assert family.documentation
        assert not abbreviated.search(family.name), "base units: seconds, bytes, ratio"
        assert family.type not in family.name.split("_"), "the type is no part of the name"
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert family.type == "histogram" or not re.search(r"_(bucket|count|sum|created)$", sample.name)
            assert set(sample.labels) <= {
                "type",
                "reason",
                "status",
                "outcome",
                "placement",
                "source",
                "topic",
                "partition",
                "le",
                "model",
                "answer",
                "question",
                "step",
                "part",
                "slates",
                "experiment",
                "variant",
                "metric",
                "range",
                "head",
            }


def test_no_user_or_item_is_in_the_metrics() -> None:
    observer = PrometheusObserver(LISTS)
    for hook in HOOKS:
        call(observer, hook)
    assert b"secret" not in observer.render()


def test_the_reason_of_skipped_records_is_logged_at_a_limited_rate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus.skips, "filters", [Repeats()])  # nothing of other tests is remembered
    observer = PrometheusObserver(("ranked",))
    for offset in range(7, 57):
        observer.skipped(offset, ValueError("weights must be finite"))
    (line,) = caplog.records
    assert line.getMessage() == "headwater.log offset 7: a record raised in a learner and is skipped"
    assert line.exc_info is not None
    assert str(line.exc_info[1]) == "weights must be finite"
