"""Pseudo-random numbers from a counter."""

import numpy as np

from learners.arrays.draws import draw, mixed


def test_mixed_is_splitmix64() -> None:
    # the first outputs of the reference generator with seed 0: each is the mix of the state before one more step
    golden = 0x9E3779B97F4A7C15
    assert [hex(int(mixed(n * golden % 2**64 - 2**64 * (n * golden % 2**64 >= 2**63)))) for n in range(3)] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_drawn_rows_follow_from_their_number_and_fill_the_range() -> None:
    rows = np.zeros((2_000, 8), np.float32)
    for n, row in enumerate(rows):
        draw(row, n - 1_000, 0.5)
    again = np.zeros(8, np.float32)
    draw(again, -1_000, 0.5)
    assert again.tolist() == rows[0].tolist()
    assert len(np.unique(rows, axis=0)) == 2_000
    assert np.abs(rows).max() <= 0.5
    assert abs(float(rows.mean())) < 0.5 / 3**0.5 / 16_000**0.5 * 5  # five standard errors of a uniform mean
    assert abs(float((rows**2).mean()) - 0.25 / 3) < 0.25 * (4 / 45) ** 0.5 / 16_000**0.5 * 5
