"""`headwater evaluate` and `headwater tune` at a terminal: what is printed, drawn and refused."""

import random
import sys
import tomllib
from pathlib import Path

import orjson
import pytest

from stream import cli
from stream.config import Config, load
from stream.datasets.readers import read
from stream.errors import UsageError
from stream.evaluation.prequential import Entry
from stream.evaluation.ratings import read_ratings
from stream.evaluation.tune import Found, Setting, Trial, changed, search, searchable, to_file

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_BROKER", raising=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random("a log for the terminal")
    lines = ["user_id,item_id,event,timestamp,rating"]
    for n in range(160):
        item = int(20 * rng.random() ** 2)
        lines.append(f"u{rng.randrange(10)},i{item},view,{1_000_000 + 100 * n},{1 + item % 5}")
    path = tmp_path_factory.mktemp("terminal") / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


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
        (["--train-until", "1970-01-01"], 2, "must end within the file, whose events are of 1970-01-12T13:46:40Z"),
        (["--train-until", "last week"], 2, "the time must be unix seconds or ISO 8601"),
        (["--train-until", "1005000", "--train-fraction", "0.5"], 2, "give one of them"),
        (["--freeze"], 2, "--freeze needs a training"),
        (["--known-items"], 2, "--known-items needs a training"),
        (["--plot", "curve.pdf"], 2, "must end in .png or .svg; got curve.pdf"),
        (["--compare", "engine", "covisitation"], 2, "only learners of this run can be compared"),
        (["--limit", "1"], 1, "no step was measured"),
        (["--train-fraction", "0.9", "--known-items", "--limit", "3"], 1, "shorter training, or measure unknown"),
    ],
)  # fmt: skip
def test_mistakes_are_told(
    log: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(log), *arguments]) == code
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("library", "module", "arguments", "extra"),
    [
        ("matplotlib", "stream.commands.plot", ["evaluate", "--plot", "c.png"], "headwater[plots]"),
        ("optuna", "stream.evaluation.tune", ["tune"], "headwater[tune]"),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(
    log: Path, library: str, module: str, arguments: list[str], extra: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main([*arguments, str(log)]) == 2
    assert f"pip install '{extra}'" in capsys.readouterr().err


# Ratings


def test_ratings_are_found_by_the_events_they_belong_to(log: Path, tmp_path: Path) -> None:
    ratings = read_ratings(log, "csv")
    events = [entry[1] for entry in read(log) if isinstance(entry, tuple)]
    assert len(ratings) == len(events) == 160
    assert all(ratings[event.event_id] == 1 + int(event.item_id[1:]) % 5 for event in events)
    odd = tmp_path / "odd.csv"
    odd.write_text(
        'user_id,item_id,event,timestamp,rating\nu,"a\nb",view,1,4\nu,c,view,2,\nu,d,view,3,nan\nu,e,view,4,2\n'
    )
    ids = {entry[1].item_id: entry[1].event_id for entry in read(odd) if isinstance(entry, tuple)}
    assert read_ratings(odd, "csv") == {ids["a\nb"]: 4.0, ids["e"]: 2.0}
    odd.write_text("user_id,item_id,event,timestamp\nu,a,view,1\n")
    assert read_ratings(odd, "csv") == {}


# Tuning


@pytest.fixture(scope="module")
def entries(log: Path) -> list[Entry]:
    return list(read(log))


def test_a_search_writes_what_a_worker_reads(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tuned.toml"
    arguments = ["tune", str(log), "--trials", "3", "--prefix", "100", "--measure", "hit_rate@5", "--out", str(out)]
    assert cli.main(arguments) == 0
    assert "ranking.learning_rate" in capsys.readouterr().out
    assert isinstance(load(out, {}), Config)
    first = out.read_text()
    assert first.startswith("# headwater tune: hit_rate@5")
    assert cli.main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    out.unlink()
    assert cli.main(arguments) == 0
    assert out.read_text() == first, "seeded"


def test_trial_0_is_what_is_configured(entries: list[Entry]) -> None:
    config = changed(Config(), {"sources.popularity_half_life": 770.5})
    settings = searchable(config, ["sources.popularity_half_life=200:4000", "ranking.negatives"])
    found = search(config, entries, settings, measure="mrr@20", trials=3)
    assert found.trials[0].values == {
        "sources.popularity_half_life": 770.5,
        "ranking.negatives": config.ranking.negatives,
    }
    assert len({trial.values["sources.popularity_half_life"] for trial in found.trials}) == 3
    assert found.best.value == max(trial.value for trial in found.trials)
    for trial in found.trials:
        assert 200 <= trial.values["sources.popularity_half_life"] <= 4000
        assert isinstance(trial.values["ranking.negatives"], int)


def test_a_tie_leaves_the_configuration_alone() -> None:
    trials = [Trial(n, {"ranking.learning_rate": 0.1 + n}, value) for n, value in enumerate((0.5, 0.4, 0.5))]
    found = Found("mrr@20", searchable(Config(), ["ranking.learning_rate"]), trials)
    assert found.best.number == 0
    written = to_file(changed(Config(), {"kafka.sasl_password": "secret"}), found)  # type: ignore[dict-item]
    assert "secret" not in written
    assert tomllib.loads(written)["kafka"]["sasl_password"] == ""


def test_all_numbers_are_searched_within_their_bounds() -> None:
    settings = {setting.name: setting for setting in searchable(Config())}
    assert settings["ranking.learning_rate"] == Setting("ranking.learning_rate", 0.1, 0.025, 0.4)
    assert "sources.max_items" not in settings
    assert "ranking.next_weight" not in settings
    for setting in settings.values():
        assert 0 < setting.low <= setting.default <= setting.high
        for bound in (setting.low, setting.high):
            assert isinstance(changed(Config(), {setting.name: bound}), Config)
    assert settings["ranking.negatives"].high == 64, "its own bound"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ranking.learning_rat", "did you mean ranking.learning_rate?"),
        ("ranking.learning_rate=3", "must be LOW:HIGH"),
        ("ranking.learning_rate=1:0.5", "0 < LOW < HIGH"),
        ("ranking.learning_rate=0.2:0.5", "must hold its value 0.1"),
        ("ranking.click_weight", "give ranking.click_weight=LOW:HIGH"),
    ],
)
def test_settings_that_cannot_be_searched_are_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        searchable(Config(), [name])


@pytest.mark.parametrize(("measure", "words"), [("mrr@20x", "must be 1 to 40"), ("mr@20", "did you mean mrr@20")])
def test_measures_that_do_not_exist_are_refused(entries: list[Entry], measure: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        search(Config(), entries, searchable(Config()), measure=measure, trials=1)
