"""The profile's table of tokens, against a dictionary."""

import math
import random

import numpy as np
import pytest

from learners.base import About
from learners.content.content import Content
from learners.content.profile import TOKENS, Rated, begin, home


def profile(it: Rated) -> dict[int, float]:
    places = it.touched[: it.counters[TOKENS]]
    return dict(zip(it.keys[places].tolist(), it.values[places].tolist(), strict=True))


def catalogue(items: int) -> Content:
    source, rng = Content(), random.Random("profile")
    for item in range(items):
        source.add_item(item)
        source.describe(item, About(title=" ".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=5))))
    return source


def test_tokens_are_weighed_by_decay_and_rarity_and_the_length_is_1() -> None:
    source = catalogue(30)
    it, index = source.arrays, source._index
    for recent in ((3, 17, 8), (5,), ()):  # each in place of the one before
        length = begin(it, np.array(recent, np.int32), 30)
        expected: dict[int, float] = {}
        for n, item in enumerate(recent):
            for token, weight in zip(index.tokens[item].tolist(), index.weights[item].tolist(), strict=True):
                if token >= 0:
                    expected[token] = expected.get(token, 0.0) + 0.7**n * weight * index.rarity(token)
        assert length == pytest.approx(math.sqrt(sum(x * x for x in expected.values())))
        assert profile(it) == pytest.approx({token: x / length for token, x in expected.items()})
        assert np.count_nonzero(it.keys >= 0) == len(expected)


def test_tokens_that_meet_in_the_table_stay_apart() -> None:
    source = Content(tokens=32)
    mask = len(source.arrays.keys) - 1
    first = home(1, mask)
    met = [token for token in range(1, 200_000) if home(token, mask) == first][:5]
    assert len(met) == 5
    source.add_item(0)
    source._index.put(0, {token: float(n + 1) for n, token in enumerate(met)})
    source.arrays.counters[:] = 0
    source.arrays.counters[4] = 1
    begin(source.arrays, np.zeros(1, np.int32), 1)
    assert set(profile(source.arrays)) == set(met)
