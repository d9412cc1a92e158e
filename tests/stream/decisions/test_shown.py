"""What the ranker learns from: the candidates of the last slate, of which one was taken."""

import math
from collections import Counter

import numpy as np
import pytest

from stream.config import Ranking
from stream.decisions.arrivals import UserEvent
from stream.decisions.engine import Engine
from stream.decisions.shown import SHOWN_USERS, Shown
from stream.ranking.negatives import offered_bytes, pack_offered
from stream.records.log import Rows
from stream.state.user import User
from tests.support.site import Site, T, asked, decision_of, did, shown, steps

NO_PAST = np.full(5, -1, np.int32), np.empty(0)


def rows_of(engine: Engine, taken: str, name: str) -> tuple[list[int], Rows]:
    """Rows taught after a slate from five candidates, each described by its own number, the last scored highest."""
    width = len(engine.model.ranking.columns)
    features = np.repeat(np.arange(5, dtype=np.uint8), width).reshape(5, width)
    items = np.arange(5, dtype=np.int32)
    slot = engine.shown.slot(offered_bytes(5, width, 0))
    pack_offered(slot, items, np.ascontiguousarray(features.T), items.astype(np.float32), *NO_PAST)
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


HOURS = 7200.0  # of silence; a session ends after 1800 s


def column(site: Site, event: UserEvent, name: str) -> int:
    """Of the item taken, in the rows of an event, which may be the one that settles other slates by silence."""
    rows = steps(site.take(event))[0].rows
    assert rows is not None
    assert rows.taken
    return int(np.frombuffer(rows.features, np.uint8)[site.model.ranking.columns.index(name)])


def crowd(site: Site, time: float) -> None:
    """Many take `c`."""
    for n in range(40):
        site.take(did("crowd", "c", time + n))


@pytest.mark.parametrize(("share", "popularity"), [(0.0, 255), (1.0, round(255 * 5 / 41))])
def test_who_comes_back_teaches_a_list_as_of_now(share: float, popularity: int) -> None:
    """`b` was the most popular item when u and v left; `c` is when they come back to `b`."""
    site = Site("abcd", ranking=Ranking(asked_share=share))
    site.take(*(did(f"other{n}", "b", T - 9) for n in range(5)))
    site.take(did("u", "c"), did("v", "c"))
    crowd(site, T + 10)
    assert abs(column(site, did("u", "b", T + HOURS), "popularity_value") - popularity) <= 3
    assert (column(site, did("v", "b", T + HOURS), "depth") == 0) == (share == 1.0), "their session is over"
    assert site.model.skipped == 0


def test_the_share_is_drawn_by_the_ids_of_events() -> None:
    def renewed() -> list[bool]:
        site = Site("abcd", ranking=Ranking(asked_share=0.5))
        for n in range(60):
            site.take(did(f"u{n}", "a", T + n))
        return [column(site, did(f"u{n}", "a", T + HOURS + n), "depth") == 0 for n in range(60)]

    drawn = renewed()
    assert 11 <= sum(drawn) <= 49, "within five standard deviations"
    assert renewed() == drawn


def test_within_a_session_after_a_request_and_while_slates_are_deferred_no_list_is_made_to_learn_from() -> None:
    site = Site("abcd", ranking=Ranking(asked_share=1.0))
    for user in "uvw":
        site.take(did(user, "a"))
    assert column(site, did("u", "a", T + 1800), "depth") > 0
    site.take(asked("v", T + HOURS))
    crowd(site, T + HOURS)
    assert column(site, did("v", "a", T + HOURS + 60), "popularity_value") == 255, "as it was asked for"
    site.shard.deferred.add("crowd", at=0.0)
    assert column(site, did("w", "a", T + HOURS + 60), "depth") > 0


def test_what_was_shown_is_kept_for_a_bounded_number_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHOWN_USERS == 5_000
    monkeypatch.setattr("stream.decisions.shown.SHOWN_USERS", 2)
    site = Site("abcd")
    for n, user in enumerate("uvw"):
        site.take(did(user, "a", T + n))
    assert [site.step(did(user, "b", T + 9)).rows is None for user in "wvu"] == [False, False, True]
