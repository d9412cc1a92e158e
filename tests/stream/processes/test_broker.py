"""The development broker starts, answers, keeps its data and never outlives its parent."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError

from stream.processes.broker import Broker, BrokerSettings, BrokerUnavailableError


def create_topic(broker: Broker, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)], wait_for_metadata=True)
    finally:
        admin.close()


def produce(address: str, topic: str, value: bytes, **options: object) -> None:
    producer = KafkaProducer(bootstrap_servers=address, **options)
    try:
        producer.send(topic, value).get(timeout=20)
    finally:
        producer.close()


def consume(address: str, topic: str, count: int, **options: object) -> list[bytes]:
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", **options)
    deadline, values = time.monotonic() + 20, list[bytes]()
    try:
        while len(values) < count and time.monotonic() < deadline:
            values += [record.value for batch in consumer.poll(timeout_ms=500).values() for record in batch]
    finally:
        consumer.close()
    return values


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.kafka
def test_record_goes_through(broker: Broker, namespace: str) -> None:
    create_topic(broker, f"{namespace}events")
    produce(broker.address, f"{namespace}events", b"click")
    assert consume(broker.address, f"{namespace}events", 1) == [b"click"]


@pytest.mark.kafka
def test_topics_are_not_made_by_accident(broker: Broker, namespace: str) -> None:
    with pytest.raises(KafkaTimeoutError):
        produce(broker.address, f"{namespace}typo", b"click", max_block_ms=1000)


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_data_and_port_outlive_crash_and_restart(tmp_path: Path) -> None:
    with Broker(BrokerSettings(data_dir=tmp_path)) as broker:
        create_topic(broker, "events")
        produce(broker.address, "events", b"click")
        address, pid = broker.address, broker.pid
        broker.kill()
        assert not listens(broker.port)
        broker.start()
        assert broker.address == address
        assert broker.pid != pid
        assert consume(address, "events", 1) == [b"click"]
    assert not listens(broker.port)
    assert (tmp_path / "data" / "events-0").is_dir()


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from stream.processes.broker import Broker, BrokerSettings
with Broker(BrokerSettings(data_dir=Path({str(tmp_path)!r}))) as broker:
    print(broker.port, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout
            port = int(parent.stdout.readline())
            assert listens(port)
        finally:
            parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)
    # Written at the end of an orderly stop: the lost parent led to SIGTERM, not to a crash.
    while not (clean := tmp_path / "data" / ".kafka_cleanshutdown").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert clean.exists()


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    settings = BrokerSettings(data_dir=tmp_path, properties={"metric.reporters": "no.such.Reporter"})
    with (
        pytest.raises(BrokerUnavailableError, match=r"ended before it answered(.|\n)*no\.such\.Reporter"),
        Broker(settings),
    ):
        pytest.fail("started")


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_taken_port_is_one_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(BrokerUnavailableError, match=rf"port {port} of 127\.0\.0\.1 is taken.*choose another"),
            Broker(BrokerSettings(port=port, data_dir=tmp_path)),
        ):
            pytest.fail("started")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with (
        pytest.raises(BrokerUnavailableError, match=r"cannot write to .*choose another place"),
        Broker(BrokerSettings(data_dir=tmp_path / "file" / "kafka")),
    ):
        pytest.fail("started")
