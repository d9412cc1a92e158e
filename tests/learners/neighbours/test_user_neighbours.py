"""User neighbours against histories kept plainly and the formulas written plainly."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners import NOBODY, Interaction, Query, UserNeighbours

ITEMS = 20
EVERY = np.arange(ITEMS, dtype=np.int32)
NOTHING = np.empty(0, np.int32)
FREE = np.zeros(ITEMS, np.uint8)


def _items(items: Iterable[int]) -> NDArray[np.int32]:
    return np.array(list(items), np.int32)


class Plain:
    """The same by dictionaries and lists."""

    def __init__(self, k: int, users_an_item: int, max_users: int, items_a_user: int) -> None:
        self.k, self.users_an_item, self.max_users, self.items_a_user = k, users_an_item, max_users, items_a_user
        self.histories: dict[int, dict[int, int]] = {}  # user, least recently active first -> item -> position
        self.events: Counter[int] = Counter()
        self.holders: defaultdict[int, list[int]] = defaultdict(list)  # item -> users, the most recent last
        self.counts: Counter[int] = Counter()
        self.met = 0

    def learn(self, user: int, item: int) -> None:
        history = self.histories.pop(user, None)
        if history is None:
            if len(self.histories) == self.max_users:
                self.forget(next(iter(self.histories)))
            history = {}
            self.met += 1
        self.counts[item] += item not in history
        history.pop(item, None)
        history[item] = self.events[user]
        self.events[user] += 1
        if len(history) > self.items_a_user:
            dropped = next(iter(history))
            del history[dropped]
            self.holders[dropped] = [holder for holder in self.holders[dropped] if holder != user]
        self.histories[user] = history
        others = [holder for holder in self.holders[item] if holder != user]
        self.holders[item] = [*others, user][-self.users_an_item :]

    def forget(self, user: int) -> None:
        self.histories.pop(user, None)
        self.events.pop(user, None)
        for item, holders in self.holders.items():
            self.holders[item] = [holder for holder in holders if holder != user]

    def rarity(self, item: int) -> float:
        return math.log(1 + self.met / self.counts[item])

    def scores(self, recent: Sequence[int], asking: int) -> dict[int, float]:
        weights = {i: math.exp(-q / 5) * self.rarity(i) for q, i in enumerate(recent) if self.counts[i] > 0}
        dots: dict[int, float] = {}
        for item, weight in weights.items():
            for user in reversed(self.holders[item]):
                if user != asking:
                    dots[user] = dots.get(user, 0.0) + weight
        norm = math.sqrt(sum(weight**2 for weight in weights.values()))
        similar = {user: dot / (norm * math.sqrt(len(self.histories[user]))) for user, dot in dots.items()}
        nearest = sorted(similar, key=lambda user: -similar[user])[: self.k]  # stable: ties as they were met
        scores: defaultdict[int, float] = defaultdict(float)
        for user in (user for user in dots if user in nearest):
            history = self.histories[user]
            match = max(position for item, position in history.items() if item in weights)
            for item, position in history.items():
                if abs(position - match) <= 20:
                    near = math.exp(-abs(position - match) / 10)
                    scores[item] += similar[user] * near * self.rarity(item)
        return scores


def _learn(source: UserNeighbours, plain: Plain, touches: Iterable[tuple[int, int]]) -> None:
    source.add_item(ITEMS - 1)
    for n, (user, item) in enumerate(touches):
        source.learn_one(Interaction(item, 0, float(n), NOTHING, NOTHING, user))
        plain.learn(user, item)


def _require_equal(source: UserNeighbours, plain: Plain, recent: Sequence[int], asking: int) -> None:
    query = Query(_items(recent), 0.0, NOTHING, asking)
    expected = plain.scores(recent, asking)
    found = source.score_many(query, EVERY)
    assert found == pytest.approx([expected.get(item, 0.0) for item in range(ITEMS)], rel=1e-6)
    items, scores = source.top_k(query, ITEMS, FREE)
    assert items.tolist() == sorted(np.flatnonzero(found).tolist(), key=lambda item: (-found[item], item))
    assert scores.tolist() == found[items].tolist()


@pytest.mark.parametrize(("k", "users_an_item"), [(100, 200), (3, 200), (100, 4), (2, 5)])
def test_a_stream_of_touches_equals_plain_histories(k: int, users_an_item: int) -> None:
    rng = random.Random("touches")
    source = UserNeighbours(k, users_an_item, max_users=25, items_a_user=8)
    plain = Plain(k, users_an_item, 25, 8)
    touches = [(1 + int(40 * rng.random() ** 2), int(ITEMS * rng.random() ** 2)) for _ in range(1_500)]
    _learn(source, plain, touches)
    assert plain.met > 60
    assert len(plain.histories) == 25
    for user, history in plain.histories.items():
        _require_equal(source, plain, list(reversed(history)), user)
        _require_equal(source, plain, [rng.randrange(ITEMS) for _ in range(1)], NOBODY)


STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(-1, 7)), max_size=80)  # item -1: forget the user


@settings(max_examples=100, deadline=None)
@given(STEPS, st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), st.integers(0, 5))
def test_any_touches_and_forgotten_users(steps: list[tuple[int, int]], recent: list[int], asking: int) -> None:
    source, plain = UserNeighbours(k=2, max_users=3, items_a_user=4), Plain(2, 200, 3, 4)
    source.add_item(ITEMS - 1)
    for user, item in steps:
        if item < 0:
            source.forget(user)
            plain.forget(user)
        else:
            _learn(source, plain, [(user, item)])
    _require_equal(source, plain, recent, asking)
    owners = source.state()["owners"]
    assert sorted(owners[owners != NOBODY].tolist()) == sorted(plain.histories)


def test_only_places_near_the_match_are_liked() -> None:
    source = UserNeighbours()
    source.add_item(99)
    for item in range(50):
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING, 1))
    items, scores = source.top_k(Query(_items([25]), 0.0, NOTHING), 100, np.zeros(100, np.uint8))
    assert sorted(items.tolist()) == list(range(5, 46))
    assert items[:3].tolist() == [25, 24, 26]
    assert scores[1] / scores[0] == pytest.approx(math.exp(-0.1))


def test_forgetting_leaves_no_trace() -> None:
    user_id, secret = 2**61 + 12_345, 23_456
    source, plain = UserNeighbours(), Plain(100, 200, 10**6, 128)
    rng = random.Random("forgetting")
    touches = [(rng.randrange(1, 9), rng.randrange(ITEMS)) for _ in range(200)]
    _learn(source, plain, touches)
    source.add_item(secret)
    for item in (1, secret, 2):
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING, user_id))
    query = Query(_items([1, 2]), 0.0, NOTHING, 99)
    assert source.score_many(query, _items([secret]))[0] > 0
    assert source.why(query, secret) == [1, 2]
    assert {name for name in source.state() if _mentions(source, name, user_id)} == {"owners"}
    assert {name for name in source.state() if _mentions(source, name, secret)} == {"cells"}
    source.forget(user_id)
    for number in (user_id, secret):
        assert not [name for name in source.state() if _mentions(source, name, number)]
    assert source.score_many(query, _items([secret]))[0] == 0
    assert source.why(query, secret) == []
    for user in range(1, 9):
        source.forget(user)
    assert not source.state()["owners"].any()
    assert not source.state()["lists"].any()
    source.learn_one(Interaction(1, 0, 0.0, NOTHING, NOTHING, 4))
    assert source.score_many(query, _items([1]))[0] > 0


def _mentions(source: UserNeighbours, name: str, number: int) -> bool:
    array = source.state()[name]
    return array.dtype.kind == "i" and bool((array == number).any())


def test_events_without_a_user_teach_nothing() -> None:
    source = UserNeighbours()
    source.add_item(3)
    source.learn_one(Interaction(1, 0, 0.0, NOTHING, NOTHING))
    assert not source.score_many(Query(_items([1]), 0.0, NOTHING), _items([1])).any()
    with pytest.raises(IndexError, match="`user_neighbours` can learn items"):
        source.learn_one(Interaction(4, 0, 0.0, NOTHING, NOTHING))


def test_bounds_are_checked() -> None:
    with pytest.raises(ValueError, match=r"max_users must be in 1\.\.4000000; got -1"):
        UserNeighbours(max_users=-1)
