"""Search along the lists of tokens: exact within the limits, the best of what it meets beyond them."""

import numpy as np

from learners.base import About, Query
from learners.content.content import Content
from learners.content.profile import MISSED, begin
from learners.content.search import Limits, limits_of, search

NOTHING = np.empty(0, np.int32)


def described(items: int, exact: int) -> Content:
    """Every item has the word `all`, every fourth `some`, and each one of its own."""
    source = Content(exact=exact)
    for item in range(items):
        source.add_item(item)
        source.describe(item, About(title=f"all {'some' if item % 4 == 0 else ''} own{item}"))
    return source


def found(source: Content, item: int, items: int) -> dict[int, float]:
    it = source.arrays
    begin(it, np.array([item], np.int32), items)
    count = search(it, 0.0, NOTHING)
    return dict(zip(it.found[:count].tolist(), it.scores[:count].tolist(), strict=True))


def test_everything_is_met_while_few_are_described() -> None:
    source = described(40, exact=64)
    met = found(source, 8, 40)
    assert sorted(met) == list(range(40))
    assert source.arrays.counters[MISSED] == 0
    assert met == dict(enumerate(source.score_many(_ask(8), np.arange(40, dtype=np.int32)).tolist()))


def test_beyond_the_newest_of_a_long_list_are_met_and_scored_exactly() -> None:
    source = described(400, exact=64)
    assert limits_of(source.arrays) == Limits(32, 8, 16)
    met = found(source, 8, 400)
    assert source.arrays.counters[MISSED] == 1
    assert {396, 392, 388} <= set(met), "the newest that share the rarer word"
    assert len(met) <= 16
    exact = source.score_many(_ask(8), np.array(list(met), np.int32))
    assert list(met.values()) == exact.tolist()


def _ask(item: int) -> Query:
    return Query(np.array([item], np.int32), 0.0, NOTHING)
