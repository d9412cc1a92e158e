"""The search for better settings."""

import tomllib

import pytest

from stream.config import Config
from stream.datasets.readers import read
from stream.errors import UsageError
from stream.evaluation.prequential import Entry
from stream.evaluation.tune import Found, Setting, Trial, changed, search, searchable, to_file
from tests.support.rated import write_rated_log


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return list(read(write_rated_log(tmp_path_factory.mktemp("log"))))


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
    written = to_file(changed(Config(), {"kafka.sasl_password": "hush-hush-9"}), found)  # type: ignore[dict-item]
    assert "hush-hush-9" not in written
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
