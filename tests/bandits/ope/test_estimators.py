"""Estimators for single actions, exact and by hand."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.ope import (
    clipped_ips,
    direct_method,
    doubly_robust,
    ips,
    replay,
    snips,
    switch_dr,
)

Floats = NDArray[np.float64]


def one_action() -> tuple[Floats, Floats, Floats]:
    """Contexts and actions: logged and wanted probabilities, true means; every context equally likely."""
    rng = np.random.default_rng(3)
    logged, wanted = rng.dirichlet(np.full(5, 2.0), 4), rng.dirichlet(np.full(5, 2.0), 4)
    return logged, wanted, rng.random((4, 5))


def test_single_actions_are_unbiased() -> None:
    logged, wanted, truth = one_action()
    cells = list(itertools.product(range(4), range(5)))
    x, a = np.array(cells).T
    chance, weight, reward = logged[x, a] / 4, wanted[x, a] / logged[x, a], truth[x, a]
    value = float((wanted * truth).sum(axis=1).mean())
    wrong = np.random.default_rng(4).random((4, 5))
    expected = (wanted * wrong).sum(axis=1)[x]
    assert chance @ ips(weight, reward).numerator == pytest.approx(value, abs=1e-12)
    assert chance @ doubly_robust(weight, reward, wrong[x, a], expected).numerator == pytest.approx(value, abs=1e-12)
    right = (wanted * truth).sum(axis=1)[x]
    assert chance @ direct_method(right).numerator == pytest.approx(value, abs=1e-12)
    switched = switch_dr(weight, reward, wrong[x, a], expected, most=1.0).numerator
    kept = weight <= 1.0  # the bias is that of the model, where it is left alone
    bias = chance[~kept] @ (weight * (wrong[x, a] - reward))[~kept]
    assert chance @ switched == pytest.approx(value + bias, abs=1e-12)
    assert chance @ clipped_ips(weight, reward, most=1.0).numerator < value


def test_ratios_of_sums_close_in_on_the_value() -> None:
    """SNIPS, and replay of a uniform log; six standard errors of the plain mean are allowed, which are larger."""
    _, wanted, truth = one_action()
    rng, n = np.random.default_rng(5), 40_000
    x, a = rng.integers(0, 4, n), rng.integers(0, 5, n)
    reward = (rng.random(n) < truth[x, a]).astype(float)
    weight = wanted[x, a] * 5.0
    allowed = 6.0 * math.sqrt(float((weight**2).mean()) / n)
    assert abs(snips(weight, reward).value - (wanted * truth).sum(axis=1).mean()) < allowed
    best = truth.argmax(axis=1)
    assert abs(replay(a == best[x], reward).value - truth.max(axis=1).mean()) < 6.0 * math.sqrt(0.25 * 5 / n)


def test_figures_worked_out_by_hand() -> None:
    """Three rounds: w = 2, 1/2, 0; r = 1, 0, 1; model 0.5, 0.2, 0.4; expected 0.6, 0.3, 0.2."""
    weight, reward = np.array([2.0, 0.5, 0.0]), np.array([1.0, 0.0, 1.0])
    model, expected = np.array([0.5, 0.2, 0.4]), np.array([0.6, 0.3, 0.2])
    assert ips(weight, reward).value == pytest.approx(2.0 / 3)
    assert snips(weight, reward).value == pytest.approx(2.0 / 2.5)
    assert clipped_ips(weight, reward, 1.5).value == pytest.approx(1.5 / 3)
    assert direct_method(expected).value == pytest.approx(1.1 / 3)
    # 2 (1 - .5) + .6 = 1.6;  .5 (0 - .2) + .3 = .2;  0 + .2 = .2
    assert doubly_robust(weight, reward, model, expected).value == pytest.approx(2.0 / 3)
    # the first round's weight is above 1: .6, .2, .2
    assert switch_dr(weight, reward, model, expected, 1.0).value == pytest.approx(1.0 / 3)
