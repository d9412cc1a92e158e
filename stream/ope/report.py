"""Estimates of what candidates would have earned, with intervals and warnings, as plain values.

| part | estimators | of what |
| --- | --- | --- |
| slates | whole slate, its self-normalised form, reward interaction, its clipped form, cascade DR | all slots |
| first slot | IPS, SNIPS, clipped, direct method, DR, switch-DR | what the first slot brings: little variance |

Intervals are bootstrapped over users; those of clipped estimators are also given by the empirical Bernstein bound,
which holds for any number of decisions but takes them to be independent.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.ope import (
    Addends,
    Overlap,
    cascade_dr,
    clipped_ips,
    direct_method,
    doubly_robust,
    empirical_bernstein,
    group_sums,
    ips,
    on_policy,
    reward_interaction,
    snips,
    switch_dr,
    whole_slate,
)
from learners.metrics.significance import interval, resampled_means
from stream.ope.replay import Log, Slots

LEVEL = 0.95

Floats = NDArray[np.float64]


class Estimator(NamedTuple):
    """One estimator's addends, the weights that its overlap is computed from, and the bound on an addend."""

    addends: Addends
    weights: Floats
    bound: float | None = None  # on an addend; None: not known


def report(log: Log, candidates: Mapping[str, Slots], *, clip: float, resamples: int, seed: str) -> dict[str, Any]:
    """Compare candidates with the policy that was logged.

    Parameters
    ----------
    clip : largest weight of the clipped estimators and of switch-DR
    resamples : of the bootstrap over users; 0: no intervals
    """
    reward = _rewards(log)
    most = float(reward.max(initial=0.0))
    users = np.array([decision.user for decision in log.decisions])
    shown = {"slates": on_policy(reward.sum(axis=1)), "first_slot": on_policy(reward[:, 0])}
    return {
        "decisions": len(log.decisions),
        "users": log.users,
        "sources": list(log.offering),
        "left_out": log.left_out,
        "logged": {
            part: {"value": addends.value, **_bootstrapped(addends, None, users, resamples, seed)}
            for part, addends in shown.items()
        },
        "candidates": {
            name: {
                part: {
                    estimator: _estimate(found, shown[part], users, resamples, seed)
                    for estimator, found in estimators(slots, reward, part, clip, most).items()
                }
                for part in shown
            }
            for name, slots in candidates.items()
        },
    }


def _rewards(log: Log) -> Floats:
    reward = np.zeros((len(log.decisions), max(len(decision.sources) for decision in log.decisions)))
    for n, decision in enumerate(log.decisions):
        if decision.hit >= 0:
            reward[n, decision.hit] = decision.reward
    return reward


def estimators(slots: Slots, reward: Floats, part: str, clip: float, most: float) -> dict[str, Estimator]:
    """All estimators of one part of the report."""
    if part == "slates":
        ratio, whole = slots.ratio, slots.ratio.prod(axis=1)
        reached = np.cumprod(ratio, axis=1).mean(axis=1)
        return {
            "whole slate": Estimator(whole_slate(ratio, reward), whole),
            "whole slate, self-normalised": Estimator(whole_slate(ratio, reward, normalised=True), whole),
            "reward interaction": Estimator(reward_interaction(ratio, reward), reached),
            f"reward interaction, at most {clip:g}": Estimator(
                reward_interaction(ratio, reward, clip), np.minimum(reached, clip), clip * most
            ),
            "cascade DR": Estimator(cascade_dr(ratio, reward, slots.model, slots.expected), reached),
        }
    weight, first, model, expected = slots.ratio[:, 0], reward[:, 0], slots.model[:, 0], slots.expected[:, 0]
    return {
        "IPS": Estimator(ips(weight, first), weight),
        "SNIPS": Estimator(snips(weight, first), weight),
        f"IPS, at most {clip:g}": Estimator(clipped_ips(weight, first, clip), np.minimum(weight, clip), clip * most),
        "direct method": Estimator(direct_method(expected), np.ones_like(weight)),
        "DR": Estimator(doubly_robust(weight, first, model, expected), weight),
        f"switch-DR at {clip:g}": Estimator(
            switch_dr(weight, first, model, expected, clip), np.where(weight <= clip, weight, 0.0)
        ),
    }


def _estimate(found: Estimator, shown: Addends, users: NDArray[np.int64], resamples: int, seed: str) -> dict[str, Any]:
    overlap = Overlap.of(found.weights)
    bernstein = None
    if found.bound is not None and found.bound > 0:
        bernstein = list(empirical_bernstein(found.addends.numerator, 0.0, found.bound, LEVEL))
    return {
        "value": found.addends.value,
        "effective_decisions": overlap.effective,
        "warning": overlap.warning(),
        "bernstein": bernstein,
        **_bootstrapped(found.addends, shown, users, resamples, seed),
    }


def _bootstrapped(
    addends: Addends, shown: Addends | None, users: NDArray[np.int64], resamples: int, seed: str
) -> dict[str, Any]:
    """Interval of the estimate and, over the same resamples, of its difference to the logged policy."""
    if not resamples:
        return {}
    columns = [addends.numerator, addends.denominator, *(() if shown is None else (shown.numerator, shown.denominator))]
    sums = group_sums(np.stack(columns, axis=1), users)
    means = resampled_means(sums, np.bincount(users).astype(np.float64), resamples, seed)
    value = means[:, 0] / np.maximum(means[:, 1], 1e-300)
    found: dict[str, Any] = {"interval": _bounds(value)}
    if shown is not None:
        found["difference"] = [addends.value - shown.value, *_bounds(value - means[:, 2] / means[:, 3])]
    return found


def _bounds(means: Floats) -> list[float]:
    return [float(bound) for bound in interval(means[:, None], LEVEL)[:, 0]]
