"""Rows of nearest items: what they hold, when they are made again, and what a query does where they fall short."""

import random

import numpy as np
import pytest

from learners.base import INELIGIBLE, About, Interaction, Query
from learners.content import rows
from learners.content.content import Content
from learners.content.rows import WIDTH

ITEMS, NOTHING = 300, np.empty(0, np.int32)


def about(n: int) -> About:
    rng = random.Random(f"{n}/row")
    return About(title=" ".join(f"w{int(60 * rng.random() ** 2)}" for _ in range(4)), price=1.0 + n % 7)


def catalogue(items: int = ITEMS, **options: int) -> Content:
    source = Content(**options)
    for item in range(items):
        source.add_item(item)
        source.describe(item, about(item))
    return source


def ask(*recent: int) -> Query:
    return Query(np.array(recent, np.int32), 0.0, NOTHING)


def row(source: Content, item: int) -> list[int]:
    held = source.arrays.nearest[source.arrays.slots[item]]
    return [int(other) for other in held[held >= 0]]


def made(source: Content) -> int:
    return int(source.arrays.counters[rows.ROWS])


def test_a_row_holds_the_nearest_best_first_whatever_they_cost() -> None:
    source, priceless = catalogue(), Content()
    for item in range(ITEMS):
        priceless.add_item(item)
        priceless.describe(item, about(item)._replace(price=None))
    source.top_k(ask(7), 1, np.zeros(ITEMS, np.uint8))
    scores = priceless.score_many(ask(7), np.arange(ITEMS, dtype=np.int32))
    best = sorted(range(ITEMS), key=lambda item: (-scores[item], item))[:WIDTH]
    assert row(source, 7) == [item for item in best if scores[item] > 0]


def test_of_many_items_the_best_few_are_those_of_all() -> None:
    source, free = catalogue(), np.zeros(ITEMS, np.uint8)
    everything, hits = np.arange(ITEMS, dtype=np.int32), 0
    for n in range(50):
        query = ask(n, 2 * n, 3 * n + 1)
        listed, scores = source.top_k(query, 10, free)
        all_scores = source.score_many(query, everything)
        assert scores.tolist() == all_scores[listed].tolist()
        hits += len({*listed.tolist()} & {*np.lexsort((everything, -all_scores))[:10].tolist()})
    assert hits >= 0.98 * 50 * 10


def test_a_row_is_made_once() -> None:
    source, free = catalogue(), np.zeros(ITEMS, np.uint8)
    source.top_k(ask(1, 2, 3), 5, free)
    source.top_k(ask(3, 2), 5, free)
    assert made(source) == 3


def test_a_new_item_enters_the_rows_of_its_like() -> None:
    source = catalogue()
    source.top_k(ask(5), 5, np.zeros(ITEMS, np.uint8))
    source.add_item(ITEMS)
    source.describe(ITEMS, about(5))
    items, _ = source.top_k(ask(5), 5, np.zeros(ITEMS + 1, np.uint8))
    assert ITEMS in items.tolist()
    assert row(source, 5).index(ITEMS) <= 2
    assert len(set(row(source, 5))) == len(row(source, 5))


def test_an_item_described_anew_is_what_it_is_now() -> None:
    source, free = catalogue(), np.zeros(ITEMS, np.uint8)
    source.top_k(ask(5, 9), 5, free)
    source.describe(5, about(9))
    assert {5, 9} <= {*source.top_k(ask(9), 5, free)[0].tolist()}
    assert 9 in source.top_k(ask(5), 3, free)[0].tolist()
    source.describe(5, About())
    assert 5 not in source.top_k(ask(9), ITEMS, free)[0].tolist()


def test_the_same_description_again_costs_nothing() -> None:
    source, free = catalogue(), np.zeros(ITEMS, np.uint8)
    source.top_k(ask(5), 5, free)
    source.describe(5, about(5))
    source.describe(9, about(9))
    assert not source._fresh
    source.top_k(ask(5), 5, free)
    assert made(source) == 1


def test_rows_are_made_again_when_the_catalogue_has_grown_by_a_quarter() -> None:
    source = catalogue(100)
    source.top_k(ask(5), 5, np.zeros(100, np.uint8))
    at = source.arrays.made[source.arrays.slots[5]]
    for item in range(100, 150):
        source.add_item(item)
        source.describe(item, About(title=f"other{item}"))
    source.top_k(ask(5), 5, np.zeros(150, np.uint8))
    assert (at, source.arrays.made[source.arrays.slots[5]]) == (100, 150)


def test_a_new_catalogue_makes_all_rows_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.content.content._WANTED", 10)
    source = catalogue()
    source.top_k(ask(5), 5, np.zeros(ITEMS, np.uint8))
    for item in range(11):
        source.describe(20 + item, about(1_000 + item))
    assert not source._fresh
    assert not source._has_row(5)


def test_the_oldest_row_gives_way_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.content.content._FIRST_ROWS", 32)
    monkeypatch.setattr("learners.content.content.MAX_ROWS", 32)
    source, free = catalogue(), np.zeros(ITEMS, np.uint8)
    for item in range(40):
        source.top_k(ask(item), 5, free)
    assert len(source.arrays.owners) == 32
    assert [item for item in range(40) if source._has_row(item)] == list(range(8, 40))
    fresh = catalogue()
    assert source.top_k(ask(3, 39), 9, free)[0].tolist() == fresh.top_k(ask(3, 39), 9, free)[0].tolist()


def test_where_rows_are_blocked_the_lists_are_searched() -> None:
    source, blocked = catalogue(), np.zeros(ITEMS, np.uint8)
    source.top_k(ask(5), 5, blocked)
    blocked[row(source, 5)] = INELIGIBLE
    items, scores = source.top_k(ask(5), 5, blocked)
    assert len(items) == 5
    assert scores.tolist() == source.score_many(ask(5), items).tolist()
    assert not {*items.tolist()} & {*row(source, 5)}


def test_rows_are_made_ahead_for_items_with_events() -> None:
    source = catalogue()
    source.learn_one(Interaction(7, 0, 0.0, NOTHING, NOTHING))
    source.learn_one(Interaction(7, 0, 0.0, NOTHING, NOTHING))
    source.learn_one(Interaction(8, 0, 0.0, NOTHING, NOTHING))
    assert source.prepare(1) == 1
    assert (source._has_row(7), source._has_row(8)) == (True, False)
    assert source.prepare(9) == 1
    assert source.prepare(9) == 0
    assert made(source) == 2
