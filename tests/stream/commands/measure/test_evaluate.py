"""`headwater evaluate` at a terminal: what is printed, drawn and refused."""

from pathlib import Path

import orjson
import pytest

from stream import cli
from tests.support.rated import write_rated_log

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_BROKER", raising=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rated_log(tmp_path_factory.mktemp("log"))


def test_everything_asked_for_is_printed(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--learner",
        "recently_seen",
        "--learner",
        "biased_mf",
        "--by",
        "session",
        "--k",
        "3",
        "--resamples",
        "9",
    ]
    assert cli.main(["evaluate", str(log), *arguments, "--timing", "--lists", "fresh"]) == 0
    out = capsys.readouterr().out
    for text in ("160 events", "recently_seen @3", "±", "rest of the session @3", "McNemar", "AUC", "RMSE", "µs per"):
        assert text in out
    assert cli.main(["evaluate", str(log)]) == 0
    plain = capsys.readouterr().out
    assert "RMSE" not in plain
    assert "µs per" not in plain


def test_json_is_the_same_bytes_twice_and_a_picture_is_drawn(
    log: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    outputs = []
    for name in ("a.png", "b.png"):
        arguments = ["--learner", "all", "--train-fraction", "0.2", "--plot", str(tmp_path / name), "--json"]
        assert cli.main(["evaluate", str(log), *arguments]) == 0
        outputs.append(capsysbinary.readouterr().out)
    assert outputs[0] == outputs[1]
    report = orjson.loads(outputs[0])
    assert report["protocol"]["train_fraction"] == 0.2
    assert "timing" not in report
    assert set(report["ratings"]) == {"biased_mf", "baseline"}
    pictures = [(tmp_path / name).read_bytes() for name in ("a.png", "b.png")]
    assert pictures[0].startswith(PNG)
    assert len(pictures[0]) > 10_000
    assert cli.main(["evaluate", str(log), "--plot", str(tmp_path / "c.svg"), "--json"]) == 0
    drawn = (tmp_path / "c.svg").read_text()
    assert "<svg" in drawn
    assert "measured steps" in drawn or "<path" in drawn


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--learner", "covisit"], 2, "did you mean covisitation"),
        (["--train-until", "2001-01-01"], 2, "must end within the file, whose events are of 2001-09-09T01:46:40Z"),
        (["--train-until", "20010909"], 2, "it looks like a date YYYYMMDD: send 999993600"),
        (["--train-until", "last week"], 2, "the time must be unix seconds or ISO 8601"),
        (["--train-until", "1000005000", "--train-fraction", "0.5"], 2, "give one of them"),
        (["--freeze"], 2, "--freeze needs a training"),
        (["--known-items"], 2, "--known-items needs a training"),
        (["--plot", "curve.pdf"], 2, "must end in .png or .svg; got curve.pdf"),
        (["--compare", "engine", "covisitation"], 2, "only learners of this run can be compared"),
        (["--limit", "1"], 1, "no step was measured"),
        (["--train-fraction", "0.9", "--known-items", "--limit", "3"], 1, "shorter training, or measure unknown"),
    ],
)  # fmt: skip
def test_wrong_usage_is_refused(
    log: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(log), *arguments]) == code
    assert words in " ".join(capsys.readouterr().err.split())
