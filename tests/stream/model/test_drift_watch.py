"""What is watched, that all replicas hear the same alarms, and that an answered change is got over sooner."""

import math
import random
from functools import cache
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from learners import RecentlySeen, TwoHeads
from learners.drift import ANSWERS
from learners.popularity.popularity import Popularity
from stream.config import Config, Drift, DriftAnswer
from stream.decisions.local import SHARD
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.model.copy import ModelCopy
from stream.model.drift_watch import CLICK, ENGINE, MIXER, PURCHASE, Watch, watch_rows, watch_slate
from stream.model.fold import Model
from stream.ranking.features import feature_names
from stream.records.log import LOG_VERSION, Claim
from stream.records.schemas import Event
from tests.support.site import T

SILENT = Drift(mixer="none", heads="none", sources="none", engine="none")


def test_the_configured_answers_are_those_there_are() -> None:
    assert set(get_args(DriftAnswer)) == set(ANSWERS)


# Values

SOURCES = ("popularity", "recently_seen")
COLUMNS = feature_names(SOURCES)
NAN = math.nan


def watching(slots: int = 5, mixer: object = None) -> Watch:
    return Watch(Drift(), [Popularity(), RecentlySeen()], TwoHeads(COLUMNS), COLUMNS, slots, mixer)


def row(**values: int) -> Any:
    return np.array([values.get(name, 0) for name in COLUMNS], np.uint8)


def heard(
    watch: Watch, features: Any = None, *, listwise: float = NAN, click: float = 0.1, bought: float = 0.5,
    purchased: bool = False,
) -> dict[str, float]:  # fmt: skip
    """The values that were taken, by model."""
    learned = np.array([listwise, click, bought, 0.0])
    watch_rows(watch.arrays, row() if features is None else features, features is not None, purchased, learned)
    return values(watch)


def values(watch: Watch) -> dict[str, float]:
    taken = zip((ENGINE, CLICK, PURCHASE, MIXER, *SOURCES), watch.arrays.values.tolist(), strict=True)
    return {name: value for name, value in taken if not math.isnan(value)}


@pytest.mark.parametrize("slots", [1, 2, 5, 10, 20])
def test_a_source_hits_if_the_item_is_among_its_first(slots: int) -> None:
    watch = watching(slots)
    for rank in range(2 * slots):
        found = heard(watch, row(popularity_rank=int(255.0 / (1 + rank) + 0.5)))
        assert found["popularity"] == float(rank < slots)


def test_a_source_of_discovery_is_not_blamed_for_what_the_user_knew() -> None:
    found = heard(watching(), row(seen=255, recently_seen_rank=255))
    assert "popularity" not in found
    assert found["recently_seen"] == 1.0
    found = heard(watching())
    assert (found["popularity"], found["recently_seen"]) == (0.0, 0.0), "it was no candidate"


def test_losses_are_shares_of_the_worst() -> None:
    for click, expected in ((0.5, 0.1), (99.0, 1.0), (0.0, 0.0)):
        found = heard(watching(), click=click)
        assert found[CLICK] == expected
        assert not {PURCHASE, MIXER, ENGINE} & set(found)
    for purchased, likelihood in ((True, 0.25), (False, 0.75)):
        found = heard(watching(), row(), bought=0.25, purchased=purchased)
        assert found[PURCHASE] == pytest.approx(-math.log(likelihood) / 5)
    assert heard(watching(), row(), listwise=1.0)[MIXER] == pytest.approx(0.2)


def test_an_alarm_is_answered_once() -> None:
    told: list[float] = []

    class Mixer:
        def raise_learning_rate(self, factor: float) -> None:
            told.append(factor)

    watch, found = watching(mixer=Mixer()), list[tuple[str, str]]()
    for n in range(1_200):
        heard(watch, listwise=n / 400)
        found += watch.alarms()
        assert watch.alarms() == []
    assert found.count((MIXER, "faster_step")) == len(told) >= 1
    assert set(told) == {4.0}


@pytest.mark.parametrize("hit", [True, False])
def test_the_engine_is_watched_by_its_hits(hit: bool) -> None:
    watch = watching()
    heard(watch, row())
    watch_slate(watch.arrays, hit)
    assert values(watch) == {ENGINE: float(hit)}


# Replicas


def walk(events: int) -> list[Entry]:
    """Ten users like some of 40 items, and others from the middle on."""
    rng = random.Random("walk")
    found: list[Entry] = []
    for n in range(events):
        item = rng.randrange(20) + (20 if n > events // 2 else 0)
        user = f"u{rng.randrange(10)}"
        found.append(("view", Event(event_id=f"e{n}", user_id=user, item_id=f"i{item}", timestamp=T + 10.0 * n)))
    return found


class Recorded(Evaluation):
    """Keeps the log, and a snapshot of the model where an alarm is on."""

    def __init__(self, config: Config) -> None:
        self.messages: list[tuple[Any, int]] = [(Claim(LOG_VERSION, SHARD, "evaluate"), 0)]
        self.saved: ModelCopy | None = None
        super().__init__(config, Protocol((5,)))
        fold = self.model.fold

        def kept(message: Any, offset: int) -> Any:
            self.messages.append((message, offset))
            verdict = fold(message, offset)
            if self.saved is None and 0.2 < self.model.watch.state()["heights"].max() < 0.7:
                self.saved = self.model.copy()
            return verdict

        self.model.fold = kept  # type: ignore[method-assign]


def test_a_replica_that_starts_from_a_snapshot_under_alarm_ends_with_the_same_bits() -> None:
    config = Config(drift=Drift(delta=0.2, cool_down=100.0))
    whole = Recorded(config)
    report = whole.run(walk(700))
    assert whole.saved is not None
    assert report["skipped_records"] == 0
    replica = Model(whole.config)
    replica.restore(ModelCopy.decode(whole.saved.encode()))
    assert replica.fingerprint() == whole.saved.fingerprint()
    for message, offset in whole.messages[whole.saved.offset :]:
        replica.fold(message, offset)
    assert replica.fingerprint() == report["fingerprint"]
    unlike = Model(msgspec.structs.replace(whole.config, drift=SILENT))
    for message, offset in whole.messages:
        unlike.fold(message, offset)
    assert unlike.fingerprint() != report["fingerprint"], "the answers did something"


# Recovery

HALF, AFTER, SEEDS = 3_000, 1_500, 3


def permuted_tastes(seed: int) -> list[Entry]:
    """100 users in 5 groups, each with 50 of 250 items, some dearer than others; then all items change places."""
    rng = random.Random(f"{seed}/tastes")
    first = list(range(250))
    second = first[:]
    rng.shuffle(second)
    found: list[Entry] = []
    for n in range(HALF + AFTER):
        user, deck = rng.randrange(100), first if n < HALF else second
        item = deck[user % 5 * 50 + int(50 * rng.random() ** 2)]
        event = Event(event_id=f"e{n}", user_id=f"u{user}", item_id=f"i{item}", timestamp=T + 5.0 * n)
        found.append(("view", event))
    return found


@cache
def hits(seed: int, drift: Drift) -> tuple[float, ...]:
    """Hits of all lists of five, event by event."""
    evaluation = Evaluation(Config(drift=drift), Protocol((5,)))
    ranks, found, counted = evaluation.journals[ENGINE].ranks, [0.0], 0
    for _ in evaluation.advance(permuted_tastes(seed)):
        found.append(float(sum(rank >= 0 for rank in ranks[counted:])))
        counted = len(ranks)
    return tuple(found[2:])


@pytest.mark.timeout(900)
def test_an_answered_change_is_got_over_sooner() -> None:
    """Of the steps that only one of the two gets right, chance would give each half (McNemar): 3 deviations more."""
    better = worse = before = 0
    for seed in range(SEEDS):
        answered, silent = np.array(hits(seed, Drift())), np.array(hits(seed, SILENT))
        before += int(np.abs(answered - silent)[: HALF // 3].sum())
        better += int((answered > silent)[HALF:].sum())
        worse += int((answered < silent)[HALF:].sum())
    assert before == 0, "as long as nothing has changed, nothing is done"
    assert better - worse > 3 * math.sqrt(better + worse), (better, worse)
