"""Popular items of the user's categories: scores by hand, moves between categories, an unused item."""

import numpy as np
import pytest
from numpy.typing import NDArray

from learners import INELIGIBLE, Categories, Interaction, Query

NOTHING = np.empty(0, np.int32)
SLOW = 1e12  # events until one counts half: they count alike


def _source(events: list[int], half_life: float = SLOW, listed: int = 50) -> Categories:
    """Items 0 to 3 are of category 1, items 4 and 5 of category 2."""
    source = Categories(half_life=half_life, listed=listed)
    for item in range(6):
        source.add_item(item)
        source.put(item, 1 if item < 4 else 2)
    for item in events:
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING))
    return source


def _ask(*recent: int) -> Query:
    return Query(np.array(recent, np.int32), 0.0, NOTHING)


def _listed(source: Categories, query: Query, blocked: tuple[int, ...] = ()) -> list[int]:
    mask: NDArray[np.uint8] = np.zeros(6, np.uint8)
    mask[list(blocked)] = INELIGIBLE
    return source.top_k(query, 10, mask)[0].tolist()  # type: ignore[no-any-return]


def test_scores_by_hand() -> None:
    """Shares: 1 and 0.8 ** 2 of category 1, 0.8 of category 2; an item counts its events and 0.1."""
    scores = _source([2, 2, 2, 5]).score_many(_ask(0, 4, 1), np.arange(6, dtype=np.int32))
    ones, twos = (1.0 + 0.64) / 2.44, 0.8 / 2.44
    expected = [0.1 * ones, 0.1 * ones, 3.1 * ones, 0.1 * ones, 0.1 * twos, 1.1 * twos]
    assert scores == pytest.approx(expected, rel=1e-6)


def test_only_the_users_categories_are_listed() -> None:
    source = _source([2, 2, 1, 5])
    assert _listed(source, _ask(4)) == [5, 4]
    assert _listed(source, _ask(0)) == [2, 1, 0, 3], "of equal ones the lower index, unused ones last"
    assert _listed(source, _ask(0), blocked=(2,)) == [1, 0, 3]
    assert _listed(source, _ask()) == []


def test_an_item_moves_with_its_events() -> None:
    source = _source([2, 2, 5])
    source.put(2, 2)
    assert _listed(source, _ask(4)) == [2, 5, 4]
    assert 2 not in _listed(source, _ask(0))


def test_a_short_list_keeps_the_most_popular() -> None:
    source = _source([3, 3, 2], listed=2)
    assert _listed(source, _ask(0)) == [3, 2]
    for _ in range(3):
        source.learn_one(Interaction(1, 0, 0.0, NOTHING, NOTHING))
    assert _listed(source, _ask(0)) == [1, 3]


def test_an_event_counts_half_after_the_half_life() -> None:
    source = _source([2] + [5] * 10, half_life=10.0)
    assert source.score_many(_ask(2), np.array([2], np.int32))[0] == pytest.approx(0.6, rel=1e-6)
    source.set_half_life(1.0)
    source.learn_one(Interaction(5, 0, 0.0, NOTHING, NOTHING))
    assert source.score_many(_ask(2), np.array([2], np.int32))[0] == pytest.approx(0.35, rel=1e-6)
