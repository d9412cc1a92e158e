"""Replay, watch and recommend against a real Kafka."""

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from stream import cli
from stream.client.producer import Sender
from stream.client.slates import Slates
from stream.client.watch import Watcher, partition_of
from stream.config import Kafka
from stream.errors import BrokerError
from stream.kafka.admin import create_or_verify
from stream.processes.broker import Broker
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Recommendation, Slot
from stream.records.topics import CLICKS, ITEMS, PURCHASES, RECOMMENDATIONS, VIEWS, Topic, prefixed

pytestmark = pytest.mark.kafka
TAOBAO = "".join(f"u{n % 7},i{n % 5},c{n % 2},{('pv', 'cart', 'buy')[n % 3]},{1_500_000_000 + n}\n" for n in range(60))


@pytest.fixture
def config(broker: Broker, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """A namespace of its own, with topics, for this process and its children."""
    kafka = Kafka(broker=broker.address, namespace=namespace.rstrip("."), partitions=4)
    for name in ("broker", "namespace", "partitions"):
        monkeypatch.setenv(f"HEADWATER_KAFKA_{name.upper()}", str(getattr(kafka, name)))
    create_or_verify(kafka)
    return kafka


def records(config: Kafka, topic: Topic) -> list[tuple[int, bytes, bytes]]:
    """(partition, key, value) of everything in a topic."""
    name = prefixed(config.namespace, topic)
    with closing(KafkaConsumer(bootstrap_servers=config.broker, auto_offset_reset="earliest")) as consumer:
        partitions = [TopicPartition(name, n) for n in sorted(consumer.partitions_for_topic(name))]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found: list[tuple[int, bytes, bytes]] = []
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for batch in consumer.poll(timeout_ms=200).values():
                found += [(record.partition, record.key, record.value) for record in batch]
        return found


def test_a_file_arrives_whole_keyed_and_in_order(
    config: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.csv"
    file.write_text(TAOBAO)
    assert cli.main(["replay", str(file)]) == 0
    assert capsys.readouterr().out.startswith("sent 5 items and 60 events in ")
    items = [msgspec.json.decode(value, type=Item) for _, _, value in records(config, ITEMS)]
    assert sorted(item.item_id for item in items) == [f"i{n}" for n in range(5)]
    ids = set[str]()
    for topic, first in ((VIEWS, 0), (CLICKS, 1), (PURCHASES, 2)):
        found = records(config, topic)
        events = [msgspec.json.decode(value, type=Event) for _, _, value in found]
        assert sorted(event.timestamp for event in events) == [1_500_000_000 + n for n in range(first, 60, 3)]
        ids |= {event.event_id for event in events}
        for (partition, key, _), event in zip(found, events, strict=True):
            assert key == event.user_id.encode()
            assert partition == partition_of(event.user_id, 4)
        for user in {event.user_id for event in events}:
            times = [event.timestamp for event in events if event.user_id == user]
            assert times == sorted(times)
    assert len(ids) == 60


def test_a_rate_is_kept(config: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.csv"
    file.write_text(TAOBAO)
    assert cli.main(["replay", str(file), "--rate", "50", "--limit", "51", "--users", "6"]) == 0
    words = capsys.readouterr().out.split()
    assert words[4:6] == ["51", "events"]
    assert 1.0 <= float(words[7]) < 3.0


def test_bad_lines_are_counted_and_left_out(config: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user_id,item_id,event,timestamp\nu,i,view,1500000000\nu,i,stare,1500000000\n")
    assert cli.main(["replay", str(file)]) == 2
    assert records(config, VIEWS) == []
    capsys.readouterr()
    assert cli.main(["replay", str(file), "--skip-bad"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith(f"1 line left out: 1 `event` must be one of view, click, purchase\n  {file} line 3:")
    assert len(records(config, VIEWS)) == 1


def test_topics_that_are_missing_have_their_own_exit_code(
    config: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", f"{config.namespace}.none")
    file = tmp_path / "log.csv"
    file.write_text(TAOBAO)
    assert cli.main(["replay", str(file)]) == 4
    assert cli.main(["topics", "--dry-run"]) == 4
    assert cli.main(["watch"]) == 4
    assert cli.main(["topics"]) == 0
    assert cli.main(["topics"]) == 0
    assert "created" in capsys.readouterr().out


def test_a_record_that_is_not_taken_is_an_error(config: Kafka) -> None:
    small = msgspec.structs.replace(config, namespace=f"{config.namespace}.small")
    with KafkaAdminClient(bootstrap_servers=config.broker) as admin:
        admin.create_topics({prefixed(small.namespace, ITEMS): {"configs": {"max.message.bytes": "1000"}}})
        admin.wait_for_topics([prefixed(small.namespace, ITEMS)])
    with Sender(small) as sender:
        sender.item(Item(item_id="big", text="x" * 2000))
        with pytest.raises(BrokerError, match=r"a record was not taken: .*MessageSizeTooLarge"):
            sender.flush()
    with Sender(config) as sender, pytest.raises(BrokerError, match=r"a record was not taken: .*2000118 bytes"):
        sender.item(Item(item_id="big", text="x" * 2_000_000))


def slate(user: str, items: str, epoch: int = 0) -> Recommendation:
    return Recommendation(
        user_id=user, decision_id=f"{epoch}.0", event_id="e", timestamp=1.5e9, model_version=0, epoch=epoch,
        policy="sarsa", slots=[Slot(item, 0.5, "ranked", 0.9) for item in items],
    )  # fmt: skip


def publish(config: Kafka, *slates: Recommendation) -> None:
    with Sender(config) as sender:
        for record in slates:
            sender._send(RECOMMENDATIONS, record.user_id, record)
        sender.flush()


def test_recommend_prints_the_newest_slate_with_titles(config: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    with Sender(config) as sender:
        sender.item(Item(item_id="a", title="Alien"))
        sender.flush()
    publish(config, slate("u1", "ba", epoch=3), slate("u2", "b"), slate("u1", "ab", epoch=5), slate("u1", "b", epoch=4))
    assert cli.main(["recommend", "u1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["epoch"], [slot["title"] for slot in found["slots"]]) == (5, ["Alien", "b"])
    assert cli.main(["recommend", "u1"]) == 0
    assert "Alien" in capsys.readouterr().out
    assert cli.main(["recommend", "u9"]) == 1
    assert capsys.readouterr().err.startswith("headwater: no slate was published for user 'u9'")


def test_watch_shows_what_arrives_from_now_on(config: Kafka) -> None:
    publish(config, slate("old", "a"))
    with closing(Watcher(config)) as watcher:
        assert not watcher.slates.newest
        publish(config, slate("u1", "a"), slate("u2", "b"))
        found = Counter[str]()
        while sum(found.values()) < 2:
            found.update(refresh.slate.user_id for refresh in watcher.poll())
        assert found == Counter(["u1", "u2"])


def test_watch_of_one_user_begins_with_the_newest_slate(config: Kafka) -> None:
    publish(config, slate("u1", "a"), slate("u2", "b"), slate("u1", "b"))
    done = subprocess.run(
        [sys.executable, "-m", "stream.cli", "watch", "--user", "u1", "--limit", "1"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith("user u1: b (ranked 0.90)")


def test_the_wire_record_is_read_as_it_is_written() -> None:
    refresh = Slates().take(b"u", encode(slate("u", "ab")), 2.0)
    assert refresh is not None
    assert refresh.slate == slate("u", "ab")
