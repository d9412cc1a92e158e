r"""Is a variant better? Answers that hold however often one looks.

A test that is made for one look gives false alarms when one looks every day: after enough looks, always. The intervals
here hold at all times at once, so one may look, stop and go on as one likes.

References
----------
Robbins (1970), Statistical methods related to the law of the iterated logarithm: the normal mixture.
Johari, Koomen, Pekelis and Walsh (2017), Peeking at A/B tests: the mixture sequential probability ratio test.
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
sequences: why an estimated variance will do.
Lindon and Malek (2022), Anytime-valid inference for multinomial count data: the sample ratio.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_CLUSTERS: Final = 50  # of each variant; with fewer the estimated variance is no good, and nothing is said
MAX_LOG: Final = 700.0  # of a ratio that a float can hold
CONCENTRATION: Final = 10_000.0  # of the sample ratio's prior around the planned shares, in users


class Ratio(NamedTuple):
    """Mean reward a decision of one variant, and the variance of that mean, users being independent."""

    mean: float
    variance: float
    clusters: int

    @classmethod
    def of(cls, reward: Floats, decisions: Floats) -> "Ratio":
        r"""From sums of each cluster (a user, or a group of users by hash), both ``[clusters]``.

        The unit of assignment is the user, and decisions of one user are alike; so the variance is that of a ratio of
        two means over clusters, by the delta method: $\sum_c (r_c - \mu n_c)^2 / (\sum_c n_c)^2$, times C / (C - 1).

        Examples
        --------
        >>> Ratio.of(np.array([2.0, 0.0]), np.array([2.0, 2.0]))
        Ratio(mean=0.5, variance=0.25, clusters=2)
        """
        seen = decisions > 0
        clusters, total = int(seen.sum()), float(decisions.sum())
        if clusters < 2:
            return cls(float(reward.sum()) / total if total else 0.0, math.inf, clusters)
        mean = float(reward.sum()) / total
        errors = (reward - mean * decisions)[seen]
        return cls(mean, float(errors @ errors) / total**2 * clusters / (clusters - 1), clusters)


class Difference(NamedTuple):
    """How much more a variant earns than the control, with an interval that holds at all times at once."""

    value: float
    low: float
    high: float


def difference(variant: Ratio, control: Ratio, effect: float, level: float = 0.95) -> Difference:
    r"""Interval for the difference of two variants.

    With s^2 the variance of the difference and $\tau$ the ``effect`` to be found soonest, the interval is
    $$\pm \sqrt{\frac{2 s^2 (s^2 + \tau^2)}{\tau^2} \ln\left(\frac{1}{\alpha}\sqrt{\frac{s^2 + \tau^2}{s^2}}\right)}$$
    It is the set of differences that a mixture sequential probability ratio test, with a normal mixture of standard
    deviation $\tau$, has not rejected yet. It is valid for any $\tau$; one far from the truth makes it wider.

    Parameters
    ----------
    effect
        Standard deviation of the differences that one expects, > 0, in units of reward a decision. It must be fixed
        before the first look.
    level
        Chance, in (0, 1), that the interval holds the truth at every time.

    Examples
    --------
    >>> found = difference(Ratio(1.1, 0.0004, 500), Ratio(1.0, 0.0004, 500), effect=0.05)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.1, 0.012, 0.188)
    """
    value, s2 = variant.mean - control.mean, variant.variance + control.variance
    if min(variant.clusters, control.clusters) < LEAST_CLUSTERS or not math.isfinite(s2):
        return Difference(value, -math.inf, math.inf)
    if s2 == 0.0:
        return Difference(value, value, value)
    t2 = effect**2
    width = math.sqrt(2.0 * s2 * (s2 + t2) / t2 * math.log(math.sqrt((s2 + t2) / s2) / (1.0 - level)))
    return Difference(value, value - width, value + width)


def lift(variant: Ratio, control: Ratio, effect: float, level: float = 0.95) -> Difference:
    """How much more a variant earns than the control, as a share of what the control earns: 0.05 is five percent more.

    The interval is that of `difference` for the logarithms of the means, whose variance is that of the means over their
    squares (delta method). So ``effect`` is in shares too, and can be fixed before any reward is known.

    Examples
    --------
    >>> found = lift(Ratio(1.1, 0.0004, 500), Ratio(1.0, 0.0004, 500), effect=0.05)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.1, 0.011, 0.196)
    """
    if not (math.inf > variant.mean > 0.0 and math.inf > control.mean > 0.0):
        return Difference(math.nan, -1.0, math.inf)
    ours, theirs = (
        Ratio(math.log(each.mean), each.variance / each.mean / each.mean, each.clusters) for each in (variant, control)
    )
    value, low, high = difference(ours, theirs, effect, level)
    return Difference(_share(value), _share(low), _share(high))


def _share(log_ratio: float) -> float:
    """Turn the log of a ratio into the share by which it is above 1; infinite where a float cannot hold it."""
    return math.inf if log_ratio > MAX_LOG else math.expm1(log_ratio)


def sample_ratio_evidence(users: Sequence[int] | NDArray[np.int64], shares: Sequence[float] | Floats) -> float:
    r"""Natural log of the evidence that users are not assigned as planned; above ln(1 / alpha) they are not.

    A Dirichlet mixture around the planned shares against the shares themselves: a martingale if the plan is kept, so it
    may be looked at after every user. Assignment by hash cannot go wrong by itself; what goes wrong are variants that
    lose users before they are counted.

    Parameters
    ----------
    users
        Distinct users of each variant.
    shares
        Planned, in any unit, each above 0.

    Examples
    --------
    >>> sample_ratio_evidence([5_050, 4_950], [0.5, 0.5]) < 0.0
    True
    >>> sample_ratio_evidence([5_300, 4_700], [0.5, 0.5]) > math.log(1 / 0.001)
    True
    """
    counts, planned = np.asarray(users, np.float64), np.asarray(shares, np.float64)
    if len(counts) != len(planned) or planned.min() <= 0 or counts.min() < 0:
        raise ValueError(f"shares must be above 0, one for each number of users; got {list(users)}, {list(shares)}")
    planned = planned / planned.sum()
    prior = CONCENTRATION * planned
    evidence = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + float(counts.sum()))
    for alpha, count, share in zip(prior.tolist(), counts.tolist(), planned.tolist(), strict=True):
        evidence += math.lgamma(alpha + count) - math.lgamma(alpha) - count * math.log(share)
    return evidence
