"""An experiment through a real Kafka: started and ended while a worker serves, read from log and snapshot."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream import cli
from stream.config import Worker
from stream.experiments.definition import variant_of
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.schemas import UNLEARNED, Experiment, Outcome, Recommendation
from stream.records.topics import EXPERIMENTS, MODEL_SNAPSHOTS, OUTCOMES, RECOMMENDATIONS
from tests.support.kafka_site import Site, event, read, until, walk

pytestmark = pytest.mark.kafka
FILE = """
name = "bolder"
holdout = 0.1
[[variant]]
name = "control"
share = 0.5
[[variant]]
name = "bold"
share = 0.5
policy = { name = "q_learning", epsilon = 0.5 }
"""


@pytest.fixture
def site(broker: Broker, namespace: str) -> Iterator[Site]:
    site = Site(broker.address, namespace.rstrip("."))
    site.config = msgspec.structs.replace(site.config, worker=Worker(port=0, snapshot_s=3.0))
    yield site
    site.close()


def run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", site.config.kafka.namespace)
    return cli.main(["experiment", *arguments, "--broker", site.config.kafka.broker])


def told(outcomes: list[Outcome]) -> dict[str, dict[str, Any]]:
    """The same from the topic of outcomes, each decision once."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"decisions": 0, "reward": 0.0, "hits": 0})
    for outcome in {outcome.decision_id: outcome for outcome in outcomes}.values():
        if outcome.variant and outcome.outcome not in UNLEARNED:
            found[outcome.variant]["decisions"] += 1
            found[outcome.variant]["reward"] += outcome.reward
            found[outcome.variant]["hits"] += outcome.hit is not None
    return found


def test_from_start_to_stop(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bolder.toml"
    file.write_text(FILE)
    assert run(site, monkeypatch, "status") == 1
    assert "no experiment has been started" in capsys.readouterr().err
    with WorkerProcess(site.config, tmp_path / "log") as worker:
        until(lambda: worker.page("/readyz")[0] == 200, "ready", within_s=180)
        assert run(site, monkeypatch, "start", str(file)) == 0
        assert run(site, monkeypatch, "start", str(file)) == 1
        assert "experiment bolder runs: stop it first" in capsys.readouterr().err
        sent = walk("trial", 60, 600)
        for n in range(0, len(sent), 20):
            site.send(*sent[n : n + 20])
            site.slate(sent[n + 19][1].event_id)
        until(lambda: site.records(MODEL_SNAPSHOTS), "a snapshot")
        experiment = read(site.records(EXPERIMENTS), Experiment)[-1]
        checked = _check_slates(site, experiment)
        assert checked > 100
        assert run(site, monkeypatch, "stop", "other") == 1
        assert run(site, monkeypatch, "stop", "bolder") == 0
        site.send(("view", event("trial-0", "first-1", "after")))
        assert site.slate("after").variant == ""
        capsys.readouterr()
        assert run(site, monkeypatch, "status", "--json") == 0
        status = json.loads(capsys.readouterr().out)
    assert not status["running"]
    variants = status["variants"]
    assert sum(variant["users"] for variant in variants.values()) == 60
    found = told(read(site.records(OUTCOMES), Outcome))
    assert {name: variant["decisions"] for name, variant in variants.items()} == {
        name: found[name]["decisions"] for name in ("control", "bold", "holdout")
    }
    for name, of in found.items():
        assert variants[name]["reward"]["per_decision"] == pytest.approx(of["reward"] / of["decisions"])
        assert variants[name]["hits"]["per_decision"] == pytest.approx(of["hits"] / of["decisions"])


def _check_slates(site: Site, experiment: Experiment) -> int:
    """Every slate names the variant of its user."""
    checked = 0
    for slate in read(site.records(RECOMMENDATIONS), Recommendation):
        if slate.experiment:
            assert slate.variant == variant_of(experiment, slate.user_id, slate.timestamp)
            checked += 1
    return checked
