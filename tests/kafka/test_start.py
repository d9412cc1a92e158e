"""Every snippet of docs/start.md runs as it stands there: Python, Java and HTTP write events, slates come back."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from kafka import KafkaProducer

from stream.config import Config, Gateway, Kafka, Worker
from stream.kafka.admin import create_or_verify
from stream.processes.broker import Broker
from stream.processes.kafka_home import find_java, kafka_home
from stream.processes.servers import GatewayProcess, WorkerProcess
from tests.support.kafka_site import until

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "start.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(python|java|bash)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS, GATEWAY = "127.0.0.1:9092", "http://127.0.0.1:8080"  # what the page says

pytestmark = pytest.mark.kafka


class Place(NamedTuple):
    """A broker of its own, since the page uses topics without a namespace; a worker and a gateway on it."""

    broker: str
    gateway: GatewayProcess

    def run(self, language: str, block: str, directory: Path) -> str:
        """What a snippet prints."""
        block = block.replace(ADDRESS, self.broker)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"HEADWATER_BROKER": self.broker, "GATEWAY": self.gateway.pages, "PATH": path}
        if language == "java":
            (directory / "SendEvent.java").write_text(block)
            jars = f"{kafka_home()}/libs/*"
            command = [find_java(), "-XX:TieredStopAtLevel=1", "-cp", jars, str(directory / "SendEvent.java")]
        else:
            command = [sys.executable, "-c", block] if language == "python" else ["bash", "-ec", block]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def place(needs_kafka: None, tmp_path: Path) -> Iterator[Place]:
    with Broker() as broker:
        config = Config(kafka=Kafka(broker=broker.address), gateway=Gateway(open=True), worker=Worker(snapshot_s=1.0))
        create_or_verify(config.kafka)
        with WorkerProcess(config, tmp_path / "worker.log") as worker, GatewayProcess(config) as gateway:
            worker.wait_ready()
            gateway.wait_ready()
            producer = KafkaProducer(bootstrap_servers=broker.address)
            for n, item in enumerate(("teapot", "oolong", "cups")):  # else there is nothing to show to the first users
                event = {"event_id": f"w{n}", "user_id": f"w{n}", "item_id": item, "timestamp": 1.7e9}
                producer.send("events.view", key=f"w{n}".encode(), value=msgspec.json.encode(event)).get(timeout=20)
            producer.close()
            until(lambda: worker.metrics().get("headwater_records_folded_total", 0) >= 3, "known items")
            yield Place(broker.address, gateway)


def test_every_snippet_runs(place: Place, tmp_path: Path) -> None:
    def items(user: str) -> list[str]:
        status, text = place.gateway.page(f"/v1/users/{user}/recommendations")
        found = json.loads(text)
        return [slot["item_id"] for slot in found["items"]] if status == 200 and not found["fallback"] else []

    modules = subprocess.run([find_java(), "--list-modules"], capture_output=True, text=True, timeout=60, check=True)
    if "jdk.compiler" not in modules.stdout:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
            pytest.fail("a JDK must be installed", pytrace=False)
        pytest.skip("Java has no compiler here (a JRE, not a JDK): the Java snippet cannot run")
    said = [(language, place.run(language, block, tmp_path)) for language, block in BLOCKS]
    assert [language for language, _ in said] == [
        "python", "java", "bash", "python", "bash", "bash", "python", "bash",
    ]  # fmt: skip
    for user in ("ada", "ben", "cleo"):
        assert until(partial(items, user), f"a slate of {user}")
    assert '"accepted":2' in said[2][1]
    assert len(said[3][1].splitlines()) == 3, "three slots of ada's slate"
    assert "ada" in said[4][1]


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#][^)]*)\)", TEXT)
    assert len(links) > 5
    assert not [link for link in links if not (ROOT / "docs" / link.partition("#")[0]).exists()]
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
