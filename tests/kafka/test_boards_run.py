"""A real Prometheus scrapes a real worker and a real gateway: every panel of every board has data."""

import json
import os
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from stream.client import Client
from stream.config import Worker
from stream.metrics.dashboards import BOARDS
from stream.processes.broker import Broker, free_ports
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.processes.supervisor import supervised
from stream.records.codec import encode
from stream.records.schemas import Experiment, Variant
from stream.records.topics import EXPERIMENTS
from tests.support.kafka_site import Site, until, walk

pytestmark = pytest.mark.kafka
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"
QUERIES = [
    pytest.param(query, id=f"{board.uid}: {panel.title}: {legend}")
    for board in BOARDS
    for panel in board.panels
    for legend, query in panel.queries.items()
]


class Prometheus:
    """Where to ask."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        address = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def values(self, query: str) -> list[float]:
        return [float(series["value"][1]) for series in self.ask("query", query=query)["result"]]


@pytest.fixture(scope="module")
def prometheus(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrapes twice a second, while 600 events come in within an experiment, and slates and lists are asked for."""
    if shutil.which("prometheus") is None:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
            pytest.fail("prometheus must be installed", pytrace=False)
        pytest.skip("prometheus is not installed (Debian package prometheus)")
    folder = tmp_path_factory.mktemp("prometheus")
    site = Site(broker.address, "boards")
    config = msgspec.structs.replace(site.config, worker=Worker(port=0, snapshot_s=3.0, fingerprint_every=20))
    port = free_ports(1)[0]
    both = [Variant(name="control", share=0.5), Variant(name="bold", share=0.5)]
    experiment = Experiment(name="x", variants=both, starts_at=time.time() - 1.0)
    site.write(EXPERIMENTS, b"x", encode(experiment))
    with (
        WorkerProcess(config, folder / "worker") as worker,
        GatewayProcess(config, folder / "gateway") as gateway,
        Client(gateway.pages) as client,
    ):
        settings = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [process.pages.removeprefix("http://")]}]}
                for job, process in (("headwater", worker), ("headwater-gateway", gateway))
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        command = [
            "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            child = supervised(command, log, 3.0)
            try:
                worker.wait_ready()
                gateway.wait_ready()
                for _ in range(3):
                    gateway.page("/v1/items")
                sent = walk("boards", 20, 600)
                for n in range(0, len(sent), 20):
                    site.send(*sent[n : n + 20])
                    client.recommend(sent[n][1].user_id)
                    gateway.page("/v1/popular")
                    time.sleep(0.3)
                gateway.page("/v1/items")
                found = Prometheus(port)
                until(lambda: found.values("sum(headwater_records_folded_total) >= 600"), "all events", within_s=60)
                until(lambda: found.values("headwater_fingerprint_offset > 0"), "a fingerprint", within_s=30)
                until(lambda: found.values("headwater_snapshot_timestamp_seconds"), "a snapshot", within_s=30)
                until(lambda: found.values("headwater_state_bytes > 0"), "sizes", within_s=60)
                yield found
            finally:
                child.close(5.0)
                site.close()


@pytest.mark.parametrize("query", QUERIES)
def test_every_panel_has_data(prometheus: Prometheus, query: str) -> None:
    found = prometheus.values(query.replace("$__rate_interval", "30s"))
    assert found
    assert any(value == value for value in found), "not a number"


def test_the_figures_are_those_of_what_happened(prometheus: Prometheus) -> None:
    assert sum(prometheus.values("headwater_events_total")) == 600
    assert prometheus.values("sum(headwater_records_folded_total) >= 600")
    assert prometheus.values("sum(headwater_experiment_decisions_settled_total) > 20")
    assert prometheus.values('sum(headwater_slots_total{source="ranked"}) > 100')


def test_every_alert_can_be_evaluated_and_none_fires(prometheus: Prometheus) -> None:
    groups = {group["name"]: group["rules"] for group in prometheus.ask("rules")["groups"]}
    assert {rule["health"] for rules in groups.values() for rule in rules} == {"ok"}
    assert [rule["name"] for rule in groups["headwater.alerts"] if rule["state"] == "firing"] == []
    for rule in groups["headwater.recorded"]:
        assert prometheus.values(rule["name"])
