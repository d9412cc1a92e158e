"""A real worker on a real Kafka: what goes in, what comes out, what it reports."""

import asyncio
import base64
import json
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import confluent_kafka
import jsonschema
import pytest
from kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from stream import cli
from stream.client.watch import partition_of
from stream.kafka.connections import Connections
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.codec import REASONS, encode
from stream.records.schemas import (
    UNLEARNED,
    DeadLetter,
    Event,
    EventType,
    Item,
    Outcome,
    Profile,
    Recommendation,
    json_schema,
)
from stream.records.topics import (
    CLICKS,
    DEAD,
    EVENT_TOPICS,
    ITEMS,
    LOG,
    OUTCOMES,
    PURCHASES,
    RECOMMENDATIONS,
    USER_TOPICS,
    USERS,
    VIEWS,
    Topic,
)
from tests.support.kafka_site import PARTITIONS, Folded, Site, event, read, until, walk

pytestmark = pytest.mark.kafka
BAD = 30


class Started(NamedTuple):
    """A worker that serves, and what /readyz answered on the way there."""

    worker: WorkerProcess
    answers: list[tuple[int, str]]


@pytest.fixture(scope="module")
def site(broker: Broker) -> Iterator[Site]:
    site = Site(broker.address, "worker")
    yield site
    site.close()


@pytest.fixture(scope="module")
def started(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One worker for the whole file: it learned sources from a backlog of 400 events, and ranking from 200 slates.

    In a backlog hardly a slate is made, so nobody tells the ranking which candidate was taken.
    """
    backlog, later = walk("crowd", 20, 400), walk("crowd-later", 20, 200)
    site.send(*backlog)
    answers: list[tuple[int, str]] = []
    with WorkerProcess(site.config, tmp_path_factory.mktemp("worker") / "log") as worker:

        def ready() -> bool:
            assert worker.exit_code is None
            answers.append(worker.page("/readyz"))
            return answers[-1][0] == 200

        until(ready, "ready", within_s=180)  # the first start ever compiles
        site.learned(record.event_id for _, record in backlog)
        for n in range(0, len(later), 10):
            site.send(*later[n : n + 10])
            site.learned(record.event_id for _, record in later[n : n + 10])
        yield Started(worker, answers)


@pytest.fixture(scope="module")
def worker(started: Started) -> WorkerProcess:
    return started.worker


def test_it_says_why_it_is_not_ready_yet(started: Started) -> None:
    answers = [answer for answer in started.answers if answer[0] != 0]  # 0: the pages are not served yet
    assert {status for status, _ in answers[:-1]} == {503}
    assert all(reason.startswith(("starting", "folding", "no partitions", "recovering")) for _, reason in answers[:-1])
    assert answers[-1][1].startswith(f"serving {2 * PARTITIONS + 1} shards")


def test_events_of_both_clients_become_valid_recommendations(site: Site, worker: WorkerProcess) -> None:
    other = confluent_kafka.Producer(
        {"bootstrap.servers": site.config.kafka.broker, "acks": "all", "partitioner": "murmur2_random"}
    )
    users = [f"client-{n}" for n in range(8)]
    for user in users:
        site.write(VIEWS, user.encode(), encode(event(user, "first-1", f"{user}.python")))
    site.producer.flush(30)
    for user in users:
        site.learned([f"{user}.python"])
        other.produce(site.name(CLICKS), encode(event(user, "second-1", f"{user}.confluent")), user.encode())
        assert other.flush(30) == 0
    names = {f"{user}.{client}" for user in users for client in ("python", "confluent")}
    found = [
        record
        for record in site.wait_for(
            RECOMMENDATIONS, lambda all_: names <= {slate.event_id for slate in read(all_, Recommendation)}, "16 slates"
        )
        if record.key.startswith(b"client-")
    ]
    validator = jsonschema.Draft202012Validator(json_schema(Recommendation))
    for record in found:
        data = json.loads(record.value)
        validator.validate(data)
        assert record.key.decode() == data["user_id"] == data["event_id"].partition(".")[0]
        assert record.partition == partition_of(data["user_id"], PARTITIONS)
        items = [slot["item_id"] for slot in data["slots"]]
        assert len(items) == len(set(items)) == 20
        assert all(0 < slot["propensity"] <= 1 for slot in data["slots"])
    assert {json.loads(record.value)["event_id"] for record in found} == names


def test_a_slate_shows_what_was_learned_and_its_outcome_is_published(site: Site, worker: WorkerProcess) -> None:
    slates: list[Recommendation] = []
    before: list[str] = []
    for n in range(5):
        site.send(("view", event("reader", f"first-{n}", f"reader.{n}")))
        slates.append(site.slate(f"reader.{n}"))
        after = [slot.item_id for slot in slates[-1].slots]
        assert f"second-{n}" in after[:8]  # of 40 items: it came next for all others
        assert after != before
        before = after
    log = site.learned(["reader.4"])
    assert log.recent["reader.4"] == ["first-3", "first-2", "first-1", "first-0"]
    assert set(log.offered["reader.4"]) == {"first-4", "first-3", "first-2", "first-1", "first-0"}
    first, second = slates[-2:]
    assert "first-4" not in {slot.item_id for slot in first.slots}
    site.send(("click", event("reader", before[3], "reader.5", decision_id=second.decision_id)))
    miss, hit = site.outcome(first.decision_id), site.outcome(second.decision_id)
    assert (miss.outcome, miss.reward, miss.hit, miss.event_id) == ("miss", 0.0, None, "reader.4")
    assert (hit.outcome, hit.reward, hit.hit, hit.event_id) == ("hit", 2.0, 3, "reader.5")
    for slate, outcome in ((first, miss), (second, hit)):
        assert [slot.propensity for slot in slate.slots] == outcome.propensities
        assert [slot.item_id for slot in slate.slots] == outcome.items
        assert [slot.source for slot in slate.slots] == outcome.sources
        assert (outcome.policy, outcome.decided_at) == (slate.policy, slate.timestamp)
    validator = jsonschema.Draft202012Validator(json_schema(Outcome))
    for record in site.records(OUTCOMES):
        validator.validate(json.loads(record.value))
        assert record.partition == partition_of(record.key.decode(), PARTITIONS)


class Bad(NamedTuple):
    """A record that must become a dead letter."""

    reason: str
    topic: Topic
    key: bytes | None
    value: bytes | None


def changed(**fields: Any) -> bytes:
    """An event with other fields than it should have; None takes a field away."""
    good = {"event_id": "bad", "user_id": "u1", "item_id": "first-1", "timestamp": time.time()}
    return json.dumps({key: value for key, value in (good | fields).items() if value is not None}).encode()


def bad_records() -> list[Bad]:
    """All that producers get wrong, on all topics."""
    now = time.time()
    return [
        Bad("not_json", VIEWS, b"u1", b"\x00\xff garbage \xfe"),
        Bad("not_json", CLICKS, b"u1", b""),
        Bad("not_json", PURCHASES, b"u1", changed(price=float("nan"))),
        Bad("not_json", VIEWS, b"u1", b'{"event_id": "\xff\xfe"}'),
        Bad("not_json", VIEWS, b"u1", changed(event_id="\ud800")),
        Bad("out_of_range", CLICKS, b"u1", b'{"deep":' + b"[" * 60_000),
        Bad("not_json", ITEMS, b"first-1", b"{"),
        Bad("wrong_type", VIEWS, b"u1", b"[1, 2]"),
        Bad("wrong_type", VIEWS, b"u1", changed(item_id=7)),
        Bad("wrong_type", PURCHASES, b"u1", changed(price="9.99")),
        Bad("wrong_type", USERS, b"u1", b'{"user_id": "u1", "attributes": {"nested": {}}}'),
        Bad("missing_field", VIEWS, b"u1", changed(user_id=None)),
        Bad("missing_field", CLICKS, b"u1", changed(timestamp=None)),
        Bad("missing_field", ITEMS, b"first-1", b"{}"),
        Bad("out_of_range", CLICKS, b"u1", changed(price=-1)),
        Bad("out_of_range", PURCHASES, b"u1", changed(quantity=0)),
        Bad("out_of_range", VIEWS, b"u1", changed(item_id="")),
        Bad("id_too_long", VIEWS, b"u1", changed(item_id="x" * 257)),
        Bad("id_too_long", ITEMS, b"i" * 300, None),
        Bad("bad_id", VIEWS, b"u1", changed(item_id="x ")),
        Bad("bad_timestamp", VIEWS, b"u1", changed(timestamp=now * 1000)),
        Bad("bad_timestamp", VIEWS, b"u1", changed(timestamp=now + 3600)),
        Bad("bad_timestamp", CLICKS, b"u1", changed(timestamp=12)),
        Bad("bad_timestamp", CLICKS, b"u1", changed(timestamp="2026-01-01")),
        Bad("unknown_event_type", VIEWS, b"u1", changed(type="stare")),
        Bad("wrong_topic", CLICKS, b"u1", changed(type="view")),
        Bad("wrong_key", VIEWS, b"u2", changed()),
        Bad("wrong_key", ITEMS, b"\xff\xfe", None),
        Bad("too_large", VIEWS, b"u1", changed(context={"text": "x" * 70_000})),
        Bad("empty", PURCHASES, b"u1", None),
    ]


def test_a_thousand_events_with_thirty_bad_ones(site: Site, worker: WorkerProcess) -> None:
    rng = random.Random("mixed")
    before, dead_before = worker.metrics(), site.records(DEAD)
    good = walk("mixed", 50, 1000 - BAD)
    bad = bad_records()
    assert (len(bad), {record.reason for record in bad}) == (BAD, set(REASONS) - {"unreadable"})
    mixed: list[tuple[EventType, Event] | Bad] = [*good, *bad]
    rng.shuffle(mixed)
    sent: list[tuple[Bad, Any]] = []
    for entry in mixed:
        if isinstance(entry, Bad):
            sent.append((entry, site.write(entry.topic, entry.key, entry.value)))
        else:
            site.write(EVENT_TOPICS[entry[0]], entry[1].user_id.encode(), encode(entry[1]))
    site.send(*good[:20])  # a producer's retry

    letters = {
        (letter.topic, letter.partition, letter.offset): (record, letter)
        for record in site.wait_for(DEAD, lambda all_: len(all_) >= len(dead_before) + BAD, "dead letters")
        for letter in read([record], DeadLetter)
    }
    assert len(letters) == len(dead_before) + BAD
    validator = jsonschema.Draft202012Validator(json_schema(DeadLetter))
    for entry, future in sent:
        written = future.get(10)
        record, letter = letters[written.topic, written.partition, written.offset]
        assert (letter.reason, letter.key, letter.value) == (entry.reason, entry.key, entry.value), letter.detail
        assert record.key == entry.key
        data = json.loads(record.value)
        validator.validate(data)
        assert data["value"] == (None if entry.value is None else base64.b64encode(entry.value).decode())

    log = site.learned(record.event_id for _, record in good)
    log.check()
    assert sum(log.events[record.event_id] for _, record in good) == len(good)
    assert "bad" not in log.events
    now = caught_up(site, worker, log)
    assert now["headwater_events_total"] - before["headwater_events_total"] == len(good)
    assert now["headwater_duplicate_events_total"] - before["headwater_duplicate_events_total"] == 20
    assert now["headwater_events_total"] == sum(log.events.values())
    assert now["headwater_records_folded_total"] == log.records
    assert now["headwater_records_skipped_total"] == 0
    for reason, count in Counter(entry.reason for entry in bad).items():
        metric = f'headwater_dead_letters_total{{reason="{reason}"}}'
        assert now[metric] - before[metric] == count
    assert worker.page("/healthz") == (200, "ok")


def caught_up(site: Site, worker: WorkerProcess, log: Folded) -> dict[str, float]:
    """Metrics, once the worker says that it has taken in and folded everything."""

    def metrics() -> dict[str, float] | None:
        now = worker.metrics()
        end = now["headwater_model_offset"] == log.end and now["headwater_log_lag_messages"] == 0
        return now if end and now["headwater_consumer_lag_events"] == 0 else None

    found = until(metrics, "caught up")
    with site.reader(LOG) as consumer:
        assert consumer.end_offsets(consumer.assignment()) == {TopicPartition(site.name(LOG), 0): log.end}
    return found


@pytest.mark.parametrize("end", ["unavailable", "tombstone"])
def test_an_item_that_is_gone_is_not_recommended(site: Site, worker: WorkerProcess, end: str) -> None:
    item = f"item-{end}"
    site.write(ITEMS, item.encode(), encode(Item(item_id=item, title="Gone soon")))
    for n in range(10):
        fan = f"fan-{end}-{n}"
        site.send(("view", event(fan, "herald", f"{fan}.1")), ("click", event(fan, item, f"{fan}.2")))
    log = site.learned(f"fan-{end}-{n}.2" for n in range(10))
    assert item in newest_slate(site, log.changes[item] + 1, f"before-{end}")
    gone = None if end == "tombstone" else encode(Item(item_id=item, available=False))
    site.write(ITEMS, item.encode(), gone)
    site.producer.flush(30)
    offset = site.folded(lambda new: new.changes.get(item, -1) > log.changes[item], "its end in the log").changes[item]
    assert item not in newest_slate(site, offset + 1, f"after-{end}")
    later = [slate for slate in read(site.records(RECOMMENDATIONS), Recommendation) if slate.model_version > offset]
    assert all(slot.item_id != item for slate in later for slot in slate.slots)


def newest_slate(site: Site, model_version: int, case: str) -> list[str]:
    """Items for a new user who has just seen `herald`, by a model that has folded so much of the log."""
    for n in range(20):
        site.send(("view", event(f"{case}-{n}", "herald", f"{case}.{n}")))
        slate = site.slate(f"{case}.{n}")
        if slate.model_version >= model_version:
            return [slot.item_id for slot in slate.slots]
    raise AssertionError(f"no slate by a model of {model_version}")


def test_a_forgotten_user_begins_anew(site: Site, worker: WorkerProcess) -> None:
    site.write(USERS, b"shy", encode(Profile(user_id="shy", attributes={"country": "at"})))
    for n in range(3):
        site.send(("view", event("shy", f"secret-{n}", f"shy.{n}")))
        log = site.learned([f"shy.{n}"])
    assert log.recent["shy.2"] == ["secret-1", "secret-0"]
    open_ = site.slate("shy.2")
    site.write(USERS, b"shy", None)
    site.producer.flush(30)
    site.folded(lambda new: new.changes.get("shy", -1) > log.changes["shy"], "tombstone in the log")
    taken_back = [record.value for record in site.records(RECOMMENDATIONS) if record.key == b"shy"]
    assert taken_back[-1] is None, "a tombstone follows the slates of who is forgotten"
    site.send(("view", event("shy", "first-3", "shy.again")))
    slate = site.slate("shy.again")
    assert {slot.item_id for slot in slate.slots if slot.source == "repeats"} <= {"first-3"}
    log = site.learned(["shy.again"])
    assert (log.recent["shy.again"], log.offered["shy.again"]) == ([], ["first-3"])
    assert open_.decision_id not in log.settled


def test_markers_of_transactions_are_gaps_and_no_lag(site: Site, worker: WorkerProcess) -> None:
    """A producer with transactions leaves an offset without a record behind each."""
    before = worker.metrics().get("headwater_skipped_offsets_total", 0.0)
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": site.config.kafka.broker,
            "transactional.id": f"{site.config.kafka.namespace}-shop",
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(30)
    for n in range(3):
        producer.begin_transaction()
        producer.produce(site.name(VIEWS), encode(event("banker", f"first-{n}", f"banker.{n}")), b"banker")
        producer.commit_transaction(30)
        site.learned([f"banker.{n}"])
    until(lambda: worker.metrics()["headwater_skipped_offsets_total"] >= before + 2, "two markers between three events")
    until(lambda: worker.metrics()["headwater_consumer_lag_events"] == 0, "no lag behind the last marker")


def test_records_deleted_unread_are_counted_as_lost(site: Site, worker: WorkerProcess) -> None:
    """While the worker sleeps, five events come and the first three of them are deleted."""
    site.send(("purchase", event("late", "first-0", "late.0")))
    log = site.learned(["late.0"])
    partition = partition_of("late", PARTITIONS)
    end = log.taken[f"users/{partition}", str(USER_TOPICS.index(PURCHASES))][-1] + 1
    before = worker.metrics().get("headwater_lost_records_total", 0.0)
    worker.kill(signal.SIGSTOP)
    try:
        time.sleep(1.0)  # the fetch under way ends after 0.1 s
        site.send(*(("purchase", event("late", f"first-{n}", f"late.{n}")) for n in range(1, 6)))
        asyncio.run(Connections(site.config.kafka).delete_before(PURCHASES, partition, end + 3))
    finally:
        worker.kill(signal.SIGCONT)
    log = site.learned(["late.4", "late.5"])
    assert log.recent["late.5"] == ["first-4", "first-0"]
    until(lambda: worker.metrics()["headwater_lost_records_total"] == before + 3, "three events reported as lost")


def test_the_endpoints_report_the_state(worker: WorkerProcess) -> None:
    status, text = worker.page("/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    wanted = {
        "events",
        "dead_letters",
        "event_to_recommendation_seconds",
        "consumer_lag_events",
        "model_offset",
        "ready",
    }
    assert {f"headwater_{name}" for name in wanted} <= families.keys()
    assert all(family.documentation for family in families.values())
    assert families["headwater_ready"].samples[0].value == 1
    lag = [
        (sample.labels["topic"], sample.labels["partition"])
        for sample in families["headwater_consumer_lag_events"].samples
    ]
    assert len(lag) == len(set(lag)) == 6 * PARTITIONS + 1
    if (promtool := shutil.which("promtool")) is not None:
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert worker.page("/healthz") == (200, "ok")
    assert worker.page("/readyz")[0] == 200


def test_other_policies_are_judged_from_the_topic(
    site: Site, worker: WorkerProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = walk("judged", 10, 200)
    site.send(*events)
    site.learned(record.event_id for _, record in events)
    for name in ("broker", "namespace", "partitions"):
        monkeypatch.setenv(f"HEADWATER_KAFKA_{name.upper()}", str(getattr(site.config.kafka, name)))
    assert cli.main(["ope", "--resamples", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    told = {each.decision_id: each.outcome for each in read(site.records(OUTCOMES), Outcome)}
    assert 0 < sum(what not in UNLEARNED for what in told.values()) - found["decisions"] + 1 <= 10  # more have come
    assert list(found["candidates"]) == ["disagreement", "fixed: ranked", "uniform"]
    own = found["candidates"]["disagreement"]["slates"]["reward interaction"]
    assert own["effective_decisions"] > 0.5 * found["decisions"]  # it is the policy that drew them


def test_simulated_shoppers_close_the_loop(
    site: Site, worker: WorkerProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("broker", "namespace", "partitions"):
        monkeypatch.setenv(f"HEADWATER_KAFKA_{name.upper()}", str(getattr(site.config.kafka, name)))
    monkeypatch.setenv("HEADWATER_POLICY_SEED", "live")
    arguments = ["simulate", "--live", "--world", "strong", "--decisions", "600", "--rate", "300", "--json"]
    assert cli.main(arguments) == 0
    told = json.loads(capsys.readouterr().out)["policies"]["live"]
    assert told["hit_rate"][0] > 0.01

    def hits() -> int:
        outcomes = read(site.records(OUTCOMES), Outcome)
        return sum(o.outcome == "hit" for o in outcomes if o.user_id.startswith("shopper-live-"))

    until(lambda: hits() >= 0.8 * told["hit_rate"][0] * 600, "the hits that the shoppers counted")
