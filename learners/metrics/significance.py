"""Is a difference more than chance: bootstrap intervals over users, and McNemar's test between two learners."""

import math
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

EXACT_UP_TO: Final = 1_000  # discordant steps; beyond, chi-square is as good and quicker
_AT_ONCE: Final = 64  # resamples drawn together: bounds the memory to 64 numbers a cluster
_GRID: Final = 2.0**24


def resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, seed: str
) -> NDArray[np.float64]:
    r"""Draw clusters with replacement and return the means of each draw, [resamples, measures].

    $$m_b = \frac{\sum_c w_{bc} \, s_c}{\sum_c w_{bc} \, n_c}$$ with $w_b$ how often each was drawn. Steps of one
    user are alike, so users (or sessions) are drawn, not steps [^1]. The draws depend on `seed` and the number of
    clusters alone: two learners measured on the same steps are resampled alike, so subtracting their means gives the
    distribution of the paired difference. Sums are rounded to multiples of $2^{-24}$, which makes every product exact:
    the same bytes whatever the order in which a matrix product adds.

    Parameters
    ----------
    sums : sum of every measure over the steps of each cluster, [clusters, measures]
    counts : steps of each cluster, [clusters]

    Examples
    --------
    >>> means = resampled_means(np.array([[1.0], [3.0]]), np.array([1.0, 1.0]), 1000, "seed")
    >>> sorted(set(means[:, 0].tolist()))
    [1.0, 2.0, 3.0]

    References
    ----------
    [^1]: Efron, Tibshirani: An introduction to the bootstrap. Chapman & Hall 1993.
    """
    clusters = len(counts)
    rng = np.random.default_rng(int.from_bytes(blake2b(f"{seed}/bootstrap".encode(), digest_size=8).digest()))
    exact = np.rint(np.column_stack([sums, counts]) * _GRID) / _GRID
    totals = np.empty((resamples, exact.shape[1]))
    for start in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - start)
        drawn = rng.integers(0, clusters, (rows, clusters)) + clusters * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters)
        totals[start : start + rows] = weights.astype(np.float64) @ exact
    means: NDArray[np.float64] = totals[:, :-1] / np.maximum(totals[:, -1:], 1.0)
    return means


def interval(means: NDArray[np.float64], level: float = 0.95) -> NDArray[np.float64]:
    """Return the central part of resampled means, [2, measures]: the percentile interval.

    >>> interval(np.arange(101.0)[:, None], 0.9)[:, 0].tolist()
    [5.0, 95.0]
    """
    tail = (1.0 - level) / 2.0
    bounds: NDArray[np.float64] = np.quantile(means, [tail, 1.0 - tail], axis=0)
    return bounds


class McNemar(NamedTuple):
    """Two learners on the same steps: where only one of them hit."""

    only_first: int
    only_second: int
    p_value: float  # of "both hit equally often", two-sided


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    r"""Test whether two learners hit equally often on the same steps [^1].

    Only steps where one hits and the other does not count: b and c of them. If both are equally good, b is
    binomial with n = b + c and one half; exact up to 1,000 of them. Beyond, $(|b - c| - 1)^2 / (b + c)$ is compared to
    chi-square of one degree of freedom. Steps of one user are not independent, so a p-value that is just small enough
    proves nothing; the bootstrap over users is safer.

    Examples
    --------
    >>> first, second = np.array([1, 1, 1, 1, 1, 1, 0, 1]), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> mcnemar(first == 1, second == 1)
    McNemar(only_first=6, only_second=1, p_value=0.125)

    References
    ----------
    [^1]: McNemar: Note on the sampling error of the difference between correlated proportions. Psychometrika 1947.
    """
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    n, fewer = b + c, min(b, c)
    if b == c:
        return McNemar(b, c, 1.0)
    if n <= EXACT_UP_TO:
        ways = sum(math.comb(n, k) for k in range(fewer + 1))  # whole numbers: scipy's binomial is off by 1e-13
        return McNemar(b, c, min(1.0, 2 * ways / 2**n))
    return McNemar(b, c, float(chdtrc(1, (abs(b - c) - 1) ** 2 / n)))
