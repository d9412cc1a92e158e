"""`headwater bench` as a user starts it: a program can read what it prints."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream.bench.kafka.start import measure_start
from stream.bench.scenarios import Measured
from stream.cli import cli, main


def test_scenarios_as_json() -> None:
    arguments = ["--users", "300", "--items", "100", "--events", "60", "--portions", "2"]
    done = CliRunner().invoke(cli, ["bench", "--scenario", "log/*", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    machine, *rows = json.loads(done.stdout)
    assert machine["measure"] == "Calibration"
    assert [(row["scenario"], row["unit"]) for row in rows] == [("log/encode", "record"), ("log/decode", "record")]
    assert set(rows[0]) == {"measure", *Measured._fields}


def test_the_machine_is_said_first_and_scenarios_run_on_a_file(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = (f"u{n % 7},i{n % 11},{1_700_000_000 + n},view" for n in range(200))
    log.write_text("\n".join(["user_id,item_id,timestamp,event", *rows]), "utf-8")
    arguments = ["--file", str(log), "--events", "60", "--portions", "2"]
    done = CliRunner().invoke(cli, ["bench", "--scenario", "log/*", *arguments])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("this machine: interpreter ")
    assert "log/encode" in done.stdout


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
    _, found = json.loads(done.stdout)
    assert found["measure"] == "Latency"
    assert found["events"] > 100
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["max_ms"]


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_the_transport_alone_answers_every_event() -> None:
    asked = ["bench", "--transport", "--backlog", "30000", "--rate", "100", "--seconds", "1", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    _, backlog, steady = json.loads(done.stdout)
    assert backlog["measure"] == "Answered"
    assert backlog["events"] == 30_000
    assert steady["measure"] == "Latency"
    assert steady["answered"] == 1.0


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_backlogs_are_compared_with_the_transport() -> None:
    asked = ["bench", "--backlog", "20000", "--each", "500", "--rate", "50", "--seconds", "1", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    _, transport, newest, each, latency = json.loads(done.stdout)
    assert (transport["measure"], latency["measure"]) == ("Answered", "Latency")
    assert (newest["answered"], each["answered"]) == ("newest", "each")
    for backlog in (newest, each):
        assert backlog["of_transport"] == pytest.approx(backlog["rate"] / transport["rate"])
        assert backlog["cpu_us"] == pytest.approx(1e6 * backlog["worker_cpu"] / backlog["rate"])
        assert backlog["resident_mb"] > 100.0
    # The first events of an empty model get no slate: how many depends on how soon the first ones are folded.
    assert each["slates"] / each["events"] > 2 * newest["slates"] / newest["events"]


@pytest.mark.kafka
@pytest.mark.usefixtures("needs_kafka")
def test_the_start_of_a_worker_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_start, "__defaults__", (1,))
    done = CliRunner().invoke(cli, ["bench", "--start", "--json"])
    assert done.exit_code == 0, done.output
    _, found = json.loads(done.stdout)
    assert (found["measure"], found["starts"]) == ("Start", 1)
    assert found["import_cpu_s"] > 0.0
    assert found["ready_s"] > 0.0
    assert 50.0 < found["ready_mb"] <= found["small_mb"] * 1.1
