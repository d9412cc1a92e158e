"""A slate and its lists on a sheet, by hand."""

import numpy as np

from stream.ranking.pack import PAD, Packed, Sheet, find_candidates, pack

NONE = np.empty(0, np.int32)


def packed(sheet: Sheet, slate: list[int], lists: list[list[int]], scores: dict[int, float]) -> Packed:
    """What is read of a slate whose n-th slot was drawn from source n with probability 1 / (1 + n)."""
    place, slots = np.full(9, -1, np.int32), len(slate)
    pack(
        sheet.array, np.array(slate, np.int32), np.arange(slots, dtype=np.uint8),
        np.full((slots, len(lists)), 7, np.uint8), (1 / np.arange(1, 1 + slots)).astype(np.float32),
        np.array(lists, np.int32), find_candidates(np.array(slate, np.int32), np.array([*scores], np.int32), place),
        np.array([*scores.values()], np.float32), np.arange(11, 11 + slots, dtype=np.uint8), place, 3, 4,
    )  # fmt: skip
    assert (place == -1).all()
    return sheet.read()


def test_by_hand() -> None:
    sheet = Sheet(3, 2, 3)
    for _ in range(2):
        found = packed(sheet, [4, 8], [[2, 4, -1], [8, -1, -1]], {2: 0.5, 4: 0.25})
        assert found.items == [4, 8, 2]
        assert found.counts == (3, 4)
        assert np.frombuffer(found.lists, np.uint16).tolist() == [2, 0, PAD, 1, PAD, PAD]
        assert np.frombuffer(found.scores, np.float32).tolist() == [0.25, 0.0], "a pinned item has no score"
        assert np.frombuffer(found.propensities, np.float32).tolist() == [1.0, 0.5]
        assert (found.sources, found.offered_ranks) == (bytes([0, 1]), bytes([7] * 4))
        assert found.reasons == bytes([11, 12])
        packed(sheet, [1, 2, 3], [[1, 5, 6], [2, 7, 8]], {})


def test_the_largest_slate_fits() -> None:
    """No item is in two lists, and all of the slate are pinned."""
    found = packed(Sheet(2, 2, 3), [0, 1], [[2, 3, 4], [5, 6, 7]], {7: 1.0})
    assert (found.items, len(found.offered_ranks)) == ([*range(8)], 4)


def test_nothing_is_packed_to_nothing() -> None:
    found = packed(Sheet(2, 1, 2), [], [[-1, -1]], {})
    assert (found.items, found.lists, found.sources) == ([], np.array([PAD, PAD], np.uint16).tobytes(), b"")
