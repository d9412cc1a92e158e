"""The table of links: what is linked, what is replaced, and what a half-life does."""

import numpy as np
import pytest

from learners.links.table import NeighbourTable
from tests.support.visits import items_of


def table(width: int = 2, *, both_directions: bool = False, half_life: float | None = None) -> NeighbourTable:
    made = NeighbourTable(width, half_life, np.array([1.0, 0.5]), both_directions=both_directions)
    made.add_item(4)
    return made


def test_a_new_link_replaces_the_lightest_and_inherits_half_its_weight() -> None:
    found = table()
    for item in (1, 1, 2, 3):
        found.learn_one(item, items_of(0))
    assert found.links.items[0].tolist() == [1, 3]
    assert found.links.weights[0].tolist() == [2.0, 1.5]


def test_links_weigh_by_distance_and_older_items_are_not_linked() -> None:
    found = table(both_directions=True)
    found.learn_one(0, items_of(1, 2, 3))
    assert found.links.items[:4].tolist() == [[1, 2], [0, -1], [0, -1], [-1, -1]]
    assert found.links.weights[:3].tolist() == [[1.0, 0.5], [1.0, 0.0], [0.5, 0.0]]


def test_only_rules_link_an_item_to_itself() -> None:
    for both_directions, expected in ((True, -1), (False, 1)):
        found = table(both_directions=both_directions)
        found.learn_one(1, items_of(1))
        assert found.links.items[1, 0] == expected


def test_a_shorter_half_life_holds_until_the_next_call_and_never_lengthens() -> None:
    found = table(half_life=2)
    for half_life, growth in ((1.0, 2.0), (8.0, 2.0**0.5), (float("inf"), 2.0**0.5)):
        before = found.links.unit[0]
        found.set_half_life(half_life)
        found.learn_one(0, items_of())
        assert found.links.unit[0] / before == pytest.approx(growth)
