"""`headwater bench` as a user starts it: what it prints can be read by a program."""

import json

import pytest
from click.testing import CliRunner

from stream.cli import cli

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("needs_kafka")]


def test_latency_as_json() -> None:
    done = CliRunner().invoke(cli, ["bench", "--backlog", "0", "--rate", "100", "--seconds", "2", "--json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert found["measure"] == "Latency"
    assert found["events"] > 100
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["max_ms"]


def test_the_transport_alone_answers_every_event() -> None:
    asked = ["bench", "--transport", "--backlog", "30000", "--rate", "100", "--seconds", "1", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    backlog, steady = json.loads(done.stdout)
    assert backlog["measure"] == "Answered"
    assert backlog["events"] == 30_000
    assert steady["measure"] == "Latency"
    assert steady["answered"] == 1.0
