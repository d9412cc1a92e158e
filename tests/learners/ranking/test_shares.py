"""Scores of candidates in columns are those of the whole product."""

import numpy as np
import pytest

from learners import Mixer
from learners.ranking.shares import _PRODUCT, columns_of, scores_of, shares_of


def _mixer(width: int, units: int) -> Mixer:
    mixer, rng = Mixer([f"f{n}" for n in range(width)], units=units), np.random.default_rng(2)
    for _ in range(50):
        mixer.learn_one(rng.integers(0, 256, (9, width), dtype=np.uint8))
    return mixer


@pytest.mark.parametrize("units", [0, 4, 16])
@pytest.mark.parametrize("alike", [0, 3, 7])
@pytest.mark.parametrize("count", [1, 7, 8, 41])
def test_columns_in_which_all_are_alike_are_not_lost(count: int, alike: int, units: int) -> None:
    mixer, rng = _mixer(7, units), np.random.default_rng(count)
    rows = rng.integers(0, 256, (count, 7), dtype=np.uint8)
    rows[:, rng.permutation(7)[:alike]] = rng.integers(0, 2, alike, dtype=np.uint8) * np.uint8(90)
    columns, inputs = columns_of(rows, 9), np.full((units, count + 2), 7.0, np.float32)
    columns[:7, count:] = 77  # of others: not read
    scores = scores_of(mixer.arrays, columns, count, inputs)
    assert scores == pytest.approx(mixer.score_many(rows), abs=1e-5)
    net = mixer.arrays
    wanted = rows.astype(np.float32) / np.float32(255.0) @ net.hidden[0, :-1] + net.hidden[0, -1]
    assert pytest.approx(wanted, abs=1e-5) == inputs[:, :count].T
    assert (inputs[:, count:] == 7.0).all()


def test_large_products_are_divided() -> None:
    mixer, rng = _mixer(60, 64), np.random.default_rng(0)
    rows = rng.integers(0, 256, (200, 60), dtype=np.uint8)
    assert rows.size * 65 > 2 * _PRODUCT
    found = scores_of(mixer.arrays, columns_of(rows, 60), 200, np.empty((64, 200), np.float32))
    assert found == pytest.approx(mixer.score_many(rows), abs=1e-4)


def test_shares_sum_to_one() -> None:
    scores = np.array([1.0, 3.0, 2.0], np.float32)
    shares, whole = shares_of(scores)
    assert shares.sum() == pytest.approx(1.0)
    assert shares == pytest.approx(np.exp(scores - whole), rel=1e-6)
