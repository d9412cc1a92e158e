"""`headwater bench --scenario`: every scenario does its work, and the next one can go on behind it."""

import pytest

from stream.bench.calibration import AT_PAR
from stream.bench.scenarios import chosen, measure, scenarios
from stream.bench.site import Site
from stream.bench.workloads import World
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
    "engine/settle",
    "engine/slate-long",
    "engine/each-new",
]  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(Config(), World(users=500, items=200), 300, known=50)


def test_the_names_are_permanent() -> None:
    assert [scenario.name for scenario in scenarios(Config())] == NAMES, "rename none: figures are kept by name"


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_does_its_work(site: Site, name: str) -> None:
    (scenario,) = chosen(Config(), [name])
    before = site.model.catalogue.events
    found, profile = measure(scenario, site, units=12, portions=2)
    assert (found.scenario, found.portions, profile) == (name, 2, "")
    assert found.cpu_us > 0.0
    assert found.reference_us == found.cpu_us, "without a calibration figures stay as they are"
    assert found.rate == pytest.approx(1e6 / found.us)
    if name in {"engine/settle", "engine/slate-long"}:  # they take in more events than they time
        assert site.model.catalogue.events - before >= 3 * 12
        return
    learns = name.startswith(("engine/take", "engine/backlog", "engine/each", "fold/", "learn/"))
    assert site.model.catalogue.events - before == 3 * 12 or not learns, "all batches were folded"
    assert site.model.skipped == 0


def test_reference_time_is_cpu_time_by_the_calibration_that_fits(site: Site) -> None:
    machine = AT_PAR._replace(interpreter=0.5)
    for name, share in (("log/encode", 0.5), ("ranking/score", 1.0), ("fold/records", 0.75)):
        (scenario,) = chosen(Config(), [name])
        found, _ = measure(scenario, site, units=12, portions=1, machine=machine)
        assert found.reference_us == pytest.approx(share * found.cpu_us)


def test_a_profile_names_functions(site: Site) -> None:
    (scenario,) = chosen(Config(), ["fold/records"])
    assert "_learn_step" in measure(scenario, site, units=12, portions=1, profile=True)[1]


def test_a_pattern_without_a_match_is_an_error() -> None:
    assert len(chosen(Config(), ["learn/*", "policy/draw"])) == 10
    with pytest.raises(UsageError, match=r"--scenario must match one of decode/events, .*; got 'learn/no\*'"):
        chosen(Config(), ["learn/*", "learn/no*"])
