"""Embeddings: who is looked at beside an item; tests/learners/content/test_content.py asks through the graph."""

import numpy as np
from numpy.typing import NDArray

from learners.content.embeddings import Embeddings
from learners.content.index import InvertedIndex


def _embeddings(vectors: NDArray[np.float32], exact: int) -> Embeddings:
    index = InvertedIndex(4)
    index.add_item(len(vectors) - 1)
    found = Embeddings(index, lambda: vectors, np.ones(3), exact)
    for item in range(len(vectors)):
        index.put(item, {item % 3: 1.0})
        found.take(item)
    return found


def test_while_few_are_described_all_with_a_vector_are_looked_at() -> None:
    vectors = np.array([[1, 0], [0, 0], [0, 1]], np.float32)
    found = _embeddings(vectors, exact=16)
    assert found.beside(0).tolist() == [0, 2]
    assert found.beside(1).tolist() == [], "it has none itself"
    assert len(found.nearest) == 0
    found.refill()
    assert found.beside(2).tolist() == [0, 2]


def test_beyond_the_graph_says_who_is_near() -> None:
    angles = np.linspace(0.0, np.pi, 200)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = _embeddings(vectors, exact=64)
    found.catch_up(200)
    assert len(found.nearest) == 200
    near = found.beside(60)
    assert len(near) == 64 // 16
    assert np.abs(near - 60).max() <= 12
    again = _embeddings(vectors, exact=64)
    again.refill()
    assert again.beside(60).tolist() == near.tolist()


def test_without_dimensions_there_is_nothing_to_do() -> None:
    found = _embeddings(np.empty((40, 0), np.float32), exact=16)
    found.refill()
    assert found.beside(3).tolist() == []
    assert len(found.nearest) == 0
