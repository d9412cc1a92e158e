"""`headwater ope` on files of outcomes."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from stream import cli
from stream.ope.log import messages_of_file, read
from stream.records.codec import encode
from stream.records.schemas import Outcome
from tests.support.off_policy import mean_reward


def write(path: Path, outcomes: list[Outcome]) -> Path:
    path.write_bytes(b"".join(encode(each) + b"\n" for each in outcomes))
    return path


def test_the_command_reads_a_file(logged: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, settings = write(tmp_path / "log.jsonl", logged[:600]), tmp_path / "bold.toml"
    settings.write_text('[policy]\nname = "q_learning"\nepsilon = 0.5\n')
    arguments = ["ope", str(file), "--policy", str(settings), "--fixed", "popularity", "--uniform", "--resamples", "50"]
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["candidates"]) == ["bold", "fixed: popularity", "uniform"]
    assert found["logged"]["slates"]["value"] == pytest.approx(mean_reward(logged[:600]))
    assert cli.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found  # the same log and seed give the same figures
    assert cli.main(arguments) == 0
    assert "600 decisions of 300 users" in capsys.readouterr().out


def test_gzipped_files_and_saved_copies(
    logged: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, saved = tmp_path / "log.jsonl.gz", tmp_path / "saved.jsonl"
    packed.write_bytes(gzip.compress(b"".join(encode(each) + b"\n" for each in logged[:150])))
    assert cli.main(["ope", str(packed), "--resamples", "0", "--save", str(saved)]) == 0
    assert read(messages_of_file(saved), "saved") == logged[:150]
    assert "150 decisions of 150 users" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no decision to judge by among 0 outcomes (the topic is empty)"),
        (b"{]\n", "log.jsonl, message 1: must be an outcome as on the topic `outcomes`"),
        (b'{"user_id": "u"}\n', "missing required field"),
    ],
)
def test_files_that_cannot_be_used(
    text: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.jsonl").write_bytes(text)
    assert cli.main(["ope", str(tmp_path / "log.jsonl")]) == 1
    assert message in capsys.readouterr().err


def test_decisions_of_one_placement_are_looked_at(
    logged: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = [
        msgspec.structs.replace(each, placement=("home", "cart")[n % 3 == 0]) for n, each in enumerate(logged[:300])
    ]
    file = str(write(tmp_path / "log.jsonl", mixed))
    for placement, decisions in (("home", 200), ("cart", 100)):
        assert cli.main(["ope", file, "--placement", placement, "--resamples", "0"]) == 0
        assert f"{decisions} decisions of" in capsys.readouterr().out
    assert cli.main(["ope", file, "--placement", "kart"]) == 1
    assert "--placement: must be one that has outcomes: cart, home; got kart" in capsys.readouterr().err
