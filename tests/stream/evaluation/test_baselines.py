"""Single learners, frozen models and sessions: numbers worked by hand, and the published protocol written again."""

import math
import random
from collections import defaultdict
from typing import Any

import orjson
import pytest

from learners import CoVisitation, Popularity, SequentialRules
from stream.config import Config, Sources
from stream.evaluation.baselines import UnknownLearnerError
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.evaluation.protocol import Planned
from stream.records.schemas import KINDS, Event, EventType, Item


def event(time: float, user: str, item: str, session: str | None = None, kind: EventType = "view") -> Entry:
    event_id = f"{user}/{session}/{time}/{item}"
    return kind, Event(event_id=event_id, user_id=user, item_id=item, timestamp=time, session_id=session)


def evaluated(
    entries: list[Entry], learners: tuple[str, ...] = (), config: Config | None = None, resamples: int = 0,
    **options: Any,
) -> dict[str, Any]:  # fmt: skip
    return Evaluation(config or Config(), Protocol(**options), learners=learners, resamples=resamples).run(entries)


def shop(events: int, seed: str = "shop") -> list[Entry]:
    """Sessions of some users over thirty items, a few of them popular, some bought."""
    rng = random.Random(seed)
    entries: list[Entry] = []
    for n in range(events):
        user = rng.randrange(12)
        item = int(30 * rng.random() ** 2)
        entries.append(event(1000.0 + 30 * n, f"u{user}", f"i{item}", f"s{user}-{n // 60}", KINDS[rng.randrange(3)]))
    return entries


def test_every_number_of_a_tiny_log_by_hand() -> None:
    """v sees a b a, u sees a c; both are asked what they saw last.

    | step | list | next | rest of the session | events a, b, c before |
    | --- | --- | --- | --- | --- |
    | v | a | b | b a | 1 0 0 |
    | v | b a | a | a | 1 1 0 |
    | u | a | c | c | 3 1 0 |
    """
    log = [event(n, pair[0], pair[1]) for n, pair in enumerate(["va", "vb", "va", "ua", "uc"])]
    report = evaluated(log, ("recently_seen",), ks=(1, 2), lists="fresh")
    found = report["learners"]["recently_seen"]
    assert (report["events"], report["steps"], report["known_items"]) == (5, 3, 3)
    assert found["hit_rate@1"] == found["mrr@1"] == 0.0
    expected = {
        "hit_rate@2": 1 / 3, "mrr@2": 1 / 6, "ndcg@2": 1 / math.log2(3) / 3, "precision@2": 1 / 6, "recall@2": 1 / 3,
        "f1@2": 2 / 9, "map@2": 1 / 6,
        "rest_precision@2": (1 / 2 + 1 / 2) / 3, "rest_recall@2": (1 / 2 + 1) / 3, "rest_f1@2": (2 / 4 + 2 / 3) / 3,
        "rest_map@2": (1 / 2 + 1 / 2) / 3, "rest_map_published@2": (1 / 2 * 1 / 2) / 3,
        "coverage": 2 / 3, "gini": 1 / 2, "average_popularity": 1.0, "novelty": (0 + 1 + math.log2(4 / 3)) / 3,
        "reward_per_step": 1 / 3,
    }  # fmt: skip
    assert {measure: found[measure] for measure in expected} == pytest.approx(expected)
    assert "diversity" not in found, "no item has a category"
    assert found["seen"]["events"] == found["seen"]["hit_rate@2"] == 1
    assert report["curve"]["hit_rate"]["recently_seen"] == pytest.approx([1 / 3])
    assert report["curve"]["steps"] == [3]
    assert (report["curve"]["from"], report["curve"]["to"]) == ([1.0], [4.0])


def test_engine_and_popularity_always_take_part() -> None:
    report = evaluated(shop(100), ("covisitation", "covisitation", "popularity"))
    assert list(report["learners"]) == ["engine", "popularity", "covisitation"]
    every = evaluated(shop(100), ("all",))["learners"]
    assert set(every) >= {"engine", "popularity", "covisitation", "sequential_rules", "recently_seen"}
    assert every["engine"] == report["learners"]["engine"], "who else is asked changes nothing"


def test_an_unknown_learner_is_refused_with_similar_names() -> None:
    with pytest.raises(UnknownLearnerError, match="'covisitations' is unknown; did you mean covisitation"):
        evaluated([], ("covisitations",))
    with pytest.raises(UnknownLearnerError, match="only learners of this run"):
        Evaluation(Config(), compare=[("engine", "covisitation")])


@pytest.mark.parametrize("lists", ["published", "fresh"])
def test_a_guest_learns_the_same_events_as_the_model(monkeypatch: pytest.MonkeyPatch, lists: str) -> None:
    """Twins of the model's own sources, made by name and taught beside it, answer alike at every step."""
    twins = {
        "popularity_twin": lambda: Popularity(half_life=3_000),
        "covisitation_twin": CoVisitation,
        "sequential_rules_twin": SequentialRules,
    }
    monkeypatch.setattr("stream.evaluation.baselines.BROUGHT", twins)
    names = ("covisitation", "sequential_rules", *twins)
    log: list[Entry] = [Item(item_id="i1", categories=["x"]), *shop(200)]
    found = evaluated(log, names, lists=lists)["learners"]
    for twin in twins:
        assert found[twin] == found[twin.removesuffix("_twin")]
        assert found[twin]["hit_rate@20"] > 0


# Frozen


@pytest.mark.parametrize("by", ["user", "session"])
def test_a_frozen_model_learns_nothing(by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.evaluation.baselines.BROUGHT", {"guest": CoVisitation})
    evaluation = Evaluation(Config(), Protocol(train_until=4000.0, freeze=True, by=by), learners=["guest"])
    guest = evaluation.baselines[-1].source
    marks: dict[bool, set[str]] = {False: set(), True: set()}
    arrays: list[bytes] = []
    step = evaluation.step

    def watched(planned: Planned) -> None:
        step(planned)
        marks[planned.measured].add(evaluation.model.fingerprint())
        if planned.measured:
            arrays.append(b"".join(array.tobytes() for array in guest.state().values()))

    monkeypatch.setattr(evaluation, "step", watched)
    entries: list[Entry] = [*shop(200), Item(item_id="new"), event(9000.0, "u1", "new", "last")]
    report = evaluation.run(entries)
    assert report["steps"]
    assert len(marks[False]) > 50, "training learns"
    assert len(marks[True]) == 1, "the test does not"
    assert marks[True] <= marks[False], "nor does the change from one to the other"
    assert len(set(arrays)) == 1
    assert evaluation.model.vocabulary.index("new") == -1


def test_users_change_while_the_model_is_frozen() -> None:
    """What was seen last is still known: a list of one's own items follows every event."""
    train = [event(n, "t", f"i{n}") for n in range(6)]
    test = [event(100 + n, "u", f"i{n % 3}") for n in range(9)]
    found = evaluated(train + test, ("recently_seen",), train_until=50.0, freeze=True, ks=(3,))
    assert (found["steps"], found["lists"]) == (8, "fresh")
    assert found["learners"]["recently_seen"]["hit_rate@3"] == 6 / 8, "all but the first sight of i1 and i2"


def test_by_session_no_user_has_history() -> None:
    log = [event(1, "u", "a", "1"), event(2, "u", "b", "1"), event(3, "u", "a", "2"), event(4, "u", "b", "2")]
    assert evaluated(log)["steps"] == 2, "the first event is answered when nothing is known, so with no list"
    found = evaluated(log, ("recently_seen",), by="session", lists="fresh")
    assert found["steps"] == 2
    assert found["learners"]["recently_seen"]["hit_rate@20"] == 0.0
    assert evaluated(log, ("recently_seen",), lists="fresh")["learners"]["recently_seen"]["hit_rate@20"] == 2 / 3


def test_only_new_items_are_listed_and_measured_if_so_asked() -> None:
    """Of three items u knows two, so the third is first on every list of one; repeats are no steps."""
    log = [event(n, "v", item) for n, item in enumerate("abcabc")]
    log += [event(10, "u", "a"), event(11, "u", "b"), event(12, "u", "a"), event(13, "u", "c")]
    for lists in ("published", "fresh"):
        evaluation = Evaluation(Config(), Protocol(ks=(1,), candidates="novel", lists=lists, train_events=8))
        report: Any = evaluation.run(log)
        assert report["steps"] == 1
        for learner in ("engine", "popularity"):
            assert report["learners"][learner]["hit_rate@1"] == 1.0
    alike = Evaluation(Config(), Protocol(ks=(1,), train_events=8)).run(log)
    assert report["fingerprint"] == alike["fingerprint"], "what is measured changes nothing that is learned"


# The published protocol


def published(sessions: dict[str, list[tuple[float, str]]], until: float, half_life: float) -> tuple[float, float, int]:
    """HR@20 and MRR@20 of popularity, written from the description of the published tables.

    Test are the sessions that end at or after the cut; items unknown in training and then sessions of one event are
    left out; the list is compared with every event but the first; all training items compete.
    """
    train = sorted((time, item) for session in sessions.values() if session[-1][0] < until for time, item in session)
    weights: dict[str, float] = defaultdict(float)
    for n, (_, item) in enumerate(train):
        weights[item] += 2.0 ** (n / half_life)
    ranking = sorted(weights, key=lambda item: -weights[item])[:20]
    ranks = [
        ranking.index(item) if item in ranking else None
        for session in sessions.values()
        if session[-1][0] >= until
        for item in [item for _, item in session if item in weights][1:]
    ]
    hits = [rank for rank in ranks if rank is not None]
    return len(hits) / len(ranks), sum(1 / (rank + 1) for rank in hits) / len(ranks), len(ranks)


def test_the_published_protocol_is_reproduced() -> None:
    rng = random.Random("sessions")
    sessions: dict[str, list[tuple[float, str]]] = {}
    for n in range(120):
        start = rng.uniform(0, 40_000)
        items = [
            f"i{int(60 * rng.random() ** 2) + (start > 30_000) * rng.randrange(9)}" for _ in range(rng.randint(1, 9))
        ]
        sessions[f"s{n}"] = [(start + 211.3 * place, item) for place, item in enumerate(items)]
    log = sorted(
        (event(time, key, item, key) for key, session in sessions.items() for time, item in session),
        key=lambda entry: entry[1].timestamp if isinstance(entry, tuple) else 0.0,
    )
    config = Config(sources=Sources(popularity_half_life=1e6))
    found = evaluated(
        log, ("recently_seen",), config, ks=(20,), by="session", train_until=30_000.0, freeze=True, known_items=True
    )
    hit_rate, mrr, steps = published(sessions, 30_000.0, 1e6)
    assert (found["steps"], found["skipped_records"]) == (steps, 0)
    assert steps > 100
    assert 0.2 < hit_rate < 0.95
    assert found["learners"]["popularity"]["hit_rate@20"] == pytest.approx(hit_rate)
    assert found["learners"]["popularity"]["mrr@20"] == pytest.approx(mrr)
    assert found["learners"]["engine"]["hit_rate@20"] > 0


# Intervals, heads, bytes


def test_intervals_and_comparisons() -> None:
    report = evaluated(shop(400), ("recently_seen",), resamples=200)
    for scores in report["learners"].values():
        for measure, (low, high) in scores["intervals"].items():
            assert low - 1e-9 <= scores[measure] <= high + 1e-9, measure
            assert low < high or measure == "rest_map_published@1", f"{measure}: only that one is 0 by its definition"
    pairs = [(pair["first"], pair["second"]) for pair in report["comparisons"]]
    assert pairs == [("engine", "popularity"), ("engine", "recently_seen")]
    engine, other = (report["learners"][name] for name in pairs[1])
    difference, low, high = report["comparisons"][1]["differences"]["mrr@20"]
    assert difference == engine["mrr@20"] - other["mrr@20"]
    assert low < difference < high
    test = report["comparisons"][1]["mcnemar"]
    gap = (test["only_first"] - test["only_second"]) / report["steps"]
    assert gap == pytest.approx(engine["hit_rate@20"] - other["hit_rate@20"])


def test_the_heads_are_judged_on_all_candidates() -> None:
    for lists in ("published", "fresh"):
        heads = evaluated(shop(300), lists=lists)["heads"]
        assert heads["click"]["auc"] > 0.55
        assert heads["click"]["candidates"] == heads["purchase"]["candidates"] > 3000
        for head in heads.values():
            assert sum(row["candidates"] for row in head["reliability"]) == head["candidates"]
        happened = [sum(row["observed"] * row["candidates"] for row in head["reliability"]) for head in heads.values()]
        assert 0 < happened[1] < happened[0], "fewer are bought than taken"


def test_the_clock_changes_nothing_but_the_times() -> None:
    """Two runs are the same bytes; a clock adds its part and leaves the rest alone."""
    plain = [orjson.dumps(evaluated(shop(120), ("all",), resamples=20)) for _ in range(2)]
    assert plain[0] == plain[1]
    ticks = iter(range(10**6))
    timed: Any = Evaluation(Config(), learners=["all"], resamples=20, clock=lambda: float(next(ticks))).run(shop(120))
    timing = timed.pop("timing")
    assert orjson.dumps(timed) == plain[0]
    assert timing["covisitation"]["learn"] == {"calls": 120, "mean_us": 1e6, "median_us": 1e6}
    assert set(timing["engine"]) == {"learn", "query"}


def test_ratings_are_predicted_before_they_are_learned() -> None:
    """Everybody gives everything four stars but the last one gives two: nobody could know."""
    log = [event(n, f"u{n % 3}", f"i{n % 4}") for n in range(60)]
    ids = [entry[1].event_id for entry in log if isinstance(entry, tuple)]
    ratings = dict.fromkeys(ids, 4.0) | {ids[-1]: 2.0}
    for train, frozen in ((59, False), (58, True)):
        protocol = Protocol(train_events=train, freeze=frozen)
        found: Any = Evaluation(Config(), protocol, learners=["biased_mf"], ratings=ratings).run(log)
        assert found["ratings"]["biased_mf"]["ratings"] == 60 - train
        assert "baseline" not in found["learners"], "it ranks nothing"
    assert "ratings" not in evaluated(log)
