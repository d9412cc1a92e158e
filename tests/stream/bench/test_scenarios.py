"""`headwater bench --scenario`: every scenario does its work, and leaves a log that goes on."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream.bench import catalogue_size as growth
from stream.bench.load import Latency
from stream.bench.scenarios import START, Measured, Site, chosen, measure, scenarios
from stream.bench.workloads import World, catalogue, sessions, workload
from stream.cli import cli
from stream.commands.plot import draw_latency
from stream.config import Config
from stream.errors import UsageError

NAMES = [
    "decode/events",
    "engine/take",
    "engine/slate",
    *(f"query/{name}" for name in (
        "popularity", "popularity_fast", "covisitation", "sequential_rules", "session_neighbours", "user_neighbours",
        "categories", "content", "repeats",
    )),
    "ranking/score",
    "policy/draw",
    "publish/slates",
    "log/encode",
    "log/decode",
    "fold/records",
    *(f"learn/{name}" for name in (
        "popularity", "popularity_fast", "covisitation", "sequential_rules", "session_neighbours", "user_neighbours",
        "categories", "content", "repeats",
    )),
    "engine/backlog",
    "engine/each",
]  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(Config(), World(users=500, items=200), 300, known=50)


def test_the_names_are_permanent() -> None:
    assert [scenario.name for scenario in scenarios(Config())] == NAMES, "add to them, rename none: figures hang on it"


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_does_its_work(site: Site, name: str) -> None:
    (scenario,) = chosen(Config(), [name])
    before = site.model.catalogue.events
    found, told = measure(scenario, site, units=12, portions=2)
    assert (found.scenario, found.portions, told) == (name, 2, "")
    assert found.us > 0.0
    assert found.rate == pytest.approx(1e6 / found.us)
    learns = name.startswith(("engine/take", "engine/backlog", "engine/each", "fold/", "learn/"))
    assert site.model.catalogue.events - before == 3 * 12 or not learns, "what was proposed has been accepted"
    assert site.model.skipped == 0


def test_a_profile_names_functions(site: Site) -> None:
    (scenario,) = chosen(Config(), ["fold/records"])
    assert "_learn_step" in measure(scenario, site, units=12, portions=1, profile=True)[1]


def test_a_pattern_without_a_match_is_an_error() -> None:
    assert len(chosen(Config(), ["learn/*", "policy/draw"])) == 10
    with pytest.raises(UsageError, match=r"--scenario must match one of decode/events, .*; got 'learn/no\*'"):
        chosen(Config(), ["learn/*", "learn/no*"])


def test_from_the_command_line() -> None:
    arguments = ["--users", "300", "--items", "100", "--events", "60", "--portions", "2"]
    done = CliRunner().invoke(cli, ["bench", "--scenario", "log/*", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [(row["scenario"], row["unit"]) for row in rows] == [("log/encode", "record"), ("log/decode", "record")]
    assert set(rows[0]) == {"measure", *Measured._fields}


def test_growth_measures_worlds_of_different_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "EVENTS", 60)
    monkeypatch.setattr(growth, "UNITS", 12)
    monkeypatch.setattr(growth, "PORTIONS", 1)
    resident, times = growth._measure(Config(), items=150, known=120)
    assert resident > 50e6
    assert set(times) == set(growth.SCENARIOS)
    assert min(times.values()) > 0.0


def test_a_picture_shows_every_rate(tmp_path: Path) -> None:
    rows = [Latency(100, rate, 1.0, 5.0, 9.0, 20.0, 30.0, 0.5) for rate in (125.0, 250.0, 1_000.0)]
    draw_latency(rows, tmp_path / "latency.svg")
    written = (tmp_path / "latency.svg").read_text()
    assert all(f"<!-- {text} -->" in written for text in ("125", "250", "1,000", "p50", "p90", "p99"))
    assert "<!-- 128 -->" not in written


# Workloads


def test_a_workload_is_the_same_every_time_and_on_and_on() -> None:
    def events(n: int) -> list[tuple[str, str, str, float]]:
        made = sessions(World(users=400, items=100), START)
        return [(kind, e.user_id, e.item_id, e.timestamp) for kind, e in (next(made) for _ in range(n))]

    assert events(50) == events(500)[:50]
    assert list(catalogue(World(10, 20))) == list(catalogue(World(10, 20)))
    ids = [event.event_id for _, event in workload(50)]
    assert len(set(ids)) == 50


def test_sessions_are_as_long_and_as_far_apart_as_the_logs() -> None:
    made = sessions(World(users=1_000_000, items=1_000, rate=50.0), START)
    found = [event for _, event in (next(made) for _ in range(60_000))]
    times = [event.timestamp for event in found]
    assert times == sorted(times)
    assert 40.0 < 30_000 / (times[-1] - times[-30_001]) < 60.0, "as many a second as asked for"
    per_user: dict[str, list[float]] = {}
    for event in found:
        per_user.setdefault(event.user_id, []).append(event.timestamp)
    gaps = sorted(b - a for user in per_user.values() for a, b in pairwise(user))
    assert 45.0 < gaps[len(gaps) // 2] < 60.0
