"""Arrays that double, so that a new item costs amortised constant time."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def grown(array: NDArray[Scalar], rows: int, fill: float = 0) -> NDArray[Scalar]:
    """Return `array` if it has that many rows, else a copy at least twice as long, new rows filled with `fill`.

    >>> grown(np.zeros((4, 2)), 3).shape, grown(np.zeros((4, 2)), 5).shape
    ((4, 2), (8, 2))
    """
    if rows <= len(array):
        return array
    larger = np.full((max(rows, 2 * len(array)), *array.shape[1:]), fill, dtype=array.dtype)
    larger[: len(array)] = array
    return larger
