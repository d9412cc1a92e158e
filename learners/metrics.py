"""Measures of a ranking and of a probability, updated one event at a time."""

import math
from collections.abc import Iterable, Sequence


class LogLoss:
    """Weighted mean of the negative log-likelihood of what happened, in nats.

    >>> loss = LogLoss()
    >>> loss.update(0.8, True)
    >>> loss.update(0.4, False)
    >>> round(loss.get(), 3)
    0.367
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.weight = 0.0

    def __repr__(self) -> str:
        return f"LogLoss({self.get():.4f})"

    def update(self, probability: float, happened: bool, weight: float = 1.0) -> None:
        """Count one prediction; a certain one that was wrong costs 27.6, not infinity."""
        likelihood = probability if happened else 1.0 - probability
        self.total -= weight * math.log(max(likelihood, 1e-12))
        self.weight += weight

    def get(self) -> float:
        """Return the mean, 0 before the first update."""
        return self.total / self.weight if self.weight else 0.0


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
