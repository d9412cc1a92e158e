"""Learning sessions item by item equals a batch over the finished sessions, written here from the formulas."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners import INELIGIBLE, NOBODY, TOUCHED, Interaction, Query, SessionNeighbours
from learners.neighbours.session_search import Decays

DAY_S = 86_400.0
ITEMS = 30
NOTHING = np.empty(0, np.int32)


class Click(NamedTuple):
    user: int
    item: int
    begins: bool  # a session


class Session:
    def __init__(self, user: int) -> None:
        self.user, self.items, self.ended, self.place = user, list[int](), 0.0, 0  # place: of its last click among all


def _items(items: Iterable[int]) -> NDArray[np.int32]:
    return np.array(list(items), np.int32)


def _learn(source: SessionNeighbours, clicks: Iterable[Click], pace_s: float = 3_600.0) -> list[Session]:
    """Learn interleaved clicks, one every `pace_s`; return what a batch would be given."""
    source.add_item(ITEMS - 1)
    sessions: list[Session] = []
    newest: dict[int, Session] = {}
    for n, click in enumerate(clicks):
        session = newest.get(click.user)
        if session is None or click.begins:
            session = newest[click.user] = Session(click.user)
            sessions.append(session)
        before = _items(reversed(session.items))
        source.learn_one(Interaction(click.item, 0, n * pace_s, before, before, click.user))
        session.items.append(click.item)
        session.ended, session.place = n * pace_s, n
    return sessions


def _batch(
    sessions: Sequence[Session], asked: Sequence[int], now: float, k: int, sample: int,
    spw: float, snh: float, inh: float, ipw: float, idf: float,
) -> dict[int, float]:  # fmt: skip
    """Scores of all items for a session `asked`, oldest first."""
    n = len(asked)
    last = {item: position for position, item in enumerate(asked, 1)}
    weight = {item: math.exp((position - n) / spw) for item, position in last.items()}
    norm = math.sqrt(sum(w * w for w in weight.values()))
    possible = sorted((s for s in sessions if set(s.items) & set(last)), key=lambda s: -s.place)[:sample]
    similar = []
    for session in possible:
        distinct = set(session.items)
        dot = sum(weight[item] for item in distinct & set(last))
        decay = math.exp(-max(0.0, now - session.ended) / (snh * DAY_S))
        similar.append((dot / (norm * math.sqrt(len(distinct))) * decay, session))
    nearest = sorted(similar, key=lambda pair: (-pair[0], -pair[1].place))[:k]
    events = Counter(item for session in sessions for item in session.items)
    scores: defaultdict[int, float] = defaultdict(float)
    for similarity, session in sorted(nearest, key=lambda pair: -pair[1].place):
        places = {item: position for position, item in enumerate(session.items, 1)}
        shared = set(places) & set(last)
        match = max(places[item] for item in shared)
        place = max(last[item] for item in shared)
        for item, position in places.items():
            rarity = max(0.0, math.log(len(sessions) / events[item]))
            closeness = math.exp(-abs(position - match) / inh) * math.exp((place - n) / ipw)
            scores[item] += similarity * closeness * (1 + idf * rarity)
    return dict(scores)


def _require_equal(source: SessionNeighbours, expected: dict[int, float], query: Query) -> None:
    every = np.arange(ITEMS, dtype=np.int32)
    found = source.score_many(query, every)
    assert found == pytest.approx([expected.get(item, 0.0) for item in range(ITEMS)], rel=1e-6, abs=1e-37)
    items, scores = source.top_k(query, ITEMS, np.zeros(ITEMS, np.uint8))
    positive = [item for item in range(ITEMS) if found[item] > 0]
    assert items.tolist() == sorted(positive, key=lambda item: (-found[item], item))
    assert scores.tolist() == [found[item] for item in items]


def _clicks(n: int, seed: int, items: int = ITEMS) -> list[Click]:
    rng = random.Random(f"{seed}/session clicks")
    # squared: some items are in most sessions
    return [Click(1 + rng.randrange(12), int(items * rng.random() ** 2), rng.random() < 0.2) for _ in range(n)]


@pytest.mark.parametrize(
    ("k", "sample", "spw", "snh", "inh", "ipw", "idf"),
    [
        (500, 2_500, 1.81, 100.0, 0.4525, 3.62, 1.0),
        (1_500, 10_000, 0.5, 5.0, 2.0, 2.0, 2.0),
        (7, 20, 3.62, 0.5, 2.0, 1.0, 0.0),
        (1, 3, 1.0, 1.0, 1.0, 1.0, 5.0),
    ],
)
def test_one_by_one_equals_the_batch(
    k: int, sample: int, spw: float, snh: float, inh: float, ipw: float, idf: float
) -> None:
    source = SessionNeighbours(k, sample, Decays(spw, snh, inh, ipw), idf)
    sessions = _learn(source, _clicks(800, seed=1))
    assert len(sessions) > 150
    rng = random.Random("queries")
    now = 801 * 3_600.0
    for _ in range(40):
        asked = [rng.randrange(ITEMS) for _ in range(rng.randrange(1, 7))]
        query = Query(NOTHING, now, _items(reversed(asked)), user=99)
        _require_equal(source, _batch(sessions, asked, now, k, sample, spw, snh, inh, ipw, idf), query)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.builds(Click, st.integers(1, 4), st.integers(0, 9), st.booleans()), max_size=60),
    st.lists(st.integers(0, 11), min_size=1, max_size=8),
    st.integers(1, 5),
    st.integers(0, 5),
)
def test_any_clicks_equal_the_batch(clicks: list[Click], asked: list[int], k: int, more: int) -> None:
    source = SessionNeighbours(k, k + more, decay=Decays(distance=3.0))
    sessions = _learn(source, clicks)
    now = len(clicks) * 3_600.0
    query = Query(NOTHING, now, _items(reversed(asked)), user=99)
    _require_equal(source, _batch(sessions, asked, now, k, k + more, 1.81, 100.0, 3.0, 3.62, 1.0), query)


def test_the_session_under_way_is_left_out() -> None:
    source = SessionNeighbours()
    clicks = _clicks(300, seed=2)
    sessions = _learn(source, clicks)
    own = next(session for session in reversed(sessions) if session.user == 3)
    query = Query(NOTHING, 3e6, _items(reversed(own.items)), user=3)
    others = [session for session in sessions if session is not own]
    expected = _batch(others, own.items, 3e6, 1_000, 2_500, 1.81, 100.0, 0.4525, 3.62, 0.0)
    events = Counter(item for session in sessions for item in session.items)  # counts stay, the own session's too
    for item in expected:
        expected[item] *= 1 + max(0.0, math.log(len(sessions) / events[item]))
    _require_equal(source, expected, query)
    last = _items(own.items[-1:])
    assert source.score_many(query, last) < source.score_many(query._replace(user=NOBODY), last)


def test_sessions_that_began_first_are_replaced() -> None:
    source = SessionNeighbours(max_sessions=20, idf=0)
    sessions = _learn(source, _clicks(600, seed=3))
    assert len(sessions) > 60
    # a replaced session whose user went on begins again with the next click, in another row
    newest = _last_sessions(_clicks(600, seed=3), 20)
    query = Query(NOTHING, 3e6, _items([1, 2, 3]), user=99)
    _require_equal(source, _batch(newest, [3, 2, 1], 3e6, 1_000, 2_500, 1.81, 100.0, 0.4525, 3.62, 0.0), query)


def _last_sessions(clicks: Iterable[Click], most: int) -> list[Session]:
    kept: list[Session] = []
    newest: dict[int, Session] = {}
    for n, click in enumerate(clicks):
        session = newest.get(click.user)
        if session is None or click.begins or session not in kept:
            session = newest[click.user] = Session(click.user)
            kept = [*kept, session][-most:]
        session.items.append(click.item)
        session.ended, session.place = n * 3_600.0, n
    return kept


def test_a_long_session_keeps_its_newest_items() -> None:
    source = SessionNeighbours(items_a_session=3, decay=Decays(distance=5.0))
    _learn(source, [Click(1, item, False) for item in (0, 1, 2, 3, 1, 4)])
    asked = Query(NOTHING, 0.0, _items([4]), user=2)
    found = source.top_k(asked, 10, np.zeros(ITEMS, np.uint8))
    assert found[0].tolist() == [4, 1, 3]
    sim = 1 / math.sqrt(3)
    assert found[1] == pytest.approx([sim, sim * math.exp(-1 / 5), sim * math.exp(-2 / 5)])
    assert not source.score_many(asked._replace(session=_items([0])), np.arange(ITEMS, dtype=np.int32)).any()


def test_forgetting_leaves_no_trace() -> None:
    user_id, secret = 2**61 + 12_345, 23_456
    source = SessionNeighbours(max_sessions=100)
    clicks = _clicks(400, seed=4)
    _learn(source, clicks[:300])
    source.add_item(secret)
    for n, (item, begins) in enumerate([(secret, True), (1, False), (secret, True), (2, False)]):
        session = NOTHING if begins else _items([secret])
        source.learn_one(Interaction(item, 0, 2e6 + n, session, session, user_id))
    _learn(source, clicks[300:])
    asked = Query(NOTHING, 3e6, _items([1]), user=99)
    assert source.score_many(asked, _items([secret]))[0] > 0
    assert _mentions(source, user_id)
    assert _mentions(source, secret)
    source.forget(user_id)
    assert not _mentions(source, user_id)
    assert not _mentions(source, secret)
    assert source.state()["lists"][secret].tolist() == [0, 0, 0, 0]
    assert source.score_many(asked, _items([secret]))[0] == 0
    source.forget(user_id)
    for user in range(1, 13):
        source.forget(user)
    state = source.state()
    assert not state["owners"].any()
    assert not state["rows"][:, :3].any()
    assert not state["lists"].any()
    assert not source.score_many(asked, np.arange(ITEMS, dtype=np.int32)).any()
    sessions = _learn(source, clicks)
    assert len(sessions) > 20
    assert source.score_many(asked, np.arange(ITEMS, dtype=np.int32)).any()


def _mentions(source: SessionNeighbours, number: int) -> list[str]:
    return [name for name, array in source.state().items() if array.dtype.kind == "i" and (array == number).any()]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.builds(Click, st.integers(1, 5), st.integers(0, 9), st.booleans()), st.integers(1, 5)), max_size=80
    )
)
def test_forgetting_equals_never_having_kept(steps: list[Click | int]) -> None:
    """Rows, lists and scores agree with sessions kept plainly, whoever is forgotten in between."""
    source = SessionNeighbours(max_sessions=6, items_a_session=4, idf=0)
    source.add_item(ITEMS - 1)
    kept: list[Session | None] = []
    newest: dict[int, Session] = {}
    for n, step in enumerate(steps):
        if isinstance(step, int):
            source.forget(step)
            newest.pop(step, None)
            kept = [None if session is not None and session.user == step else session for session in kept]
            continue
        session = newest.get(step.user)
        if session is None or step.begins or session not in kept:
            session = newest[step.user] = Session(step.user)
            kept = [*kept, session][-6:]  # a forgotten session's row stays empty until its turn comes
        before = NOTHING if step.begins else _items([0])
        source.learn_one(Interaction(step.item, 0, float(n), before, before, step.user))
        session.items.append(step.item)
        session.place = n
    state = source.state()
    rows = [(owner, _row(state, row)) for row, owner in enumerate(state["owners"].tolist()) if owner]
    expected = [(s.user, _newest_distinct(s.items, 4)) for s in kept if s is not None]
    assert sorted(rows) == sorted(expected)
    for item in range(10):
        holders = [s for s in kept if s is not None and item in dict(_newest_distinct(s.items, 4))]
        assert state["lists"][item, 2] == len(holders)


def _row(state: dict[str, NDArray[np.int32]], row: int) -> list[tuple[int, int]]:
    start, count = state["rows"][row, :2].tolist()
    entries = state["cells"][start : start + 2 * count].reshape(-1, 2).tolist()
    return [(item, position) for item, position in entries]


def _newest_distinct(items: Sequence[int], most: int) -> list[tuple[int, int]]:
    last = {item: position for position, item in enumerate(items)}
    return sorted(last.items(), key=lambda pair: pair[1])[-most:]


def test_why_names_the_items_of_the_query() -> None:
    source = SessionNeighbours(decay=Decays(distance=2.0))
    _learn(source, [Click(1, 0, True), Click(1, 5, False), Click(2, 1, True), Click(2, 5, False), Click(3, 2, True)])
    query = Query(NOTHING, 0.0, _items([1, 7, 0]), user=9)
    assert source.why(query, 5) == [1, 0]
    assert source.why(query, 0) == [0]
    assert source.why(query, 2) == source.why(query, -1) == source.why(query, 10**6) == []


def test_touched_and_ineligible_are_scored_but_not_proposed() -> None:
    source = SessionNeighbours()
    _learn(source, _clicks(300, seed=5))
    query = Query(NOTHING, 3e6, _items([1, 2]), user=99)
    blocked = np.zeros(ITEMS, np.uint8)
    first, second, third = source.top_k(query, 3, blocked)[0].tolist()
    blocked[first], blocked[second] = TOUCHED, INELIGIBLE
    assert source.top_k(query, 1, blocked)[0].tolist() == [third]
    assert source.score_many(query, _items([first, second])).all()


def test_an_answer_is_found_once_and_anew_after_learning() -> None:
    source = SessionNeighbours()
    _learn(source, _clicks(50, seed=6))
    query = Query(NOTHING, 3e6, _items([1]), user=99)
    before = source.score_many(query, _items([1, 2])).tolist()
    assert source.score_many(Query(NOTHING, 3e6, _items([2]), user=99), _items([1, 2])).tolist() != before
    assert source.score_many(query, _items([1, 2])).tolist() == before
    _learn(source, [Click(50, 1, True), Click(50, 2, False)])
    assert source.score_many(query, _items([1, 2])).tolist() != before


def test_bounds_are_checked() -> None:
    with pytest.raises(ValueError, match=r"max_sessions must be in 1\.\.8000000; got 0"):
        SessionNeighbours(max_sessions=0)
