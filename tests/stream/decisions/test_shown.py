"""What the ranker learns from: the candidates of the last slate, of which one was taken."""

import math
from collections import Counter

import numpy as np
import pytest

from stream.config import Ranking
from stream.decisions.engine import Engine
from stream.decisions.shown import SHOWN_USERS, Shown
from stream.ranking.negatives import offered_bytes, pack_offered
from stream.records.log import Rows
from stream.state.user import User
from tests.support.site import Site, T, decision_of, did, shown, steps

NO_PAST = np.full(5, -1, np.int32), np.empty(0)


def rows_of(engine: Engine, taken: str, name: str) -> tuple[list[int], Rows]:
    """Rows taught after a slate from five candidates, each described by its own number, the last scored highest."""
    width = len(engine.model.ranking.columns)
    features = np.repeat(np.arange(5, dtype=np.uint8), width).reshape(5, width)
    items = np.arange(5, dtype=np.int32)
    slot = engine.shown.slot(offered_bytes(5, width, 0))
    pack_offered(slot, items, features, items.astype(np.float32), *NO_PAST)
    engine.shown.keep("u", Shown(T, name, slot))
    rows = engine.shown.rows("u", User(), did("u", taken, T + 1).event)
    assert rows is not None
    return np.frombuffer(rows.features, np.uint8).reshape(-1, width)[:, 0].tolist(), rows


def test_rows_are_the_taken_one_some_of_the_others_and_some_hard_ones() -> None:
    site = Site("abcde", ranking=Ranking(negatives=4))
    uniform: Counter[int] = Counter()
    hard: Counter[int] = Counter()
    for n in range(200):
        picks, rows = rows_of(site.engine, "c", f"{n}")
        assert (picks[0], len(picks), rows.taken, rows.uniform, rows.rate) == (2, 5, True, 2, 2 / 4)
        uniform.update(picks[1:3])
        hard.update(picks[3:])
        assert rows_of(site.engine, "c", f"{n}")[0] == picks, "a pure function of the decision's name"
    assert sorted(uniform) == [0, 1, 3, 4]
    assert all(abs(count - 100) < 5 * np.sqrt(400 * 0.25 * 0.75) for count in uniform.values())
    best = 1 - 0.75**4  # that one of four tries is the best
    assert abs(hard[4] - 400 * best) < 5 * np.sqrt(400 * best * (1 - best))
    assert hard[4] > hard[3] > hard[1] > hard[0]


def test_rows_of_a_miss_are_negatives_alone() -> None:
    site = Site("abcde", ranking=Ranking(negatives=3))
    picks, rows = rows_of(site.engine, "elsewhere", "1")
    assert (len(picks), rows.taken, rows.uniform, rows.rate) == (3, False, 2, 2 / 5)
    assert set(picks) <= set(range(5))


def test_a_sample_as_large_as_what_it_is_from_stands_for_itself() -> None:
    site = Site("abcde", ranking=Ranking(negatives=32))
    assert rows_of(site.engine, "a", "1")[1].rate == 1.0


def test_the_rows_of_a_step_describe_the_candidates_of_its_slate_at_the_time_of_the_step() -> None:
    site = Site("abcd")
    batch = site.propose(did("u", "a"))
    decision = decision_of(steps(batch)[0])
    found = site.drawn("u", T, decision.decision_id).candidates()
    site.fold(batch)
    rows = site.step(did("u", "a", T + 60)).rows
    assert rows is not None
    place = found.items.tolist().index(site.model.vocabulary.index("a"))
    assert rows.taken
    columns = site.model.ranking.columns
    first = dict(zip(columns, np.frombuffer(rows.features, np.uint8).tolist(), strict=False))
    before = dict(zip(columns, found.features[place].tolist(), strict=True))
    moved = {name for name in columns if first[name] != before[name]}
    assert moved == {"seen_recency", "seen_x_gap", "last_x_gap", "gap"}
    assert first["gap"] == first["last_x_gap"] == round(255 * math.log(61) / 15)
    assert before["gap"] == 0


def test_an_event_from_before_the_slate_teaches_the_ranker_nothing() -> None:
    site = Site("abcd")
    shown(site)
    assert site.step(did("u", "b", T - 1)).rows is None


def test_what_was_shown_is_kept_for_a_bounded_number_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHOWN_USERS == 5_000
    monkeypatch.setattr("stream.decisions.shown.SHOWN_USERS", 2)
    site = Site("abcd")
    for n, user in enumerate("uvw"):
        site.take(did(user, "a", T + n))
    assert [site.step(did(user, "b", T + 9)).rows is None for user in "wvu"] == [False, False, True]
