"""The graph of nearest neighbours against exact inner products, its queue, and starting again."""

import numpy as np
from numpy.typing import NDArray

from learners.content.nearest import Nearest


def _vectors(n: int, dimensions: int = 8) -> NDArray[np.float32]:
    drawn = np.random.default_rng(n).normal(size=(n, dimensions))
    vectors: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def test_most_of_the_exact_neighbours_are_found() -> None:
    vectors, nearest = _vectors(500), Nearest(8)
    nearest.queue(range(500))
    nearest.insert(vectors.__getitem__, at_most=500)
    found = 0
    for vector in vectors[:50]:
        exact = np.argsort(-(vectors @ vector), kind="stable")[:10]
        found += len(set(exact.tolist()) & set(nearest.search(vector, 10).tolist()))
    assert found > 0.95 * 500


def test_the_queue_is_worked_off_in_order_a_few_at_a_time() -> None:
    vectors, nearest, asked = _vectors(10), Nearest(8), list[int]()
    nearest.queue([7, 3, 5])

    def vector_of(item: int) -> NDArray[np.float32]:
        asked.append(item)
        vector: NDArray[np.float32] = vectors[item]
        return vector

    nearest.insert(vector_of, at_most=2)
    assert (asked, len(nearest)) == ([7, 3], 2)
    assert set(nearest.search(vectors[5], 10).tolist()) == {7, 3}
    nearest.insert(vector_of, at_most=2)
    assert (asked, len(nearest)) == ([7, 3, 5], 3)
    assert nearest.search(vectors[5], 1).tolist() == [5]


def test_an_item_inserted_again_is_found_by_its_new_vector() -> None:
    vectors, nearest = np.eye(8, dtype=np.float32), Nearest(8)
    nearest.queue([0, 1])
    nearest.insert(vectors.__getitem__, at_most=2)
    nearest.queue([0])
    nearest.insert(lambda item: vectors[5], at_most=1)
    assert nearest.search(vectors[5], 1).tolist() == [0]
    assert len(nearest) == 3


def test_an_empty_graph_finds_nothing() -> None:
    nearest, vector = Nearest(8), _vectors(1)[0]
    assert nearest.search(vector, 5).tolist() == []
    nearest.queue([0])
    nearest.insert(lambda item: vector, at_most=5)
    assert nearest.search(vector, 0).tolist() == []
    nearest.renew([])
    assert len(nearest) == 0
    assert nearest.search(vector, 5).tolist() == []
