"""Arrays that double."""

import numpy as np

from learners.arrays.grow import grown


def test_an_array_with_room_is_returned_itself() -> None:
    array = np.arange(4)
    assert grown(array, 4) is array


def test_growth_at_least_doubles_and_fills_the_new_rows() -> None:
    array = np.arange(6, dtype=np.int16).reshape(3, 2)
    longer = grown(array, 4, fill=-1)
    assert longer.dtype == np.int16
    assert longer.tolist() == [[0, 1], [2, 3], [4, 5], [-1, -1], [-1, -1], [-1, -1]]
    assert len(grown(array, 50)) == 50


def test_copies_are_amortised_constant() -> None:
    """To 1,000 rows by one: a copy at each doubling, nine of them from 2 on."""
    array, copies = np.zeros(2), 0
    for rows in range(1_001):
        longer = grown(array, rows)
        copies += longer is not array
        array = longer
    assert copies == 9
