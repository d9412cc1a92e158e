"""What keeps a worker from starting: one line that says why, an exit code, and soon."""

import os
import socket
import subprocess
import sys
import time

import pytest
from kafka import KafkaAdminClient

from stream.processes.broker import Broker, free_ports
from stream.records.topics import LOG, RECOMMENDATIONS, TOPICS, VIEWS, prefixed

pytestmark = pytest.mark.kafka
WITHIN_S = 30.0
WORKER = (sys.executable, "-m", "stream.cli", "worker")


def line(code: int, *options: str, command: tuple[str, ...] = WORKER, **environment: str) -> str:
    """The one line on standard error of a worker that does not start, with that exit code."""
    started, port = time.monotonic(), str(free_ports(1)[0])
    known = {**os.environ, "HEADWATER_WORKER_PORT": port, **environment}
    done = subprocess.run([*command, *options], env=known, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert time.monotonic() - started < WITHIN_S
    assert done.stderr.startswith("headwater: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def create(broker: Broker, namespace: str, partitions: dict[str, int]) -> None:
    """All topics of a namespace, with two partitions unless `partitions` or the topic itself says otherwise."""
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.create_topics(
            {
                prefixed(namespace, topic): {
                    "num_partitions": partitions.get(topic.name, topic.partitions or 2), "replication_factor": 1,
                }
                for topic in TOPICS
            },
            wait_for_metadata=True,
        )  # fmt: skip


def test_nobody_listens_at_the_address() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    assert line(3, "--broker", address).startswith(f"headwater: broker not reachable: {address}: Connection refused;")


def test_something_else_listens_at_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert "does not answer as Kafka should" in line(3, "--broker", address)


def test_topics_are_missing(broker: Broker) -> None:
    message = line(4, "--broker", broker.address, HEADWATER_KAFKA_NAMESPACE="nowhere")
    assert all(prefixed("nowhere", topic) in message for topic in TOPICS)
    assert message.endswith("run `headwater topics`\n")


def test_partition_counts_differ(broker: Broker, namespace: str) -> None:
    site = namespace.rstrip(".")
    create(broker, site, {VIEWS.name: 3, LOG.name: 2})
    message = line(4, "--broker", broker.address, HEADWATER_KAFKA_NAMESPACE=site)
    assert "topics keyed by user must have equal partition counts" in message
    assert f"{prefixed(site, VIEWS)} 3, " in message
    assert f"{prefixed(site, RECOMMENDATIONS)} 2" in message
    assert f"{prefixed(site, LOG)} must have 1 partition; got 2" in message


def test_a_setting_cannot_be_used() -> None:
    assert "Expected `int` <= 40 - at `$.slate.slots`" in line(2, HEADWATER_SLATE_SLOTS="99")
