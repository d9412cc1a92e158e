"""Batches in every codec are read; those that nobody can read are stepped over, once, by every client."""

from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from stream.client.watch import Watcher
from stream.ope.log import messages_of_topic
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.schemas import Item
from stream.records.topics import CLICKS, EVENT_TOPICS, ITEMS, LOG, OUTCOMES, TOPICS, VIEWS
from tests.support.kafka_site import Site, event, until
from tests.support.segments import Damage, Segment

pytestmark = pytest.mark.kafka
CODECS = ("gzip", "snappy", "lz4", "zstd")
HOWS: tuple[Damage, ...] = ("checksum", "codec", "packed")


def send_batch(site: Site, name: str, count: int = 3, compression: str | None = None) -> list[str]:
    """Some views of one user, as one batch; returns their event ids."""
    producer = KafkaProducer(
        bootstrap_servers=site.config.kafka.broker, acks="all", linger_ms=1000, compression_type=compression
    )
    with closing(producer):
        ids = [f"{name}-{n}" for n in range(count)]
        for each in ids:
            record = event("u1", "oolong", each)
            producer.send(site.name(VIEWS), key=b"u1", value=encode(record), partition=0)
        producer.flush(30)
    return ids


def test_all_codecs_on_all_topics(broker: Broker, namespace: str) -> None:
    with closing(Site(broker.address, namespace)) as site:
        with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
            for n, topic in enumerate(TOPICS):
                codec = "zstd" if topic is LOG else CODECS[n % len(CODECS)]
                packed = topic.config | {"compression.type": codec}
                admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, site.name(topic), packed)])
        ids = [each for codec in CODECS for each in send_batch(site, codec, compression=codec)]
        site.write(ITEMS, b"oolong", encode(Item(item_id="oolong", title="Oolong")))
        site.producer.flush(10)
        with WorkerProcess(site.config) as worker, GatewayProcess(site.config) as gateway:
            worker.wait_ready()
            gateway.wait_ready()
            site.learned(ids)
        with WorkerProcess(site.config) as again:  # reads log and snapshots packed
            again.wait_ready()
            site.learned(send_batch(site, "after"))
        with closing(Watcher(site.config.kafka, "u1")) as watcher:
            assert watcher.titles["oolong"] == "Oolong"
            assert watcher.slates.newest


def test_what_nobody_can_read_is_stepped_over_once(broker: Broker, namespace: str, tmp_path: Path) -> None:
    with closing(Site(broker.address, namespace)) as site:
        good = send_batch(site, "first", 2)
        for how in HOWS:
            send_batch(site, how, 3)
            good += send_batch(site, f"after-{how}", 1)
        send_batch(site, "tail", 4)  # and nothing comes after it
        segment = Segment(broker, site.name(VIEWS), 0)
        bad = [segment.damage(2 * n + 1, how) for n, how in enumerate((*HOWS, HOWS[0]))]
        assert [(each.first, each.last) for each in bad] == [(2, 4), (6, 8), (10, 12), (14, 17)]
        log = tmp_path / "worker.log"
        counted = f'headwater_unreadable_records_total{{topic="{VIEWS.name}"}}'
        with (
            WorkerProcess(site.config, log) as worker,
            GatewayProcess(site.config, tmp_path / "gateway.log") as gateway,
        ):
            worker.wait_ready()
            gateway.wait_ready()
            site.learned(good)
            until(lambda: worker.metrics().get(counted) == 13.0, "13 offsets counted")
            letters = site.dead_letters(4)
            assert [letter.reason for letter in letters] == ["unreadable"] * 4
            assert "offsets 2 to 4 cannot be read for good: bad checksum" in letters[0].detail
            assert "offsets 6 to 8 cannot be read for good: unknown codec 6" in letters[1].detail
            assert "offsets 10 to 12 cannot be read for good: its lz4 do not unpack" in letters[2].detail
        text = log.read_text()
        assert (
            text.count(f"{site.name(VIEWS)}/0: offsets 2 to 4 cannot be read for good: bad checksum; stepped over") == 1
        )
        assert "offsets 14 to 17 cannot be read" in (tmp_path / "gateway.log").read_text()
        with WorkerProcess(site.config) as again:
            again.wait_ready()
            folded = site.learned(send_batch(site, "last", 2))
            folded.check()
            assert again.metrics()[counted] == 0.0
        assert len(site.dead_letters(4)) == 4
        assert site.records(VIEWS)[-1].offset == 19  # kafka-python's consumers get past it too


def test_a_hole_in_the_log_stops_the_worker_with_a_sentence(broker: Broker, namespace: str, tmp_path: Path) -> None:
    with closing(Site(broker.address, namespace)) as site:
        with WorkerProcess(site.config) as worker:
            worker.wait_ready()
            site.learned(send_batch(site, "e"))
        bad = Segment(broker, site.name(LOG), 0).damage(1, "checksum")
        log = tmp_path / "worker.log"
        with WorkerProcess(site.config, log) as worker:
            until(lambda: worker.exit_code is not None, "the worker to end", 60)
            assert worker.exit_code == 1
        line = next(each for each in log.read_text().splitlines() if "UnreadableError" in each)
        assert f"{site.name(LOG)}/0: offsets {bad.first} to {bad.last} cannot be read for good: bad checksum" in line
        assert "none may be left out" in line


def test_outcomes_that_cannot_be_read_do_not_hang_ope(broker: Broker, namespace: str) -> None:
    with closing(Site(broker.address, namespace)) as site:
        for value in (b"a", b"b", b"c"):
            site.write(OUTCOMES, b"u1", value, partition=0)
            site.producer.flush(10)
        for number in (1, 2):
            Segment(broker, site.name(OUTCOMES), 0).damage(number, HOWS[number])
        assert list(messages_of_topic(site.config.kafka)) == [b"a"]


def test_events_of_aborted_transactions_are_not_learned(broker: Broker, namespace: str, tmp_path: Path) -> None:
    with closing(Site(broker.address, namespace)) as site, WorkerProcess(site.config, tmp_path / "log") as worker:
        worker.wait_ready()
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", transactional_id=f"{namespace}t")
        with closing(producer):
            producer.init_transactions()
            for name, commit in (("kept-1", True), ("dropped", False), ("kept-2", True), ("dropped-too", False)):
                producer.begin_transaction()
                record = event("u1", "oolong", name)
                producer.send(site.name(EVENT_TOPICS["click"]), key=b"u1", value=encode(record), partition=0)
                producer.flush(10)
                if commit:
                    producer.commit_transaction()
                else:
                    producer.abort_transaction()
        folded = site.learned(["kept-1", "kept-2"])
        site.send(("view", event("u1", "oolong", "later")))
        folded = site.learned(["kept-1", "kept-2", "later"])
        assert not {"dropped", "dropped-too"} & folded.events.keys()
        until(lambda: worker.metrics().get("headwater_consumer_lag_events") == 0, "no lag behind an aborted tail")
        lost = worker.metrics()["headwater_lost_records_total"]
        assert lost == 0
    assert CLICKS.name in {topic.name for topic in EVENT_TOPICS.values()}


def test_a_wrong_partitioner_is_said_once(broker: Broker, namespace: str, tmp_path: Path) -> None:
    with closing(Site(broker.address, namespace)) as site, WorkerProcess(site.config, tmp_path / "log") as worker:
        worker.wait_ready()
        ids = []
        for n in range(8):  # all four partitions in turn: three of four are wrong
            ids.append(f"e{n}")
            site.write(VIEWS, b"u1", encode(event("u1", "oolong", ids[-1])), partition=n % 4)
        site.producer.flush(10)
        until(
            lambda: worker.metrics().get(f'headwater_misplaced_records_total{{topic="{VIEWS.name}"}}') == 6,
            "six misplaced records",
        )
        text = (tmp_path / "log").read_text()
        assert text.count("set partitioner=murmur2_random") == 1
