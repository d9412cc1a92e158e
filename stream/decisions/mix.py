"""Categories and new items of a slate, for the metrics."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.observe import NEW_EVENTS, Mix
from stream.state.catalogue import Catalogue


def mix(catalogue: Catalogue, items: NDArray[np.int32]) -> Mix:
    """Count the categories and the new items of a slate."""
    return Mix(*_count(catalogue.category, catalogue.born, catalogue.events - NEW_EVENTS, items))


@njit(cache=True)
def _count(
    category: NDArray[np.int32], born: NDArray[np.int64], since: int, items: NDArray[np.int32]
) -> tuple[int, int]:
    """Distinct categories of some items, and how many of the items were born later than `since`."""
    categories = new = 0
    for n, item in enumerate(items):
        first = True
        for other in items[:n]:
            first = first and category[other] != category[item]
        categories += first
        new += born[item] > since
    return categories, new
