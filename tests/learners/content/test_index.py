"""The inverted index: lists of tokens against a plain reading, and what a row keeps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.content.index import InvertedIndex

WIDTH = 3


def _listed(index: InvertedIndex, token: int) -> list[int]:
    items, place = list[int](), int(index.heads[token])
    while place >= 0:
        items.append(place // index.width)
        place = int(index.following[place])
    return items


PUTS = st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(0, 6), max_size=WIDTH)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(PUTS)
def test_lists_hold_the_items_of_a_token_newest_first(puts: list[tuple[int, set[int]]]) -> None:
    index, rows = InvertedIndex(WIDTH), dict[int, set[int]]()
    index.add_item(9)
    for item, tokens in puts:
        index.put(item, dict.fromkeys(tokens, 1.0))
        rows.pop(item, None)
        rows[item] = tokens
    restored = InvertedIndex(WIDTH)
    restored.restore(index.state())
    for token in range(7):
        expected = [item for item, tokens in reversed(rows.items()) if token in tokens]
        assert _listed(index, token) == _listed(restored, token) == expected
        assert index.frequency[token] == restored.frequency[token] == len(expected)
    assert index.described == restored.described == len(rows)
    assert index.in_order().tolist() == list(rows)


def test_a_row_keeps_the_heaviest_by_weight_times_rarity() -> None:
    index = InvertedIndex(2)
    index.add_item(4)
    for item in range(4):
        index.put(item, {1: 1.0})  # the common token
    index.put(4, {1: 2.0, 2: 1.0, 3: 1.5})
    assert index.tokens[4].tolist() == [3, 2]
    assert index.weights[4].tolist() == pytest.approx([1.5 / math.sqrt(3.25), 1.0 / math.sqrt(3.25)])
    assert index.rarity(1) == pytest.approx(math.log(1.0 + 5 / 5))
    assert index.rarity(6) == pytest.approx(math.log(1.0 + 5))


def test_wider_rows_are_refused() -> None:
    index = InvertedIndex(3)
    index.add_item(0)
    index.put(0, {1: 1.0, 2: 1.0, 3: 1.0})
    with pytest.raises(ValueError, match="must have at most 2; got 3"):
        InvertedIndex(2).restore(index.state())


def test_an_empty_index_is_restored() -> None:
    index = InvertedIndex(3)
    index.restore(InvertedIndex(3).state())
    assert index.size == index.described == 0
    assert np.all(index.heads == -1)
