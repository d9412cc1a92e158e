"""`headwater simulate` at a terminal: what is printed, drawn and refused."""

import json
from pathlib import Path

import pytest

from stream import cli

DEMO = Path(__file__).resolve().parents[4] / "deploy" / "demo" / "movielens-latest-small"


def test_the_command_compares_policies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["simulate", "--decisions", "400", "--seeds", "2", "--policy", "ranked", "--policy", "sarsa"]
    assert cli.main([*arguments, "--policy", "oracle", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["decisions"], found["seeds"], list(found["policies"])) == (400, 2, ["ranked", "sarsa", "oracle"])
    assert found["policies"]["oracle"]["regret"] == [0.0, 0.0]
    assert found["policies"]["ranked"]["reward_gain_percent"] == [0.0, 0.0]
    assert found["policies"]["oracle"]["expected_gain_percent"][0] > 20
    picture = tmp_path / "curves.svg"
    assert cli.main([*arguments, "--plot", str(picture)]) == 0
    assert "400 decisions, 2 seeds" in capsys.readouterr().out
    assert "tastes drift" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "salsa"], "--policy salsa: must be one of disagreement"),
        (["--engine", "--policy", "oracle"], "--policy oracle: must be one of disagreement"),
        (["--engine", "--live"], "exclude each other"),
        (["--plot", "curves.pdf"], "must end in .png or .svg; got curves.pdf"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_engine_in_process_is_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--engine", "--decisions", "150", "--seeds", "1", "--tastes", str(DEMO), "--json"]
    found = []
    for _ in range(2):
        assert cli.main(arguments) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert list(json.loads(found[0])["policies"]) == ["ranked", "disagreement"]
