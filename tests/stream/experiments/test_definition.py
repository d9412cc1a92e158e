"""Who takes part in an experiment, and what a file may say."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stream.config import Config
from stream.experiments.definition import HOLDOUT, ExperimentError, load_experiment, parse_experiment, variant_of
from stream.records.schemas import Experiment, Variant

NOW = 1_700_000_000.0
DEPLOY = Path(__file__).parents[3] / "deploy"
USERS = [f"user-{n}" for n in range(20_000)]


def experiment(name: str = "x", shares: tuple[float, ...] = (0.5, 0.3, 0.1), **fields: Any) -> Experiment:
    variants = [Variant(name=f"v{n}", share=share) for n, share in enumerate(shares)]
    return Experiment(name=name, variants=variants, **({"starts_at": NOW} | fields))


def counted(found: Experiment, now: float = NOW) -> dict[str, int]:
    told = [variant_of(found, user, now) for user in USERS]
    return {name: told.count(name) for name in sorted(set(told))}


def test_shares_are_kept() -> None:
    """Within four standard deviations of a binomial."""
    for name, share in {"v0": 0.5, "v1": 0.3, "v2": 0.1, "": 0.1}.items():
        n = len(USERS)
        assert abs(counted(experiment())[name] - n * share) < 4 * math.sqrt(n * share * (1 - share))


def test_nobody_takes_part_before_the_start() -> None:
    assert counted(experiment(), NOW - 1.0) == {"": len(USERS)}


def test_who_takes_part_stays_with_the_variant_while_shares_grow() -> None:
    found, before = experiment(ramp_s=100.0), dict.fromkeys(USERS, "")
    for passed in range(0, 120, 10):
        now = {user: variant_of(found, user, NOW + passed) for user in USERS}
        assert all(now[user] == variant for user, variant in before.items() if variant)
        part = min(1.0, passed / 100) * len(USERS)
        for name, share in {"v0": 0.5, "v1": 0.3, "v2": 0.1}.items():
            assert list(now.values()).count(name) == pytest.approx(part * share, abs=4 * math.sqrt(part * share) + 1)
        before = now


def test_two_experiments_split_users_independently() -> None:
    both = [(variant_of(experiment("x"), user, NOW), variant_of(experiment("y"), user, NOW)) for user in USERS]
    assert both.count(("v0", "v0")) == pytest.approx(0.25 * len(USERS), rel=0.06)


def test_the_holdout_is_the_same_in_every_experiment() -> None:
    both = [experiment(name, holdout=0.05) for name in "xy"]
    held = [{user for user in USERS if variant_of(found, user, NOW) == HOLDOUT} for found in both]
    assert held[0] == held[1]
    assert len(held[0]) == pytest.approx(0.05 * len(USERS), rel=0.15)


GOOD = """
name = "bolder"
starts_at = 2026-01-01T12:00:00Z
[[variant]]
name = "control"
share = 0.5
[[variant]]
name = "bold"
share = 0.5
policy.epsilon = 0.3
ranking.click_weight = 2
rules = "bold.toml"
[[guard]]
metric = "purchases"
allowed = 0.02
"""


def read(text: str, folder: Path = Path()) -> Experiment:
    return parse_experiment(tomllib.loads(text), "experiment x.toml", NOW, Config(), folder)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "bold.toml").write_text("diversity = 0.5")
    (tmp_path / "x.toml").write_text(GOOD)
    found = load_experiment(tmp_path / "x.toml", NOW, Config())
    assert (found.starts_at, found.guards[0].metric) == (1_767_268_800.0, "purchases")
    assert found.variants[1].settings == {"policy": {"epsilon": 0.3}, "ranking": {"click_weight": 2}}
    assert found.variants[1].rules == "diversity = 0.5"
    without = load_experiment(_without(tmp_path, "starts_at"), NOW, Config())
    assert without.starts_at == NOW


def _without(folder: Path, key: str) -> Path:
    path = folder / "y.toml"
    path.write_text("\n".join(line for line in GOOD.splitlines() if not line.startswith(key)))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "bolder"', 'nam = "bolder"', "key `nam`: must be one of"),
        ('name = "bolder"', 'name = "bolder"\nplacement = "kart"', "placement: must be one of home; got 'kart'"),
        ('name = "bolder"', 'name = "b o"', r"matching regex .* at `\$.name`"),
        ("share = 0.5", "share = 1.5", r"variant 1 \('control'\): Expected `float` <= 1"),
        ('name = "bold"\nshare = 0.5', 'name = "bold"\nshare = 0.6', "must sum to at most 1; got 1.1"),
        ('name = "bold"', 'name = "control"', "must have names of their own"),
        ('name = "bold"', 'name = "holdout"', "none 'holdout'"),
        ("[[variant]]", "[[variants]]", "key `variants`"),
        ("policy.epsilon = 0.3", "policy.epsilon = 3", r"`\$.policy.epsilon`"),
        ("policy.epsilon = 0.3", "policy.seed = 'x'", "may set policy.name.*; got policy.seed"),
        ("policy.epsilon = 0.3", "slots = 3", "key `slots`: must be one of name, share, rules"),
        ("policy.epsilon = 0.3", "policy.epsilon = 0.3\nslate.slots = 3", "got slate.slots"),
        ("share = 0.5", "share = 0.5\npolicy.epsilon = 0.2", "the first is the control and must have no settings"),
        ("bold.toml", "none.toml", "rules .*none.toml: cannot be read"),
        ('"purchases"', '"clicks"', r"Invalid enum value 'clicks' - at `\$.guards\[0\].metric`"),
        ("[[guard]]", "[guard]", r"must be written with double brackets, \[\[guard\]\]"),
        ("[[guard]]", "[shadow.slate]\nexclude_bought = true\n[[guard]]", "must have a policy and nothing else"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "bold.toml").write_text("diversity = 0.5")
    with pytest.raises(ExperimentError, match=message):
        read(GOOD.replace(old, new, 1), tmp_path)


def test_the_example_is_what_the_docs_show() -> None:
    example = DEPLOY / "experiment.example.toml"
    assert load_experiment(example, NOW, Config()).name == "bolder"
    assert f"```toml\n{example.read_text()}```" in (DEPLOY.parent / "docs" / "experiments.md").read_text()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="cannot be read"):
        load_experiment(tmp_path / "none.toml", NOW, Config())
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(ExperimentError, match="is not TOML"):
        load_experiment(tmp_path / "bad.toml", NOW, Config())


def test_the_old_key_of_a_shadow_policy_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    text = (DEPLOY / "experiment.example.toml").read_text()
    found = read(text + '\n[apprentice]\npolicy = { name = "sarsa" }\n', DEPLOY)
    assert found.shadow == {"policy": {"name": "sarsa"}}
    (line,) = [record.getMessage() for record in caplog.records]
    assert "apprentice is now called shadow; the old name is accepted until version" in line
    both = '\n[apprentice]\npolicy = { name = "sarsa" }\n[shadow]\npolicy = { name = "sarsa" }\n'
    with pytest.raises(ExperimentError, match="apprentice, shadow: must be given once, as shadow"):
        read(text + both, DEPLOY)
