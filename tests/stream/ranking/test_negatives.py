"""The sample that the ranker learns from, with uniform numbers that are given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.ranking.features import OWN
from stream.ranking.negatives import TRIES, Offered, offered_bytes, pack_offered, rows_of, sample, write_rows

SCORES = np.array([0.1, 0.9, 0.5, 0.7, 0.3], np.float32)


def uniforms(*picks: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(picks, np.float64)


def test_uniform_picks_by_hand() -> None:
    assert sample(SCORES, -1, 0, uniforms(0.0, 0.39, 0.99)).tolist() == [0, 1, 4]
    assert sample(SCORES, 1, 0, uniforms(0.0, 0.25, 0.99)).tolist() == [0, 2, 4], "item 1 was taken"


def test_a_hard_pick_is_the_best_of_its_tries() -> None:
    tries = (0.0, 0.25, 0.5, 0.99)  # of 0, 2, 3, 4, as 1 was taken
    assert len(tries) == TRIES
    assert sample(SCORES, 1, 1, uniforms(0.99, *tries)).tolist() == [4, 3]


@given(st.integers(2, 9), st.integers(0, 8), st.integers(0, 3), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_item_taken_is_never_a_negative(n: int, place: int, uniform: int, hard: int, rng: object) -> None:
    place %= n
    numbers = np.array([rng.random() for _ in range(uniform + hard * TRIES)])  # type: ignore[attr-defined]
    picks = sample(np.arange(n, dtype=np.float32), place, hard, numbers)
    assert len(picks) == uniform + hard
    assert all(0 <= pick < n and pick != place for pick in picks.tolist())


def offered(n: int, spare: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Candidates 10, 11, ... of a user without a past; a row's first column is its number."""
    features = np.zeros((n, 1 + len(OWN) + 1), np.uint8)
    features[:, 0] = np.arange(n)
    found = Offered(np.arange(10, 10 + n, dtype=np.int32), features, SCORES[:n], np.full(n, -1, np.int32), np.zeros(0))
    slot = np.full(offered_bytes(n, features.shape[1], 0) + spare, 255, np.uint8)
    pack_offered(slot, *found._replace(features=np.ascontiguousarray(features.T)))
    return slot


@pytest.mark.parametrize(
    ("n", "item", "rows", "taken", "others"),
    [(5, 12, [2, 0, 4], True, 4), (5, 99, [0, 4], False, 5), (1, 10, [0], True, 0), (0, 10, [], False, 0)],
)
def test_the_row_of_the_item_taken_comes_first(n: int, item: int, rows: list[int], taken: bool, others: int) -> None:
    found, was_taken, count = rows_of(offered(n, 9), item, 0, uniforms(0.0, 0.99), 1, 60.0, 1e9)
    assert (found[:, 0].tolist(), was_taken, count) == (rows, taken, others)


def test_rows_are_written_as_bytes() -> None:
    bits = np.array([0, 2**31, 2**32 - 1], np.uint32)
    rows, taken, others = rows_of(offered(5), 12, 0, uniforms(*bits * 2.0**-32), 1, 60.0, 1e9)
    out = np.full(rows.size + 9, 77, np.uint8)
    assert write_rows(offered(5), 12, 0, bits, 1, 60.0, 1e9, out) == (rows.size, taken, others)
    assert out.tobytes() == rows.tobytes() + bytes([77] * 9)


def test_rows_are_dated_now() -> None:
    gap = 1 + OWN.index("gap")
    for seconds, expected in ((0.0, 0), (60.0, round(255 * np.log(61.0) / 15.0))):
        found, _, _ = rows_of(offered(5), 12, 0, uniforms(0.0), 1, seconds, 1e9)
        assert found[:, gap].tolist() == [expected] * 2
