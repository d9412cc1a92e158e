"""Packing: tests/stream/ranking/test_candidates.py has slates; here what is no candidate, and empty lists."""

import numpy as np

from stream.ranking.pack import PAD, pack


def test_by_hand() -> None:
    place = np.full(9, -1, np.int32)
    slate, lists = np.array([4, 8], np.int32), np.array([[2, 4, -1], [8, -1, -1]], np.int32)
    items, packed, scores = pack(place, slate, lists, np.array([2, 4], np.int32), np.array([0.5, 0.25], np.float32))
    assert items.tolist() == [4, 8, 2]
    assert packed.tolist() == [[2, 0, PAD], [1, PAD, PAD]]
    assert scores.tolist() == [0.25, 0.0]
    assert (place == -1).all()


def test_nothing_is_packed_to_nothing() -> None:
    none = np.empty(0, np.int32)
    items, packed, scores = pack(none, none, np.full((1, 2), -1, np.int32), none, np.empty(0, np.float32))
    assert (items.tolist(), packed.tolist(), scores.tolist()) == ([], [[PAD, PAD]], [])
