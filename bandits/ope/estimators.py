r"""Off-policy estimators for one action a round.

Round t: context x, action a drawn with the *logged* probability p = pi_b(a | x), reward r. A *candidate* would have
taken the same action with probability q = pi_e(a | x); their ratio w = q / p is the weight. A reward model m(x, a)
may help: `model` is its value for the action taken, `expected` the candidate's mean sum_a pi_e(a | x) m(x, a).

All need p > 0 wherever q > 0, and p as it was when the action was drawn.

| estimator | round's numerator / denominator | bias | variance |
| --- | --- | --- | --- |
| `replay` | r [a = a_e] / [a = a_e] | none if logged uniformly | high: drops rounds |
| `ips` | w r / 1 | none | grows with w |
| `snips` | w r / w | vanishes with n | lower |
| `clipped_ips` | min(w, c) r / 1 | downwards for r >= 0 | bounded by c |
| `direct_method` | expected / 1 | the model's | lowest |
| `doubly_robust` | w (r - model) + expected / 1 | none | low if the model is good |
| `switch_dr` | [w <= c] w (r - model) + expected / 1 | the model's where w > c | lower |

References
----------
Horvitz and Thompson (1952), A generalization of sampling without replacement from a finite universe.
Li et al. (2011), Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms: replay.
Swaminathan and Joachims (2015), The self-normalized estimator for counterfactual learning: SNIPS.
Dudik et al. (2014), Doubly robust policy evaluation and optimization.
Wang et al. (2017), Optimal and adaptive off-policy evaluation in contextual bandits: switch-DR.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]  # [rounds]


class Addends(NamedTuple):
    """What each round adds to the numerator and to the denominator, both ``[rounds]``."""

    numerator: Floats
    denominator: Floats

    @property
    def value(self) -> float:
        """The estimate; not a number if the denominators add up to nothing.

        Examples
        --------
        >>> Addends(np.array([1.0, 3.0]), np.array([1.0, 1.0])).value
        2.0
        """
        total = float(self.denominator.sum())
        return float(self.numerator.sum()) / total if total > 0 else float("nan")


def _mean(numerator: Floats) -> Addends:
    return Addends(numerator, np.ones_like(numerator))


def on_policy(reward: Floats) -> Addends:
    """Mean reward of what was shown: the value of the logged policy itself."""
    return _mean(reward)


def replay(same: NDArray[np.bool_], reward: Floats) -> Addends:
    """Mean reward of the rounds in which the candidate would have done the ``same``; the others are dropped.

    Examples
    --------
    >>> replay(np.array([True, False, True]), np.array([1.0, 9.0, 2.0])).value
    1.5
    """
    return Addends(np.where(same, reward, 0.0), same.astype(np.float64))


def ips(weight: Floats, reward: Floats) -> Addends:
    """Inverse propensity score.

    Examples
    --------
    >>> ips(np.array([2.0, 0.0]), np.array([1.0, 5.0])).value
    1.0
    """
    return _mean(weight * reward)


def snips(weight: Floats, reward: Floats) -> Addends:
    """Self-normalised IPS: the weights' own mean takes the place of 1.

    Examples
    --------
    >>> snips(np.array([2.0, 2.0]), np.array([1.0, 2.0])).value
    1.5
    """
    return Addends(weight * reward, weight)


def clipped_ips(weight: Floats, reward: Floats, most: float) -> Addends:
    """IPS with weights of at most ``most``.

    Examples
    --------
    >>> clipped_ips(np.array([8.0, 1.0]), np.array([1.0, 1.0]), most=3.0).value
    2.0
    """
    return _mean(np.minimum(weight, most) * reward)


def direct_method(expected: Floats) -> Addends:
    """What the reward model expects of the candidate; logged rewards count only in as far as they made the model."""
    return _mean(expected)


def doubly_robust(weight: Floats, reward: Floats, model: Floats, expected: Floats) -> Addends:
    """The model, corrected by the weighted errors that it made: right if either propensities or model are.

    Examples
    --------
    >>> doubly_robust(np.array([2.0, 0.0]), np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.4, 0.4])).value
    0.9
    """
    return _mean(weight * (reward - model) + expected)


def switch_dr(weight: Floats, reward: Floats, model: Floats, expected: Floats, most: float) -> Addends:
    """Doubly robust where the weight is at most ``most``, the model alone elsewhere.

    Examples
    --------
    >>> switch_dr(np.array([2.0, 9.0]), np.array([1.0, 1.0]), np.zeros(2), np.full(2, 0.5), most=3.0).value
    1.5
    """
    return _mean(np.where(weight <= most, weight * (reward - model), 0.0) + expected)
