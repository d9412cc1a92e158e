"""Grafana's dashboards as code; `python -m stream.metrics.dashboards` writes them.

Panels stand in the order of an operator's questions. A test runs every query against a real Prometheus.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stream.metrics.panels import RATE, Board, Panel, quantiles, rate, slowly

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "boards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT, COLUMNS = 8, 8, 24

BOUGHT = rate('headwater_hits_by_type_total{type="purchase"}')
SETTLED_SLOWLY = slowly('headwater_decisions_settled_total{outcome=~"hit|miss|silent"}')
CLICKED = rate('headwater_hits_by_type_total{type="click"}')
OTHERS = rate('headwater_slots_total{source!="ranked"}', "source")
SLOTS = f"scalar({rate('headwater_slots_total')})"
BY_SOURCE = rate("headwater_hits_total", "source")
SETTLED = rate('headwater_decisions_settled_total{outcome=~"hit|miss|silent"}')
PLACED = rate('headwater_placement_decisions_settled_total{outcome=~"hit|miss|silent"}', "placement")
PLACED_REWARD = rate("headwater_placement_reward_total", "placement")
PLACED_HITS = rate('headwater_placement_decisions_settled_total{outcome="hit"}', "placement")

PIPELINE = Board("headwater-pipeline", "headwater: pipeline", "Does it keep up, and is anything lost?", (
    Panel("Events taken in", "Good events per second, by type.", "reqps",
          {"{{type}}": rate("headwater_events_total", "type")}),
    Panel("From event to recommendation", "Time from an event's Kafka timestamp to its acknowledged slate.", "s",
          quantiles("headwater_event_to_recommendation_seconds"), 0.5),
    Panel("Waiting for a slate", "From the fetch of an event to its slate, deferred ones included; the target is "
          "slate.wait_ms.", "s", quantiles("headwater_slate_wait_seconds"), 1),
    Panel("Requests", "Slates, and lists of the model, asked for on the topic requests: what each got, per second.",
          "reqps", {"{{status}}": rate("headwater_responses_total", "status"),
                    "{{question}} {{status}}": rate("headwater_questions_total", "question, status")}),
    Panel("From request to response", "Time from a request's Kafka timestamp until its answer is sent.", "s",
          quantiles("headwater_request_to_response_seconds"), 0.5),
    Panel("At the limit", "Workers that cannot make a slate for every event at once, and the share of slates that they "
          "defer: start another worker.", "short",
          {"workers": "sum(headwater_at_limit)",
           "share deferred": f"{rate('headwater_slate_deferrals_total')} / {rate('headwater_events_total')}"}, 1),
    Panel("Capacity", "Events per second that would fill all of the time, with a slate for each and with none, by what "
          "they cost now; and how full it is.", "reqps",
          {"{{slates}}": "sum by (slates) (headwater_capacity_events_per_second)",
           "used, of 100": "100 * avg(headwater_utilisation_ratio)"}),
    Panel("Waiting in Kafka", "Records that no worker has taken in yet; rising for minutes: start another worker.",
          "short", {"{{topic}}": "sum by (topic) (headwater_consumer_lag_events)",
                    "users with a deferred slate": "sum(headwater_slates_deferred)"}, 5_000),
    Panel("What the time goes into", "Share of one core per step of the loop, all workers together.", "percentunit",
          {"{{step}}": rate("headwater_busy_seconds_total", "step")}),
    Panel("Not learned yet", "Records and messages written to the log and not folded yet; both return to about 0.",
          "short", {"records in flight": "sum(headwater_in_flight_records)",
                    "messages of the log": "max(headwater_log_lag_messages)"}, 10_000),
    Panel("Records that cannot be read", "Dead letters per second, by reason; `headwater dead list` shows them.",
          "reqps", {"{{reason}}": rate("headwater_dead_letters_total", "reason")}),
    Panel("Odd events", "Duplicates and late ones are harmless; keyless ones split a user over partitions.", "reqps",
          {"duplicate": rate("headwater_duplicate_events_total"), "late": rate("headwater_late_events_total"),
           "without a key": rate("headwater_keyless_events_total"),
           "on a wrong partition": rate("headwater_misplaced_records_total"),
           "with an unknown field": rate("headwater_unknown_fields_total")}),
    Panel("Must stay 0", "Input lost by retention, records that raised in a learner, models that differ.", "short",
          {"lost": "sum(headwater_lost_records_total)", "skipped": "max(headwater_records_skipped_total)",
           "disagreements": "sum(headwater_fingerprint_disagreements_total)",
           "cannot be read": "sum(headwater_unreadable_records_total)",
           "topics made again": "sum(headwater_topics_remade_total)",
           "offsets without a record": "sum(headwater_skipped_offsets_total)"}, 1),
    Panel("Workers that serve", "1 for each worker that is ready; the other line counts shards not recovered yet.",
          "short", {"ready": "sum(headwater_ready)", "recovering": "sum(headwater_shards_recovering)",
                    "shards owned": "sum(headwater_shards_owned)"}),
    Panel("Log and model", "Log offset of each worker's model; the lines coincide.", "short",
          {"{{instance}}": "headwater_model_offset"}),
    Panel("Age of the model", "Since the newest message that it has learned was written.", "s",
          {"{{instance}}": "headwater_model_age_seconds"}, 30),
    Panel("Snapshots", "Seconds since the newest snapshot of each kind; the log is cut behind them.", "s",
          {"{{type}}": "time() - max by (type) (headwater_snapshot_timestamp_seconds)"}, 900),
    Panel("Size of snapshots", "Of the newest one: the model, or the users of one shard.", "bytes",
          {"{{type}}": "max by (type) (headwater_snapshot_size_bytes)"}),
    Panel("Snapshots written", "Per second, by kind.", "reqps",
          {"{{type}}": rate("headwater_snapshots_stored_total", "type")}),
    Panel("Recovery", "Time from the claim of shards until they are served, when workers start and stop.", "s",
          {"mean": "sum(headwater_recovery_seconds_sum) / sum(headwater_recovery_seconds_count)"}, 60),
    Panel("Memory of the workers", "Resident; flat once users and items are at their bounds.", "bytes",
          {"{{instance}}": 'process_resident_memory_bytes{job="headwater"}'}),
    Panel("Memory by structure", "Bytes of the largest parts of the model.", "bytes",
          {"{{part}}": "topk(8, max by (part) (headwater_state_bytes))"}),
    Panel("Users and items", "In working memory, and known to the model.", "short",
          {"users": "sum(headwater_users)", "items": "max(headwater_items)",
           "items without room": "max(headwater_items_without_room_total)"}),
    Panel("Processor", "Share of one core, per worker; near 1: events wait.", "percentunit",
          {"{{instance}}": f'rate(process_cpu_seconds_total{{job="headwater"}}[{RATE}])'}, 0.9),
    Panel("Gateway requests", "Answers per second, by status.", "reqps",
          {"{{status}}": rate("headwater_gateway_requests_total", "status")}),
    Panel("Gateway time", "From a request to its answer.", "s",
          {**quantiles("headwater_gateway_request_seconds")}, 0.1),
    Panel("Slates asked for", "Per second, by what came of it; other than fresh: pages get an older slate, or none.",
          "reqps", {"{{status}}": rate("headwater_gateway_asked_total", "status"),
                    "{{question}} {{status}}": rate("headwater_gateway_questions_total", "question, status")}),
    Panel("Time of a slate asked for", "From the request to the worker's answer.", "s",
          {**quantiles("headwater_gateway_asked_seconds")}, 0.1),
    Panel("Gateway", "Slates and items held, open streams, requests that wait or exceed the limit, and readiness.",
          "short", {"slates": "max(headwater_gateway_slates)", "items": "max(headwater_gateway_items)",
                    "listeners": "sum(headwater_gateway_listeners)", "waiting": "sum(headwater_gateway_waiting)",
                    "ready": "sum(headwater_gateway_ready)",
                    "limited": rate("headwater_gateway_limited_total"),
                    "cannot be read": "sum(headwater_gateway_unreadable_total)"}),
    Panel("Gateway memory", "Slates and items held; at gateway.memory_mb the longest unasked are dropped.", "bytes",
          {"held": "max(headwater_gateway_held_bytes)"}),
    Panel("Gateway drops", "Slates and items dropped since the start because gateway.memory_mb was full.", "short",
          {"dropped": "max(headwater_gateway_evicted)"}, 1),
))  # fmt: skip

RECOMMENDATIONS = Board("headwater-recommendations", "headwater: recommendations", "Is what users see any good?", (
    Panel("Slates", "Slates drawn per second.", "reqps", {"slates": rate("headwater_decisions_opened_total")}),
    Panel("Outcomes", "hit: the user's next event was on the slate; silent: none came in time; leave replaced "
          "and void out of estimates.", "reqps", {"{{outcome}}": rate("headwater_decisions_settled_total", "outcome")}),
    Panel("Hit rate", "Share of answered and silent slates that were hit: of all, and by placement.", "percentunit",
          {"all": f"{rate('headwater_hits_total')} / {SETTLED}", "{{placement}}": f"{PLACED_HITS} / {PLACED}"}),
    Panel("What hits are", "Slates whose item was viewed, clicked or bought next, per second.", "reqps",
          {"{{type}}": rate("headwater_hits_by_type_total", "type")}),
    Panel("Conversion", "Purchases from a slate per settled slate.", "percentunit",
          {"conversion": f"{BOUGHT} / {SETTLED}"}),
    Panel("Reward of a slate", "By the configured table; refreshed and void slates left out.", "short",
          {"all": f"{rate('headwater_reward_total')} / {SETTLED}", "{{placement}}": f"{PLACED_REWARD} / {PLACED}"}),
    Panel("Revenue of a slate", "Price x quantity of what was bought from slates, less what came back, per settled "
          "slate.", "short",
          {"revenue": f"({rate('headwater_revenue_total')} - {rate('headwater_returned_revenue_total')}) / {SETTLED}"}),
    Panel("Returns", "Purchases that came back, per second.", "reqps", {"returns": rate("headwater_returns_total")}),
    Panel("Slots that the ranking does not fill", "Share of slots by source, the blended ranking left out: where the "
          "policy explores, or knows better.", "percentunit", {"{{source}}": f"{OTHERS} / {SLOTS}"}),
    Panel("Hits per thousand slots", "By source, per slot that it fills.", "short",
          {"{{source}}": f"1000 * {BY_SOURCE} / {rate('headwater_slots_total', 'source')}"}),
    Panel("Click-through rate", "Clicks on a slate's item per settled slate.", "percentunit",
          {"clicks": f"{CLICKED} / {SETTLED}"}),
    Panel("Coverage", "Distinct items that one worker has shown in the last 30 to 60 minutes, and all that it knows.",
          "short", {"shown {{instance}}": "headwater_items_shown", "known": "max(headwater_items)"}),
    Panel("Diversity", "Distinct categories per slot of a slate: 1 is all different; 0.05 is one category on 20 slots.",
          "percentunit", {"categories per slot": f"{rate('headwater_slate_categories_total')} / {SLOTS}"}),
    Panel("Share of new items", "Slots with items first seen within the last 10,000 events.", "percentunit",
          {"new": f"{rate('headwater_slots_new_total')} / {SLOTS}"}),
    Panel("Age of slates when they are answered", "Event time from a slate to the event that answered it.", "s",
          quantiles("headwater_list_age_seconds")),
))  # fmt: skip

LEARNING = Board("headwater-learning", "headwater: learning and bandit", "Does it learn, and does it explore?", (
    Panel("Prequential hit rate", "Running share of slates with a hit, each tested before it is learned.",
          "percentunit", {"{{instance}}": "headwater_prequential_hit_ratio"}),
    Panel("Loss of the mixer", "Running mean of the listwise loss before learning, in nats; lower is better.", "short",
          {"{{instance}}": "headwater_listwise_loss"}),
    Panel("Loss of the click head", "Running mean of the log-loss before learning, in nats.", "short",
          {"{{instance}}": "headwater_click_log_loss"}),
    Panel("Loss of the purchase head", "Running mean of the log-loss of items taken before learning, in nats.",
          "short", {"{{instance}}": "headwater_purchase_log_loss"}),
    Panel("Calibration", "What the heads expected over what happened, since the start: 1 is calibrated.", "short",
          {"{{head}}": "sum by (head) (headwater_head_expected_total) / "
                       "sum by (head) (headwater_head_happened_total)"}),
    Panel("Propensities", "Share of slots by the probability that their item had; low ones carry the least evidence.",
          "percentunit", {"{{range}}": f"{rate('headwater_slots_by_propensity_total', 'range')} / "
                                       f"scalar({rate('headwater_slots_by_propensity_total')})"}),
    Panel("Against drawing at random", "Reward of a slate as shown, and, estimated from propensities, had each slot's "
          "source been drawn at random; over ten minutes, since few slots carry the evidence.", "short",
          {"as shown": f"{slowly('headwater_reward_total')} / {SETTLED_SLOWLY}",
           "at random, estimated": f"{slowly('headwater_uniform_reward_total')} / {SETTLED_SLOWLY}"}),
    Panel("Records learned", "Per second, on every worker: each folds the whole log.", "reqps",
          {"{{instance}}": f"rate(headwater_records_folded_total[{RATE}])"}),
    Panel("TD error", "Running mean of the policy's absolute error, in units of reward; large after a change.",
          "short", {"{{instance}}": "headwater_td_error"}),
    Panel("Exploration", "The policy's rate, and the share of slots that showed an item less likely than not.",
          "percentunit", {"rate": "max(headwater_exploration_ratio)",
                          "explored": f"{rate('headwater_slots_explored_total')} / {rate('headwater_slots_total')}"}),
    Panel("Drift", "Models that became worse than chance explains, per hour, and answers taken.", "short",
          {"{{model}} {{answer}}": "sum by (model, answer) (increase(headwater_drift_total[1h])) > 0 or "
                                   "label_replace(vector(0), 'model', 'none', '', '')"}),
    Panel("Fingerprints", "Workers by the fingerprint of their model in their newest report: one line for all, except "
          "while reports come in.", "short",
          {"{{fingerprint}}": 'count_values("fingerprint", headwater_fingerprint)'}),
    Panel("Fingerprint reports", "Log offset of each worker's newest fingerprint.", "short",
          {"{{instance}}": "headwater_fingerprint_offset"}),
))  # fmt: skip

EXPERIMENTS = Board("headwater-experiments", "headwater: experiments", "Which variant is better? `headwater experiment "
                    "status` has the intervals; this shows the course.", (
    Panel("Decisions", "Settled per second, by variant.", "reqps",
          {"{{variant}}": rate("headwater_experiment_decisions_settled_total", "variant")}),
    Panel("Reward of a decision", "By variant.", "short",
          {"{{variant}}": f"{rate('headwater_experiment_reward_total', 'variant')} / "
                          f"{rate('headwater_experiment_decisions_settled_total', 'variant')}"}),
    Panel("Hit rate", "By variant.", "percentunit",
          {"{{variant}}": f"{rate('headwater_experiment_hits_total', 'variant')} / "
                          f"{rate('headwater_experiment_decisions_settled_total', 'variant')}"}),
    Panel("Reward since the start", "Mean of a decision, by experiment and variant.", "short",
          {"{{experiment}} {{variant}}": "sum by (experiment, variant) (headwater_experiment_reward_total) / sum by "
                                         "(experiment, variant) (headwater_experiment_decisions_settled_total)"}),
    Panel("Stopped by a guard", "Variants that were credibly worse than allowed.", "short",
          {"{{variant}} by {{metric}}": "max by (variant, metric) (headwater_experiment_stops_total) or "
                                        "label_replace(vector(0), 'variant', 'none', '', '')"}, 1),
))  # fmt: skip

BOARDS = (PIPELINE, RECOMMENDATIONS, LEARNING, EXPERIMENTS)


def dashboard(board: Board) -> dict[str, Any]:
    """A board as Grafana reads it."""
    links = [
        {"title": other.title, "type": "link", "url": f"/d/{other.uid}", "keepTime": True}
        for other in BOARDS
        if other is not board
    ]
    return {
        "uid": board.uid, "title": board.title, "description": board.says, "tags": ["headwater"], "links": links,
        "schemaVersion": 39, "version": 1, "editable": True, "refresh": "10s", "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser", "panels": [_panel(n, panel) for n, panel in enumerate(board.panels)],
    }  # fmt: skip


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    per_row = COLUMNS // WIDTH
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    return {
        "id": number + 1, "type": "timeseries", "title": panel.title, "description": panel.says, "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (number % per_row), "y": HEIGHT * (number // per_row)},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "off" if panel.bad_from is None else "line"}, "fillOpacity": 8},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": query, "legendFormat": legend, "datasource": SOURCE}
            for n, (legend, query) in enumerate(panel.queries.items())
        ],
    }  # fmt: skip


def files() -> dict[Path, str]:
    """Every generated file with what it must hold."""
    return {FOLDER / f"{board.uid}.json": json.dumps(dashboard(board), indent=1) + "\n" for board in BOARDS}


def main(arguments: Sequence[str]) -> str | None:
    """Write the files, or with `--check` compare them; returns the reason to fail."""
    generated = files()
    if "--check" not in arguments:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path, text in generated.items():
            path.write_text(text, encoding="utf-8")
    stale = [path.name for path, text in generated.items() if not path.is_file() or path.read_text("utf-8") != text]
    return f"not current: {', '.join(stale)}; run `python -m stream.metrics.dashboards`" if stale else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
