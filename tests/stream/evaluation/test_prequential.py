"""Test-then-learn: answers known beforehand, and the same bytes every time."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream.config import Config, Policy
from stream.evaluation.prequential import Entry, Evaluation, Lists, Protocol
from stream.records.schemas import Event, EventType, Item

T = 1_700_000_000.0


def event(n: int, user: str, item: str, kind: EventType = "view", time: float | None = None) -> Entry:
    return kind, Event(event_id=f"e{n}", user_id=user, item_id=item, timestamp=T + 10 * n if time is None else time)


def score(report: dict[str, Any], learner: str = "engine") -> dict[str, Any]:
    found: dict[str, Any] = report["learners"][learner]
    return found


def evaluated(entries: list[Entry], ks: tuple[int, ...] = (1, 5), **options: Any) -> dict[str, Any]:
    config = Config(policy=Policy(name=options.pop("policy", "disagreement")))
    return Evaluation(config, Protocol(ks=ks, **options)).run(entries)


# Known answers


def faithful() -> list[Entry]:
    """Forty users; each always returns to one item of their own."""
    return [event(n, f"u{n % 40}", f"i{n % 40}") for n in range(400)]


def test_users_who_only_repeat_are_always_hit() -> None:
    report = evaluated(faithful(), train_events=80)
    assert score(report)["hit_rate@5"] > 0.98
    assert score(report)["seen"]["events"] == report["steps"], "there is nothing else"
    assert report["skipped_records"] == 0


def tastes(events: int = 900) -> list[Entry]:
    """A checkerboard: even users like even items, odd users odd ones, each at random among twelve."""
    rng = random.Random("checkerboard")
    users = [rng.randrange(60) for _ in range(events)]
    return [event(n, f"u{user}", f"i{2 * rng.randrange(12) + user % 2}") for n, user in enumerate(users)]


def test_two_tastes_are_learned() -> None:
    """Five of the own twelve are 42 % of the events; five of all 24 are 21 %."""
    report = evaluated(tastes(), train_events=300)
    engine, popular = score(report)["hit_rate@5"], score(report, "popularity")["hit_rate@5"]
    assert popular < 0.27
    assert engine > 1.4 * popular
    assert engine < 0.55, "42 % is the most that can be known"


@pytest.mark.parametrize("lists", ["published", "fresh", "asked"])
def test_new_and_seen_items_are_measured_separately(lists: Lists) -> None:
    report = evaluated(tastes(300), lists=lists)
    for learner in ("engine", "popularity"):
        found = score(report, learner)
        assert found["new"]["events"] + found["seen"]["events"] == report["steps"] > 150
        parts = sum(found[part]["events"] * found[part]["hit_rate@5"] for part in ("new", "seen"))
        assert found["hit_rate@5"] == pytest.approx(parts / report["steps"])


def test_a_published_list_is_as_old_as_the_users_last_event_and_a_fresh_one_is_not() -> None:
    """u comes to an empty site and has no list; when u comes back, v has made b known."""
    entries = [event(0, "u", "a"), event(1, "v", "b"), event(2, "u", "b")]
    published, fresh, asked = (evaluated(entries, lists=lists) for lists in ("published", "fresh", "asked"))
    assert (published["steps"], fresh["steps"], asked["steps"]) == (0, 1, 1)
    assert score(fresh)["hit_rate@5"] == score(asked)["hit_rate@5"] == 1.0
    assert (asked["lists"], asked["mean_list_age_s"]) == ("asked", 0.0)
    assert (published["events"], published["known_items"]) == (3, 2)
    assert published["lists"] == "published"


def news(days: int = 40) -> list[Entry]:
    """A paper: what five people read today is what the other five, who come back after a day, will read, too."""
    found: list[Entry] = []
    for day in range(days):
        for n in range(10):
            found.append(event(len(found), f"u{(n + 5 * (day % 2)) % 10}", f"i{day}", time=T + 86_400 * day + 60 * n))
    return found


def test_a_ranking_that_learns_from_lists_as_they_are_asked_for_knows_what_is_new() -> None:
    """A list of yesterday never holds what is new today; of one as of now, it is at the top for nine of ten."""
    published, asked = (evaluated(news(), ks=(1,), train_events=200, lists=lists) for lists in ("published", "asked"))
    assert score(published)["hit_rate@1"] == 0.0
    assert score(asked)["hit_rate@1"] > 0.8
    assert asked["sources"]["ranked"]["hit_rate"] > 0.8, "the policy has learned from the same lists"
    assert asked["skipped_records"] == 0


def test_only_steps_after_the_training_are_measured() -> None:
    entries = faithful()
    whole, cut, none = (evaluated(entries, train_events=n) for n in (0, 200, 400))
    assert (cut["steps"], none["steps"]) == (200, 0)
    assert whole["steps"] > cut["steps"]
    assert whole["fingerprint"] == cut["fingerprint"] == none["fingerprint"], "all are learned"
    assert score(cut)["hit_rate@5"] == 1.0


def test_first_events_and_duplicates_are_no_steps() -> None:
    entries = [*faithful()[:80], *faithful()[:80]]
    report = evaluated(entries, lists="fresh")
    assert (report["events"], report["steps"]) == (160, 40)


def test_measures_by_hand() -> None:
    """When u comes, a and b are known: u's lists hold both, of which u takes a, and then an unknown item."""
    entries = [
        event(0, "v", "a"),
        event(1, "v", "b"),
        event(2, "u", "a"),
        event(3, "u", "a", "purchase"),
        event(4, "u", "z"),
    ]
    report = evaluated(entries, ks=(2,), policy="ranked")
    found = score(report)
    assert (report["steps"], report["events"], report["known_items"]) == (2, 5, 3)
    assert (found["hit_rate@2"], found["precision@2"]) == (1 / 2, 1 / 4)
    assert 2 * found["mrr@2"] in (1.0, 0.5)
    assert (found["reward_per_step"], found["coverage"]) == (10 / 2, 2 / 3)
    assert (found["seen"]["hit_rate@2"], found["new"]["hit_rate@2"]) == (1.0, 0.0)
    assert report["sources"]["ranked"] == {"share": 1.0, "hit_rate": 1 / 4}
    assert report["policy"] == "ranked"


def test_shares_of_the_sources_sum_to_one() -> None:
    sources = evaluated(tastes(300), policy="sarsa")["sources"]
    assert sum(found["share"] for found in sources.values()) == pytest.approx(1.0)
    assert sources["ranked"]["share"] == max(found["share"] for found in sources.values())


def test_items_of_the_catalogue_are_learned_but_are_no_events() -> None:
    report = evaluated([Item(item_id="x"), event(0, "u", "x"), event(1, "u", "x")])
    assert (report["events"], report["steps"], report["known_items"]) == (2, 1, 1)
    assert score(report)["hit_rate@1"] == 1.0


def test_nothing_at_all_gives_a_report() -> None:
    report = evaluated([])
    assert (report["events"], report["steps"], score(report)["hit_rate@5"]) == (0, 0, 0.0)


def test_progress_is_yielded() -> None:
    counts: Iterator[int] = Evaluation(Config()).advance([Item(item_id="x"), event(0, "u", "x"), event(1, "u", "x")])
    assert list(counts) == [1, 2]


# Refreshed lists


def viewed(item: str, user: str, seconds: float) -> Entry:
    return "view", Event(event_id=f"{user}{seconds}", user_id=user, item_id=item, timestamp=T + seconds)


def trend() -> Iterator[Entry]:
    """u comes at the start and is idle for ten minutes, in which all others view z; then u views z too."""
    yield viewed("old", "u", 0)
    for n in range(60):
        yield viewed("z", f"v{n}", 10.0 * n + 1)
    yield viewed("z", "u", 615.0)


@pytest.mark.parametrize(
    ("lists", "refreshes", "hits", "age"),
    [("published", 1.0, 0, None), ("refreshed", 1.0, 1, 311.0), ("refreshed", 0.0, 0, None), ("fresh", 1.0, 1, 0.0)],
)
def test_a_refreshed_list_follows_the_trend(lists: Lists, refreshes: float, hits: int, age: float | None) -> None:
    config = Config(policy=Policy(name="ranked"))
    entries = [*trend()]
    entries[0:0] = [viewed("seed", "first", -5.0)]
    report = Evaluation(config, Protocol((1, 5), lists, refreshes=refreshes)).run(entries)
    assert report["steps"] == 1
    learners = report["learners"]
    assert isinstance(learners, dict)
    assert learners["engine"]["hit_rate@5"] == hits
    assert learners["popularity"]["hit_rate@5"] == hits, "baselines are queried when the engine is"
    made, mean = report["refreshed_lists"], report["mean_list_age_s"]
    assert isinstance(made, int)
    assert (made > 0) == (lists == "refreshed" and refreshes > 0)
    assert mean == pytest.approx(615.0 if age is None else age, abs=5.0)


def test_fractions_of_a_refresh_add_up() -> None:
    entries = [viewed("abc"[n % 3], f"u{n % 40}", 20.0 * n) for n in range(400)]
    made = [
        Evaluation(Config(), Protocol((5,), "refreshed", refreshes=rate)).run(entries)["refreshed_lists"]
        for rate in (0.25, 0.5)
    ]
    assert made[0] == pytest.approx(100, abs=12)
    assert made[1] == pytest.approx(200, abs=25)


# Bytes

PROGRAM = """
import sys
from pathlib import Path
import orjson
from stream.config import Config, Policy
from stream.evaluation.prequential import Evaluation, Protocol
from stream.datasets.readers import read
for policy in ("disagreement", "q_learning"):
    for lists in ("published", "fresh"):
        config = Config(policy=Policy(name=policy, discount=0.5))
        evaluation = Evaluation(config, Protocol((1, 5, 20), lists), learners=["covisitation"], resamples=20)
        report = evaluation.run(read(Path(sys.argv[1])))
        sys.stdout.buffer.write(orjson.dumps(report) + b"\\n")
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random("a synthetic log")
    lines = ["user_id,item_id,event,timestamp"]
    for n in range(300):
        user, item = rng.randrange(25), int(60 * rng.random() ** 2)
        kind = rng.choice(["view", "view", "click", "purchase"])
        lines.append(f"u{user},i{item},{kind},{int(T) + 97 * n + rng.randrange(300)}")
    path = tmp_path_factory.mktemp("evaluate") / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_same_log_gives_the_same_bytes_whatever_the_order_of_hashes(log: Path) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(log)], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True,
            timeout=120,
        ).stdout
        for seed in "012"
    ]  # fmt: skip
    assert outputs[0] == outputs[1] == outputs[2]
    reports = [orjson.loads(line) for line in outputs[0].splitlines()]
    assert [report["steps"] > 200 for report in reports] == [True] * 4
    assert len({report["fingerprint"] for report in reports}) == 2, "what is measured changes nothing that is learned"
    assert all(report["skipped_records"] == 0 for report in reports)


def test_a_description_that_comes_with_its_event_does_not_leak() -> None:
    """Every event is on an item never heard of: nothing can be predicted, whatever the file says just before it."""
    entries: list[Entry] = []
    for n in range(60):
        entries.append(Item(item_id=f"i{n}", categories=["only"]))
        event = Event(event_id=f"e{n}", user_id="u", item_id=f"i{n}", timestamp=1e9 + n)
        entries.append(("view", event))
    both: tuple[Lists, ...] = ("published", "fresh")
    for lists in both:
        report: Any = Evaluation(Config(), Protocol(lists=lists)).run(entries)
        assert report["steps"] == 59
        assert report["learners"]["engine"]["hit_rate@20"] == 0.0
