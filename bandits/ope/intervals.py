"""How far to trust an estimate: empirical Bernstein bounds, effective sample size, and when to say nothing."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.ope.estimators import Floats

LEAST_EFFECTIVE: Final = 100.0  # rounds; below, a mean of rewards as rare as clicks is not known to a factor of two
LEAST_SHARE: Final = 0.01  # of the log
HEAVIEST: Final = 0.1  # share of all weight that one round may carry


def empirical_bernstein(values: Floats, low: float, high: float, level: float = 0.95) -> tuple[float, float]:
    r"""Interval for the mean of values that are known to lie in ``[low, high]``, whatever their distribution.

    $$\bar x \pm \sqrt{2 V \ln(4/\delta) / n} + 7 (high - low) \ln(4/\delta) / (3 (n - 1))$$ with V the sample variance
    and $\delta$ = 1 - level: two one-sided bounds of Maurer and Pontil, theorem 4. Holds for any n, so it is wide. The
    bounds must be known beforehand; the largest value seen is none.

    Examples
    --------
    >>> low, high = empirical_bernstein(np.array([0.0, 1.0] * 500), 0.0, 1.0)
    >>> round(low, 3), round(high, 3)
    (0.443, 0.557)

    References
    ----------
    Maurer and Pontil (2009), Empirical Bernstein bounds and sample-variance penalization.
    """
    n = len(values)
    if n < 2:
        return low, high
    if values.min() < low or values.max() > high:
        raise ValueError(f"values must lie in [{low:g}, {high:g}]; got {values.min():g} to {values.max():g}")
    log_term = math.log(4.0 / (1.0 - level))
    width = math.sqrt(2.0 * float(values.var(ddof=1)) * log_term / n) + 7.0 * (high - low) * log_term / (3.0 * (n - 1))
    mean = float(values.mean())
    return max(low, mean - width), min(high, mean + width)


def effective_sample_size(weights: Floats) -> float:
    """Kish's (sum w)^2 / sum w^2: rounds of equal weight that would know as much.

    Examples
    --------
    >>> effective_sample_size(np.array([1.0, 1.0, 0.0])), effective_sample_size(np.array([10.0, 0.1])).__round__(2)
    (2.0, 1.02)
    """
    squares = float((weights * weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


class Overlap(NamedTuple):
    """How much of what the candidate would show was shown."""

    rounds: int
    effective: float  # rounds
    heaviest: float  # share of all weight that the heaviest round carries, in [0, 1]

    @classmethod
    def of(cls, weights: Floats) -> "Overlap":
        """Measure it by the rounds' weights."""
        total = float(weights.sum())
        return cls(len(weights), effective_sample_size(weights), float(weights.max()) / total if total > 0 else 0.0)

    def warning(self) -> str:
        """Why the estimate says nothing; empty if it may be read.

        Examples
        --------
        >>> Overlap.of(np.ones(500)).warning()
        ''
        >>> Overlap.of(np.array([1.0] * 50 + [0.0] * 450)).warning()
        'rests on 50 of 500 decisions (fewer than 100): log longer, or explore more'
        """
        if self.effective < LEAST_EFFECTIVE:
            return self._say(f"fewer than {LEAST_EFFECTIVE:g}")
        if self.effective < LEAST_SHARE * self.rounds:
            return self._say(f"less than {LEAST_SHARE:.0%}")
        if self.heaviest > HEAVIEST:
            return f"one decision carries {self.heaviest:.0%} of the weight: log longer, or explore more"
        return ""

    def _say(self, why: str) -> str:
        return f"rests on {self.effective:.0f} of {self.rounds} decisions ({why}): log longer, or explore more"


def group_sums(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum the rows of ``values`` ``[rounds, columns]`` by ``groups`` ``[rounds]`` in [0, n): ``[n, columns]``.

    Examples
    --------
    >>> group_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0])).tolist()
    [[5.0], [2.0]]
    """
    sums = np.zeros((int(groups.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums
