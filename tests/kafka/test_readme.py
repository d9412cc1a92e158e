"""Every block of README runs, against a real Kafka and a real worker, and does what the text says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from kafka import KafkaProducer

from stream.cli import COMMANDS
from stream.config import Config, Kafka
from stream.kafka.admin import create_or_verify
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ADDRESS = "127.0.0.1:9092"  # what README says

pytestmark = pytest.mark.kafka


@pytest.fixture
def environment(broker: Broker, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A private Kafka, because README uses topics without a namespace, and a worker on it."""
    with Broker() as own:
        config = Config(kafka=Kafka(broker=own.address))
        create_or_verify(config.kafka)
        with WorkerProcess(config, tmp_path / "worker.log") as worker:
            worker.wait_ready()
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            yield {**os.environ, "HEADWATER_BROKER": own.address, "PATH": path}


def _shell(block: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-ec", block], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _slate(environment: dict[str, str]) -> list[str]:
    found = orjson.loads(_shell("headwater recommend you --json", environment))
    return [slot["item_id"] for slot in found["slots"]]


def test_every_block_runs(environment: dict[str, str]) -> None:
    names: dict[str, object] = {}
    slates: list[list[str]] = []
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 10
    try:
        for language, block in blocks:
            if language == "python":
                exec(block.replace(ADDRESS, environment["HEADWATER_BROKER"]), names)
            else:
                assert _shell(block, environment)
                slates.append(_slate(environment))
    finally:
        if isinstance(producer := names.get("producer"), KafkaProducer):
            producer.close()
    goes_with_boots = ["socks", "laces"]
    before, after = slates[0], slates[1]
    assert set(before[:2]) == {"oolong", "cups"}, before
    assert _mean_place(after, goes_with_boots) < _mean_place(before, goes_with_boots), (before, after)


def _mean_place(slate: list[str], items: list[str]) -> float:
    return sum(slate.index(item) if item in slate else len(slate) for item in items) / len(items)


def test_every_named_command_and_target_exists() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = re.findall(r"\bmake (\w+)", README)
    assert {"demo", "test", "bench"} <= set(commands) <= set(targets)
    named = re.findall(r"(?:^ *|`|&& )headwater ([a-z]+)\b", README, re.MULTILINE)
    assert {"broker", "topics", "worker", "config", "evaluate"} <= set(named) <= set(COMMANDS)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    for link in links:
        assert (ROOT / link).exists(), link
