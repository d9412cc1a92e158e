"""Diversity and lists that keep caps by themselves, by hand and against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.records.schemas import Item
from stream.rules.compile import field_keys
from stream.rules.lists import cut_lists, diversified, group_items
from stream.state.catalogue import Catalogue


def catalogue(*records: Item) -> Catalogue:
    found = Catalogue()
    for item, record in enumerate(records):
        found.add_item(item)
        found.describe(item, record)
    return found


def made_of(*texts: str) -> Catalogue:
    """Item n has the categories that are the letters of text n."""
    return catalogue(*(Item(item_id=str(n), categories=list(text)) for n, text in enumerate(texts)))


def order(found: Catalogue, scores: list[float], diversity: float, places: int = 99) -> list[int]:
    items = np.arange(len(scores), dtype=np.int32)
    return [int(i) for i in diversified(found.facts.table, items, np.array(scores, np.float32), diversity, places)]


def test_maximal_marginal_relevance_by_hand() -> None:
    """Relevances 1, .8, .5, 0; likeness to item 0: ab with ab is 1, with bc 1/3, with d 0; of 2 to 1 also 1/3.

    After 0: 0.8 / 2 - 1 / 2 = -.1, 0.5 / 2 - 1 / 6 = .083, 0: item 2. Then -.1 against 0 of item 3, which is like none.
    """
    found = made_of("ab", "ab", "bc", "d")
    assert order(found, [1.5, 1.3, 1.0, 0.5], 0.5) == [0, 2, 3, 1]
    assert order(found, [1.5, 1.3, 1.0, 0.5], 0.5, places=2) == [0, 2, 1, 3], "the others keep their order"
    assert order(found, [1.5, 1.3, 1.0, 0.5], 0.2) == [0, 1, 2, 3]
    assert order(found, [1.5, 1.3, 1.0, 0.5], 1.0) == [0, 3, 2, 1]


def test_knob_0_leaves_the_ranking_as_it_is() -> None:
    assert order(made_of("a", "a", "a", "b", ""), [0.9, 0.9, 0.5, 0.2, 0.1], 0.0) == [0, 1, 2, 3, 4]


def test_equal_scores_and_items_without_facts() -> None:
    assert order(made_of("", "", ""), [0.5, 0.5, 0.5], 0.7) == [0, 1, 2]
    assert order(made_of("a", "a", "b"), [0.5, 0.5, 0.5], 0.7) == [0, 2, 1]


def test_texts_make_items_alike_and_numbers_do_not() -> None:
    one, cheap, alike = (
        Item(item_id="0", price=1.0, attributes={"brand": "x", "size": 3.0}),
        Item(item_id="1", price=1.0, attributes={"brand": "y", "size": 3.0}),
        Item(item_id="2", price=9.0, attributes={"brand": "x"}),
    )
    assert order(catalogue(one, alike, cheap), [0.9, 0.5, 0.1], 0.9) == [0, 2, 1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text("abcdef", max_size=4), min_size=1, max_size=9), st.floats(0, 1), st.data())
def test_every_place_is_the_best_by_definition(texts: list[str], diversity: float, data: st.DataObject) -> None:
    scores = sorted(data.draw(st.lists(st.integers(0, 64), min_size=len(texts), max_size=len(texts))), reverse=True)
    found = order(made_of(*texts), [score / 64 for score in scores], diversity)
    spread = max(scores[0] - scores[-1], 1)

    def likeness(i: int, j: int) -> float:
        one, other = set(texts[i]), set(texts[j])
        return len(one & other) / max(1, len(one | other))

    def value(i: int, above: list[int]) -> float:
        likest = max((likeness(i, j) for j in above), default=0.0)
        return (1 - diversity) * (scores[i] - scores[-1]) / spread - diversity * likest

    assert sorted(found) == list(range(len(texts)))
    for place, item in enumerate(found):
        best = max(value(i, found[:place]) for i in found[place:])
        assert value(item, found[:place]) == pytest.approx(best, abs=1e-6)


def cut(rows: list[list[int]], groups: list[list[list[int]]], caps: list[tuple[int, int]], k: int) -> list[list[int]]:
    depth = max(map(len, rows))
    padded = np.full((len(rows), depth), -1, np.int32)
    numbers = np.full((len(caps), len(rows), depth), -1, np.int32)
    for a, row in enumerate(rows):
        padded[a, : len(row)] = row
        for c in range(len(caps)):
            numbers[c, a, : len(row)] = groups[c][a]
    at_most, first = (np.array([cap[n] for cap in caps], np.int32) for n in (0, 1))
    lists, kept = cut_lists(padded, numbers, at_most, first, np.zeros((len(caps), 9), np.int32), k)
    of_item: dict[tuple[int, int], int] = {}
    for c in range(len(caps)):
        of_item |= {
            (c, item): group for row, names in zip(rows, groups[c], strict=True) for item, group in zip(row, names)
        }
        assert all(
            kept[c, a, n] == (-1 if item < 0 else of_item[c, item])
            for a, row in enumerate(lists.tolist()) for n, item in enumerate(row)
        )  # fmt: skip
    return [[item for item in row if item >= 0] for row in lists.tolist()]


def test_items_above_a_cap_are_left_out() -> None:
    assert cut([[1, 2, 3, 4, 5]], [[[0, 0, 0, 1, -1]]], [(2, 40)], 4) == [[1, 2, 4, 5]]


def test_items_above_a_cap_on_the_first_slots_follow_behind_them() -> None:
    assert cut([[1, 2, 3, 4, 5]], [[[0, 0, 0, 1, 1]]], [(1, 3)], 5) == [[1, 4, 2, 3, 5]]
    assert cut([[1, 2, 3]], [[[0, 0, 0]]], [(1, 2)], 3) == [[1, 2, 3]], "where nothing else is there"


@pytest.mark.parametrize(("items", "expected"), [([0, 1, 2, 3, -1], [0, 0, 1, -1, -1]), ([3, -1], [-1, -1])])
def test_groups_are_numbered_by_the_first_value(items: list[int], expected: list[int]) -> None:
    found = made_of("ab", "ac", "ba", "")
    groups, most = group_items(found.facts.table, np.array(items, np.int32), field_keys(["category"]))
    assert (groups.tolist(), most) == ([expected], max(expected) + 1)


def test_as_many_groups_as_items() -> None:
    found = catalogue(*(Item(item_id=str(n), attributes={"a": float(n % 500), "b": str(n)}) for n in range(1000)))
    items: NDArray[np.int32] = np.arange(1000, dtype=np.int32)
    groups, most = group_items(found.facts.table, items, field_keys(["attributes.a", "attributes.b"]))
    assert most == 1000
    assert groups.tolist() == [[n % 500 for n in range(1000)], list(range(1000))]
