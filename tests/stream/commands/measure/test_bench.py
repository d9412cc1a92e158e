"""`headwater bench` as a user starts it: a program can read what it prints."""

import json

import pytest
from click.testing import CliRunner

from stream.bench.scenarios import Measured
from stream.cli import cli, main


def test_scenarios_as_json() -> None:
    arguments = ["--users", "300", "--items", "100", "--events", "60", "--portions", "2"]
    done = CliRunner().invoke(cli, ["bench", "--scenario", "log/*", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [(row["scenario"], row["unit"]) for row in rows] == [("log/encode", "record"), ("log/decode", "record")]
    assert set(rows[0]) == {"measure", *Measured._fields}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "learn/no*"], "--scenario must match one of decode/events"),
        (["--scenario", "log/*", "--plot", "latency.pdf"], "must end in .png or .svg; got latency.pdf"),
        (["--sweep", "--plot", "latency.pdf"], "must end in .png or .svg; got latency.pdf"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_wrong_usage_is_refused_before_anything_starts(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_latency_as_json() -> None:
    done = CliRunner().invoke(cli, ["bench", "--backlog", "0", "--rate", "100", "--seconds", "2", "--json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert found["measure"] == "Latency"
    assert found["events"] > 100
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["max_ms"]


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_the_transport_alone_answers_every_event() -> None:
    asked = ["bench", "--transport", "--backlog", "30000", "--rate", "100", "--seconds", "1", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    backlog, steady = json.loads(done.stdout)
    assert backlog["measure"] == "Answered"
    assert backlog["events"] == 30_000
    assert steady["measure"] == "Latency"
    assert steady["answered"] == 1.0
