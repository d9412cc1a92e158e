import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import Query, RecentlySeen, Vocabulary
from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import INELIGIBLE


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), max_size=60), st.integers(0, 70), st.randoms())
def test_best_first_is_a_sort(levels: list[float], k: int, rng: random.Random) -> None:
    items = list(range(len(levels)))
    rng.shuffle(items)
    scores = dict(zip(items, levels))
    best, best_scores = best_first(np.array(items, np.int32), np.array(levels, np.float32), k)
    assert best.tolist() == sorted(items, key=lambda item: (-scores[item], item))[:k]
    assert best_scores.tolist() == [scores[item] for item in best.tolist()]


def test_arrays_double() -> None:
    array = np.arange(4)
    assert grown(array, 4) is array
    assert grown(array, 5, fill=-1).tolist() == [0, 1, 2, 3, -1, -1, -1, -1]
    assert len(grown(array, 100)) == 100


def test_recently_seen_skips_only_the_ineligible_and_keeps_ranks() -> None:
    source, blocked = RecentlySeen(history=3), np.full(10, 2, np.uint8)
    source.add_item(9)
    blocked[4] = INELIGIBLE
    items, scores = source.top_k(Query(np.array([7, 4, 2, 1], np.int32), 0.0, np.empty(0, np.int32)), 9, blocked)
    assert items.tolist() == [7, 2]
    assert scores.tolist() == [1.0, np.float32(1 / 3)]


@given(st.lists(st.sampled_from(["", "a", "b", "ä", "a b", "7"])))
def test_vocabulary_numbers_by_first_appearance(names: list[str]) -> None:
    vocabulary = Vocabulary()
    indices = [vocabulary.intern(name) for name in names]
    assert vocabulary.ids == list(dict.fromkeys(names))
    assert [vocabulary.ids[index] for index in indices] == names
    assert vocabulary.indices(names).tolist() == indices
    assert vocabulary.indices(["never seen", *names]).tolist() == indices
    assert len(vocabulary) == len(Vocabulary(vocabulary.ids)) == len(set(names))
    assert vocabulary.index("never seen") == -1
