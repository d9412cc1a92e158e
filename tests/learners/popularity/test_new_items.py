"""NewItems: the laws, and when an item is no longer new."""

import numpy as np
import pytest

from learners.base import TOUCHED, About, Interaction, Query
from learners.checks import Check, yield_checks
from learners.popularity.new_items import NewItems

NOTHING = np.empty(0, np.int32)


@pytest.mark.parametrize("check", list(yield_checks(NewItems())), ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def put(source: NewItems, item: int, *categories: str) -> None:
    source.add_item(item)
    source.describe(item, About(categories=categories))


def see(source: NewItems, item: int, times: int = 1) -> None:
    for _ in range(times):
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING))


def listed(source: NewItems, *recent: int) -> list[int]:
    query = Query(np.array(recent, np.int32), 0.0, NOTHING)
    items: list[int] = source.top_k(query, 100, np.zeros(source._size, np.uint8))[0].tolist()
    return items


def test_own_categories_newest_and_least_seen_come_first() -> None:
    source = NewItems(max_age=1_000)
    for item, category in enumerate(("tea", "tea", "coal", "tea")):
        put(source, item, category)
        see(source, 0, 10)
    see(source, 1)
    assert listed(source, 0) == [3, 1, 2]
    assert listed(source, 2)[0] == 2


def test_after_enough_events_an_item_is_not_new() -> None:
    source = NewItems(max_age=50, max_events=3)
    put(source, 0, "tea")
    put(source, 1, "tea")
    see(source, 0, 2)
    assert sorted(listed(source)) == [0, 1]
    see(source, 0)
    assert listed(source) == [1]
    see(source, 0, 46)
    assert listed(source) == [1]
    see(source, 0)
    assert listed(source) == []
    put(source, 1, "coal")
    assert 1 not in source._newest.tolist()[2]


def test_scores_by_hand() -> None:
    source = NewItems(max_age=100)
    put(source, 0, "tea")
    put(source, 1, "coal")
    see(source, 0, 20)
    put(source, 2, "tea")
    see(source, 2)
    query = Query(np.array([0, 1], np.int32), 0.0, NOTHING)
    tea, coal = 1 / 1.8, 0.8 / 1.8
    expected = [0.0, (coal + 0.1) * (1 - 21 / 100), (tea + 0.1) * (1 - 1 / 100) / 2]
    assert source.score_many(query, np.arange(3, dtype=np.int32)).tolist() == pytest.approx(expected)


def test_a_list_keeps_the_newest() -> None:
    source = NewItems(listed=3)
    for item in range(6):
        put(source, item, "tea")
        see(source, 0)
    assert source._newest[1].tolist() == [5, 4, 3]
    source.describe(4, About(categories=("coal",)))
    source.describe(2, About(categories=("coal",)))
    assert source._newest[1].tolist() == [5, 3, -1]
    assert source._newest[2].tolist() == [4, 2, -1]
    source.describe(0, About())
    assert source._newest.tolist()[0] == [0, -1, -1]


def test_categories_are_bounded() -> None:
    source = NewItems(categories=2)
    for item in range(4):
        put(source, item, f"category {item}")
    assert source.state()["category"].tolist() == [1, 2, 0, 0]
    assert source.state()["newest"].shape == (3, 50)


def test_names_survive_a_snapshot() -> None:
    source, twin = NewItems(), NewItems()
    put(source, 0, "tea")
    twin.restore(source.state())
    put(twin, 1, "tea")
    assert twin.state()["category"].tolist() == [1, 1]
    blocked = np.array([TOUCHED, 0], np.uint8)
    assert twin.top_k(Query(np.array([0], np.int32), 0.0, NOTHING), 1, blocked)[0].tolist() == [1]
    with pytest.raises(ValueError, match="places"):
        NewItems(listed=3).restore(source.state())
