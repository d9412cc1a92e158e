"""The best of many scores against a sort."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.arrays.top_k import best_first, best_of


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), max_size=60), st.integers(0, 70), st.randoms())
def test_best_first_is_a_sort(levels: list[float], k: int, rng: random.Random) -> None:
    items = list(range(len(levels)))
    rng.shuffle(items)
    scores = dict(zip(items, levels))
    best, best_scores = best_first(np.array(items, np.int32), np.array(levels, np.float32), k)
    assert best.tolist() == sorted(items, key=lambda item: (-scores[item], item))[:k]
    assert best_scores.tolist() == [scores[item] for item in best.tolist()]
    if 0 < k < len(items):
        found = best_of(np.array(items, np.int32), np.array(levels, np.float32), k)
        assert sorted(found.tolist()) == sorted(best.tolist())
