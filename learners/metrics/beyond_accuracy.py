"""What a list is worth apart from being right: how popular, novel and diverse; and which items are shown."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def describe_list(
    items: NDArray[np.int32], counts: NDArray[np.int64], total: int, most: int, category: NDArray[np.int32]
) -> tuple[float, float, float]:
    r"""Return average popularity, novelty and diversity of one list; zeros for an empty one.

    * average popularity in [0, 1]: mean of an item's events / those of the most frequent item [^1]
    * novelty in bits: mean self-information $-\log_2(events_i / total)$ [^2]; an item without events counts as one
    * intra-list diversity in [0, 1]: share of the pairs of items that are of different categories; category 0 is
      unknown, and differs from every other one

    Parameters
    ----------
    counts : events of every item so far
    total, most : their sum and their maximum, or any bounds of them
    category : number of every item's category

    Examples
    --------
    >>> counts, category = np.array([8, 2, 0]), np.array([1, 1, 2], np.int32)
    >>> [round(x, 3) for x in describe_list(np.array([0, 1, 2], np.int32), counts, 10, 8, category)]
    [0.417, 1.989, 0.667]

    References
    ----------
    [^1]: Ludewig, Jannach: Evaluation of session-based recommendation algorithms. UMUAI 2018.
    [^2]: Zhou et al.: Solving the apparent diversity-accuracy dilemma of recommender systems. PNAS 2010.
    """
    n = len(items)
    if n == 0:
        return 0.0, 0.0, 0.0
    popularity, novelty, alike = 0.0, 0.0, 0
    for place in range(n):
        item = items[place]
        popularity += counts[item] / max(1, most)
        novelty -= math.log2(max(1, counts[item]) / max(1, total))
        for other in items[:place]:
            alike += category[item] != 0 and category[item] == category[other]
    pairs = n * (n - 1) // 2
    return popularity / n, novelty / n, 0.0 if pairs == 0 else 1.0 - alike / pairs


def gini(exposures: NDArray[np.integer]) -> float:
    r"""Return how unequally exposure is spread over items: 0 all alike, towards 1 a single one has it all.

    $$G = \frac{\sum_j (2j - n - 1) \, x_j}{n \sum_j x_j}$$ with the $x_j$ in rising order, j = 1..n. 0 if nothing was
    shown.

    Parameters
    ----------
    exposures : how often each known item was on a list, zeros included, [items]

    Examples
    --------
    >>> gini(np.array([5, 5])), gini(np.array([0, 0, 0, 12])), gini(np.array([1, 3]))
    (0.0, 0.75, 0.25)
    """
    n, total = len(exposures), int(exposures.sum())
    if total == 0:
        return 0.0
    rising = np.sort(exposures).astype(np.int64)
    return float(((2 * np.arange(1, n + 1) - n - 1) * rising).sum()) / (n * total)
