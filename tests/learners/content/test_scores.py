"""Arithmetic of content scores: the usual price, the mean direction and the projection, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from learners.content.profile import average, usual_price
from learners.content.scores import project

DECAY = np.array([1.0, 0.5])


def _items(*items: int) -> NDArray[np.int32]:
    return np.array(items, np.int32)


def test_the_usual_price_is_a_decayed_geometric_mean_of_known_prices() -> None:
    prices = np.array([8.0, 1.0, 0.0])
    assert usual_price(prices, _items(0, 1), DECAY, 3) == pytest.approx(8.0 ** (1 / 1.5))
    assert usual_price(prices, _items(2, 1), DECAY, 3) == pytest.approx(1.0), "without a price"
    assert usual_price(prices, _items(2, 9, -1), DECAY, 3) == 0.0, "none is known"
    assert usual_price(prices, _items(1, 1, 0), DECAY, 3) == pytest.approx(1.0), "beyond the history"


def test_the_mean_direction_has_length_1_or_0() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], np.float32)
    assert average(rows, _items(0, 1), DECAY, 3).tolist() == pytest.approx([1 / np.sqrt(1.25), 0.5 / np.sqrt(1.25)])
    assert average(rows, _items(0, 2), np.ones(2), 3).tolist() == [0.0, 0.0]
    assert average(rows, _items(7, -1), DECAY, 3).tolist() == [0.0, 0.0]


def test_a_projection_keeps_inner_products() -> None:
    """Over pairs that share half of their tokens: mean 0.5 within five standard errors (noise 1 / sqrt(256) a pair)."""
    rng, products = np.random.default_rng(3), []
    for _ in range(200):
        tokens, weights = rng.permutation(100_000)[:30].astype(np.int32), np.full(20, 20**-0.5)
        into = np.zeros((2, 256), np.float32)
        project(tokens[:20], weights, into[0])
        project(tokens[10:], weights, into[1])
        products.append(float(into[0] @ into[1]))
    assert np.mean(products) == pytest.approx(0.5, abs=5 / 16 / np.sqrt(200))


def test_a_projection_ends_at_the_first_free_place() -> None:
    whole, short = np.zeros((2, 64), np.float32)
    project(np.array([3, 5, -1, 7], np.int32), np.ones(4), whole)
    project(np.array([3, 5], np.int32), np.ones(2), short)
    assert whole.any()
    assert whole.tolist() == short.tolist()
