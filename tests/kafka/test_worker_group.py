"""Several workers, snapshots and cuts of the log while events flow: nothing is lost, nothing counted twice."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from kafka import TopicPartition

from stream.cli import cli
from stream.client.model_file import Stand, look
from stream.kafka.connections import Connections
from stream.model.copy import ModelCopy
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.topics import LOG, MODEL_SNAPSHOTS, RECOMMENDATIONS, USER_SNAPSHOTS, all_shards
from tests.kafka.test_worker_restart import START_S, Stream
from tests.support.kafka_site import Site, event, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def site(broker: Broker, namespace: str) -> Iterator[Site]:
    site = Site(broker.address, namespace.rstrip("."))
    worker = msgspec.structs.replace(site.config.worker, snapshot_s=2.0, fingerprint_every=20)
    site.config = msgspec.structs.replace(site.config, worker=worker)
    yield site
    site.close()


def stand(site: Site) -> Stand:
    """The newest snapshot of the model, and where the log starts and ends."""
    return asyncio.run(look(Connections(site.config.kafka)))


def counted(saved: ModelCopy | None) -> int:
    """Events that the model has learned."""
    return 0 if saved is None else int(saved.parts["catalogue"]["events"][0])


def owned(worker: WorkerProcess) -> float:
    return worker.metrics().get("headwater_shards_owned", 0.0)


def fingerprints(*workers: WorkerProcess) -> list[tuple[int, str]]:
    """Offset and fingerprint of each worker's model."""
    pages = [json.loads(worker.page("/fingerprint")[1]) for worker in workers]
    return [(page["offset"], page["fingerprint"]) for page in pages]


def test_workers_come_and_go_while_the_log_is_truncated(site: Site, tmp_path: Path) -> None:
    """A joins B, B sleeps past its session, A leaves: every event is learned once, and the log has been truncated."""
    a, b = (WorkerProcess(site.config, tmp_path / f"{name}.log") for name in "ab")
    every = len(all_shards(site.config.kafka.partitions))
    with Stream(site, "stream") as stream, a:
        a.wait_ready(START_S)
        with b:
            until(
                lambda: 0 < owned(a) < every and owned(a) + owned(b) == every, "shards shared by two workers", START_S
            )
            time.sleep(3)
            b.kill(signal.SIGSTOP)
            until(lambda: owned(a) == every, "one worker takes over from one that sleeps", START_S)
            b.kill(signal.SIGCONT)
            until(lambda: owned(a) + owned(b) == every and owned(b) > 0, "the sleeper comes back", START_S)
            until(lambda: stand(site).log_start > 0, "a truncated log", START_S)
            assert a.stop() == 0
            until(lambda: owned(b) == every, "the other takes over", START_S)
            stream.end()
            until(lambda: counted(stand(site).saved) == len(stream.sent), "all events in a snapshot", START_S)
            assert b.metrics()["headwater_fingerprint_disagreements_total"] == 0
            a.start()
            until(lambda: owned(a) > 0, "a newcomer that starts from a snapshot", START_S)
            until(lambda: len(set(fingerprints(a, b))) == 1, "equal models", START_S)
            assert a.stop() == 0
            assert b.stop() == 0
    for name in "ab":
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()


def test_a_forgotten_user_leaves_no_trace(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_BROKER", site.config.kafka.broker)
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", site.config.kafka.namespace)
    monkeypatch.setenv("HEADWATER_KAFKA_PARTITIONS", str(site.config.kafka.partitions))
    with WorkerProcess(site.config) as worker:
        worker.wait_ready(START_S)
        site.send(("view", event("first-user", "tea", "first-user.1")))  # nobody can be shown what nobody knows
        site.learned(["first-user.1"])
        site.send(*(("view", event(user, "rice", f"{user}.1")) for user in ("secret-user", "other-user")))
        site.slate("secret-user.1")
        until(lambda: b"secret-user" in stored(site), "a snapshot with the user", START_S)
        done = CliRunner().invoke(cli, ["forget", "secret-user"])
        assert done.exit_code == 0, done.output
        until(lambda: b"secret-user" not in stored(site), "snapshots without the user", START_S)
        assert b"other-user" in stored(site)
        newest = {record.key: record.value for record in site.records(RECOMMENDATIONS)}
        assert newest[b"secret-user"] is None
        assert newest[b"other-user"] is not None
        site.send(("view", event("secret-user", "rice", "secret-user.2")))
        assert site.slate("secret-user.2").user_id == "secret-user"


def stored(site: Site) -> bytes:
    """All that is in the topics of snapshots, and in the log as far as it has not been truncated."""
    return b"".join(record.value for topic in (USER_SNAPSHOTS, MODEL_SNAPSHOTS, LOG) for record in site.records(topic))


def test_a_saved_model_moves_to_another_namespace(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: Broker
) -> None:
    file = tmp_path / "model.bin"
    run = CliRunner().invoke
    kafka = site.config.kafka
    for name, value in (
        ("BROKER", kafka.broker),
        ("NAMESPACE", kafka.namespace),
        ("PARTITIONS", str(kafka.partitions)),
    ):
        monkeypatch.setenv(f"HEADWATER_KAFKA_{name}", value)
    refused = run(cli, ["model", "save", str(file)], standalone_mode=False)
    assert "no whole snapshot" in str(refused.exception)
    with WorkerProcess(site.config) as worker:
        worker.wait_ready(START_S)
        site.send(*(("view", event(f"u{n}", f"i{n % 7}", f"e{n}")) for n in range(50)))
        until(lambda: counted(stand(site).saved) == 50, "a snapshot", START_S)
    assert run(cli, ["model", "save", str(file)]).exit_code == 0
    assert "popularity" in run(cli, ["model", "info", str(file)]).output
    there = Site(broker.address, f"{kafka.namespace}.there")
    try:
        monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", there.config.kafka.namespace)
        loaded = run(cli, ["model", "load", str(file)])
        assert loaded.exit_code == 0, loaded.output
        with WorkerProcess(there.config) as worker:
            worker.wait_ready(START_S)
            there.send(("view", event("new", "i1", "first")))
            slate = there.slate("first")
        assert {slot.item_id for slot in slate.slots} == {f"i{n}" for n in range(7)}
        refused = run(cli, ["model", "load", str(file)], standalone_mode=False)
        assert "headwater.log" in str(refused.exception)
    finally:
        there.close()
    site_log = TopicPartition(site.name(LOG), 0)
    assert site_log.topic.startswith(kafka.namespace)
