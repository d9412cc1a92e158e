"""Measures of a ranked list: against the next item, and against all that the rest of the session brings."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

REST_COLUMNS: Final = 3  # of `rest_of_session`: relevant items, average precision, the published variant of it


class RankMetrics:
    r"""Hit rate, MRR, NDCG and precision at several list lengths, and the distinct items recommended.

    With one true item at 0-based rank $r < k$: hit 1, reciprocal rank $1/(r+1)$, NDCG $1/\log_2(r+2)$, precision $1/k$;
    all 0 if $r \ge k$ or it is not ranked. Constant time and memory, except a set bounded by the catalogue.

    Parameters
    ----------
    ks
        List lengths, each > 0.

    Examples
    --------
    >>> metrics = RankMetrics(ks=(2, 10))
    >>> metrics.update(0, recommended=[4, 8])
    >>> metrics.update(2, recommended=[4, 9])
    >>> metrics.update(-1)
    >>> metrics.report()["hit_rate@2"], metrics.report()["mrr@10"], metrics.report()["distinct_items"]
    (0.333, 0.444, 3.0)

    References
    ----------
    Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques. TOIS 2002.
    """

    def __init__(self, ks: Sequence[int] = (1, 5, 10, 20)) -> None:
        self.ks = tuple(ks)
        self.count = 0
        self.recommended: set[int] = set()
        self._sums = {k: [0.0, 0.0, 0.0] for k in self.ks}  # hits, reciprocal ranks, discounted gains

    def update(self, rank: int, recommended: Iterable[int] = ()) -> None:
        """Count one list: `rank` of the true item, 0-based, -1 if it is not in it; `recommended` feeds the coverage."""
        self.count += 1
        self.recommended.update(recommended)
        if rank < 0:
            return
        for k, sums in self._sums.items():
            if rank < k:
                sums[0] += 1.0
                sums[1] += 1.0 / (rank + 1)
                sums[2] += 1.0 / math.log2(rank + 2)

    def report(self) -> dict[str, float]:
        """Return every measure by name, such as `hit_rate@20`; means are 0 before the first update."""
        report = {"events": float(self.count), "distinct_items": float(len(self.recommended))}
        for k, (hits, reciprocal_ranks, gains) in self._sums.items():
            n = self.count or 1
            report[f"hit_rate@{k}"] = hits / n
            report[f"mrr@{k}"] = reciprocal_ranks / n
            report[f"ndcg@{k}"] = gains / n
            report[f"precision@{k}"] = hits / (n * k)
        return report


class NextItem(NamedTuple):
    """Values of every step with one true item, each [steps] in [0, 1]."""

    hit_rate: NDArray[np.float64]
    mrr: NDArray[np.float64]
    ndcg: NDArray[np.float64]


def next_item(ranks: NDArray[np.integer], k: int) -> NextItem:
    r"""Return hit, reciprocal rank and discounted gain of every step; 0-based ranks, -1 where there is none.

    With one relevant item the other measures follow: precision is hit / k, recall the hit itself, F1
    $2 \cdot hit / (k + 1)$, average precision the reciprocal rank.

    >>> [column.round(3).tolist() for column in next_item(np.array([0, 2, 5, -1]), 5)]
    [[1.0, 1.0, 0.0, 0.0], [1.0, 0.333, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0]]
    """
    ranked = (ranks >= 0) & (ranks < k)
    places = np.where(ranked, ranks, 0).astype(np.float64)
    return NextItem(ranked.astype(np.float64), ranked / (places + 1.0), ranked / np.log2(places + 2.0))


@njit(cache=True)
def rest_of_session(
    relevant: NDArray[np.uint8], left: int, distinct: int, ks: NDArray[np.int64]
) -> NDArray[np.float32]:
    r"""Score a list against all items of the rest of the session; returns [len(ks), 3].

    1. $h_k$, how many of the first k are relevant: precision is $h_k / k$, recall $h_k / n$ with the n events left
    2. average precision, $\frac{1}{\min(k, d)} \sum_{i \le k} rel_i \, h_i / i$, with the d distinct items left
    3. what the published session tables call MAP [^1]: $\sum_{i < k} \frac{h_i}{k} \cdot \frac{h_i - h_{i-1}}{n}$. It
       divides every precision by k, stops one place early, and counts repeats in n: about a tenth of the second.

    Parameters
    ----------
    relevant : 1 where the item at that place of the list is among those left, [n]
    left : events left in the session, the next one included, >= 1
    distinct : distinct items among them

    Examples
    --------
    >>> rest_of_session(np.array([1, 0, 1], np.uint8), 4, 2, np.array([2, 3])).round(4).tolist()
    [[1.0, 0.5, 0.125], [2.0, 0.8333, 0.0833]]

    References
    ----------
    [^1]: Ludewig, Mauro, Latifi, Jannach: Empirical analysis of session-based recommendation algorithms. UMUAI 2021;
    the evaluation code published with it.
    """
    scores = np.zeros((len(ks), REST_COLUMNS), np.float32)
    for row in range(len(ks)):
        k = ks[row]
        found, precisions, published = 0, 0.0, 0.0
        for place in range(min(k, len(relevant))):
            if relevant[place]:
                found += 1
                precisions += found / (place + 1.0)
                if place + 1 < k:
                    published += found / k / left
        scores[row, 0] = found
        scores[row, 1] = precisions / max(1, min(k, distinct))
        scores[row, 2] = published
    return scores
