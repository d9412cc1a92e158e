"""Topics that are deleted and made again, or given more partitions, under a running worker and between two runs."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.topics import CLICKS, KEYED_BY_USER, RECOMMENDATIONS, Topic
from tests.support.kafka_site import PARTITIONS, Site, event, until

pytestmark = pytest.mark.kafka
REMADE = f'headwater_topics_remade_total{{topic="{CLICKS.name}"}}'


def remake(site: Site, topic: Topic) -> None:
    """Delete a topic and make it again, as an operator does."""
    with KafkaAdminClient(bootstrap_servers=site.config.kafka.broker) as admin:
        admin.delete_topics([site.name(topic)])
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                admin.create_topics(
                    {site.name(topic): {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": topic.config}}
                )
                return
            except Exception:  # it is still being deleted
                time.sleep(0.2)
    raise AssertionError(f"{topic.name}: not made again within 30 s")


def clicks(site: Site, name: str, count: int) -> list[str]:
    """Clicks of a few users; returns their event ids."""
    ids = [f"{name}-{n}" for n in range(count)]
    site.send(*(("click", event(f"u{n % 5}", "oolong", each)) for n, each in enumerate(ids)))
    return ids


@pytest.mark.parametrize("after", [6, 40], ids=["shorter", "longer than the position"])
def test_a_topic_made_again_under_a_running_worker(broker: Broker, namespace: str, tmp_path: Path, after: int) -> None:
    log = tmp_path / "log"
    with closing(Site(broker.address, namespace)) as site:
        with WorkerProcess(site.config, log) as worker:
            worker.wait_ready()
            site.learned(clicks(site, "before", 26))
            remake(site, CLICKS)
            site.learned(clicks(site, "after", after), within_s=60)
            until(lambda: worker.metrics().get(REMADE, 0) >= 1, "the new topic to be counted")
            worker.wait_ready(60)
        assert log.read_text().count(f"topic {CLICKS.name} was deleted and made again") == 1
        with WorkerProcess(site.config) as again:
            again.wait_ready()
            folded = site.learned(clicks(site, "last", 6))
            assert again.metrics()[REMADE] == 0.0
            assert set(folded.events.values()) == {1}
            assert len(folded.events) == 26 + after + 6


def test_a_topic_made_again_between_two_runs(broker: Broker, namespace: str) -> None:
    """The new one is longer than the positions of the old: only its number says that it is another one."""
    with closing(Site(broker.address, namespace)) as site:
        with WorkerProcess(site.config) as worker:
            worker.wait_ready()
            site.learned(clicks(site, "before", 10))
        remake(site, CLICKS)
        ids = clicks(site, "after", 40)
        with WorkerProcess(site.config) as worker:
            worker.wait_ready()
            folded = site.learned(ids)
            assert worker.metrics()[REMADE] >= 1
            assert len(folded.events) == 50


def test_partitions_that_were_added_are_said_at_once(broker: Broker, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with closing(Site(broker.address, namespace)) as site, WorkerProcess(site.config, log) as worker:
        worker.wait_ready()
        site.learned(clicks(site, "before", 10))
        with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
            admin.create_partitions({site.name(CLICKS): PARTITIONS + 1})
        until(lambda: worker.page("/readyz")[0] == 503, "not ready")
        until(lambda: "partitions were changed" in worker.page("/readyz")[1], "the reason")
        reason = worker.page("/readyz")[1]
        assert f"{CLICKS.name} has 5 instead of 4" in reason
        assert "deploy/README.md" in reason
        site.write(CLICKS, b"u1", b"{}", partition=0)
        ids = [f"v-{n}" for n in range(5)]
        site.send(*(("view", event(f"u{n}", "oolong", each)) for n, each in enumerate(ids)))
        site.learned(ids, within_s=60)  # what it owns is served
        assert worker.page("/healthz")[0] == 200
        time.sleep(6)  # another look
        assert log.read_text().count("partitions were changed") == 1
        assert CLICKS in KEYED_BY_USER


def test_a_gateway_says_that_partitions_were_added_and_goes_on(broker: Broker, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with closing(Site(broker.address, namespace)) as site, GatewayProcess(site.config, log) as gateway:
        gateway.wait_ready()
        assert "partitions" not in gateway.page("/readyz")[1]
        with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
            admin.create_partitions({site.name(RECOMMENDATIONS): PARTITIONS + 2})
        until(lambda: "partitions were changed" in gateway.page("/readyz")[1], "the reason")
        status, said = gateway.page("/readyz")
        assert f"{site.name(RECOMMENDATIONS)} has 6 instead of 4" in said
        assert status == 200
        time.sleep(6)  # another look
        assert log.read_text().count("partitions were changed") == 1
