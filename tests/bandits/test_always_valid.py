"""Intervals that hold however often one looks: few false alarms in A/A tests, and real effects found."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.always_valid import LEAST_CLUSTERS, Ratio, difference, lift, sample_ratio_evidence

Floats = NDArray[np.float64]


def looks(seed: int, gain: float, users: int, every: int) -> list[bool]:
    """Whether zero is outside the interval, at every look at a stream of users of unequal taste and diligence."""
    rng = np.random.default_rng(seed)
    rate, visits = rng.beta(2.0, 3.0, users), 1 + rng.poisson(rng.gamma(1.0, 4.0, users))
    variant = rng.random(users) < 0.5
    reward = rng.binomial(visits, np.clip(rate * np.where(variant, 1.0 + gain, 1.0), 0.0, 1.0)).astype(float)
    alarms = []
    for n in range(every, users + 1, every):
        arms = [
            Ratio.of(reward[:n][variant[:n] == arm], visits[:n][variant[:n] == arm].astype(float)) for arm in (1, 0)
        ]
        found = lift(arms[0], arms[1], effect=0.05)
        alarms.append(not found.low <= 0.0 <= found.high)
    return alarms


def test_false_alarms_at_any_time_stay_below_the_level() -> None:
    """1,000 A/A tests, looked at 40 times each: at the level of 5 %, at most 50 may alarm at any of the looks."""
    assert sum(any(looks(seed, 0.0, 4_000, 100)) for seed in range(1_000)) <= 50


def test_fixed_sample_intervals_exceed_the_level() -> None:
    """The same looks with the interval of a single look, 1.96 standard errors, alarm far above their level."""
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(4_000, 2))
        means = np.cumsum(values[:, 0] - values[:, 1]) / np.arange(1, 4_001)
        at = np.arange(100, 4_001, 100)
        alarms += bool((np.abs(means[at - 1]) > 1.96 * np.sqrt(2.0 / at)).any())
    assert alarms > 20


def test_an_effect_is_found() -> None:
    """One of 5 % mostly within 24,000 users, one of 15 % within 4,000."""
    assert sum(looks(seed, 0.05, 24_000, 24_000)[-1] for seed in range(40)) >= 30
    assert sum(looks(seed, 0.15, 4_000, 4_000)[-1] for seed in range(40)) >= 36


def test_decisions_of_one_user_count_as_alike() -> None:
    """Each user's ten decisions are the same: the variance is that of the users, not a tenth of it."""
    reward = np.repeat([[10.0, 0.0]], 100, axis=0).ravel()
    clustered = Ratio.of(reward, np.full(200, 10.0))
    assert clustered.mean == 0.5
    assert clustered.variance == pytest.approx(0.25 / 200 * 200 / 199)
    single = Ratio.of(np.repeat(reward / 10.0, 10), np.ones(2_000))
    assert single.variance == pytest.approx(clustered.variance / 10.0, rel=0.01)


def test_too_few_users_give_no_interval() -> None:
    few = Ratio.of(np.ones(LEAST_CLUSTERS - 1), np.ones(LEAST_CLUSTERS - 1))
    many = Ratio.of(np.arange(500.0), np.ones(500))
    assert math.isinf(difference(few, many, 0.1).high)
    assert Ratio.of(np.zeros(3), np.zeros(3)).mean == 0.0


def test_the_interval_is_the_tests_inverse() -> None:
    """At its edge the likelihood ratio, mixed over normal effects, is 1 / alpha: checked by summing the mixture."""
    s2, effect = 0.0009, 0.04
    found = difference(Ratio(0.0, s2 / 2, 100), Ratio(0.0, s2 / 2, 100), effect)
    steps = np.linspace(-0.6, 0.6, 200_001)
    mixture = np.exp(-0.5 * steps**2 / effect**2) / (effect * math.sqrt(2 * math.pi))
    ratio = np.exp((steps * found.high - steps**2 / 2) / s2)
    assert float((mixture * ratio).sum() * (steps[1] - steps[0])) == pytest.approx(20.0, rel=1e-6)


def test_sample_ratios_alarm_when_users_are_lost_and_hardly_ever_else() -> None:
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        counts = np.cumsum(rng.multinomial(50, [0.5, 0.3, 0.2], 200), axis=0)
        alarms += any(sample_ratio_evidence(row, [5, 3, 2]) > math.log(1 / 0.05) for row in counts)
    assert alarms <= 21
    lost = np.random.default_rng(0).multinomial(60_000, [0.5 * 0.93, 0.3, 0.2, 0.5 * 0.07])[:3]
    assert sample_ratio_evidence(lost, [5, 3, 2]) > math.log(1 / 0.001)
    with pytest.raises(ValueError, match="shares must be above 0"):
        sample_ratio_evidence([1, 2], [1.0, 0.0])
