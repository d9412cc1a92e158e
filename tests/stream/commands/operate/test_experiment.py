"""`headwater experiment start`: a file is checked before Kafka is needed."""

from pathlib import Path

import pytest

from stream import cli

EXAMPLE = Path(__file__).resolve().parents[4] / "deploy" / "experiment.example.toml"


def test_a_dry_run_needs_no_broker(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiment", "start", str(EXAMPLE), "--dry-run", "--broker", "127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("could start ")
    assert "%" in out


def test_without_a_broker_nothing_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiment", "start", str(EXAMPLE), "--broker", "127.0.0.1:1"]) == 3
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_used_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text("nme = 'x'\n")
    assert cli.main(["experiment", "start", str(file), "--dry-run"]) == 2
    assert "experiment.toml" in capsys.readouterr().err
