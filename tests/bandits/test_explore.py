import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits import draw, epsilon_greedy

UNIT = st.floats(0.0, 1.0)
BELOW_ONE = st.floats(0.0, math.nextafter(1.0, 0.0))
ARMS = st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.booleans()), min_size=1, max_size=9)


@settings(deadline=None, derandomize=True)
@given(ARMS, UNIT)
def test_epsilon_greedy_is_a_pmf_over_the_live_arms(arms: list[tuple[float, bool]], epsilon: float) -> None:
    values, live = np.array([value for value, _ in arms]), np.array([alive for _, alive in arms])
    pmf = epsilon_greedy(values, live, epsilon)
    assert not pmf[~live].any()
    if not live.any():
        return
    assert pmf.sum() == pytest.approx(1.0)
    best = min(np.flatnonzero(live), key=lambda arm: (-values[arm], arm))
    others = [arm for arm in np.flatnonzero(live) if arm != best]
    assert pmf[others].tolist() == pytest.approx([epsilon / live.sum()] * len(others))


def test_equal_values_go_to_the_lowest_live_arm() -> None:
    pmf = epsilon_greedy(np.array([1.0, 1.0, 1.0]), np.array([False, True, True]), 0.0)
    assert pmf.tolist() == [0.0, 1.0, 0.0]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.0, 1e-300, 0.1, 0.3, 1.0]), min_size=1, max_size=9), BELOW_ONE)
def test_draw_never_returns_an_arm_of_probability_zero(weights: list[float], u: float) -> None:
    pmf = np.array(weights)
    if pmf.any():
        pmf /= pmf.sum()
        assert pmf[draw(pmf, u)] > 0.0
    else:
        assert draw(pmf, u) == -1


def test_draw_survives_a_sum_below_one() -> None:
    pmf = np.array([0.1] * 9 + [0.0])  # as if rounding had lost the rest
    assert draw(pmf, math.nextafter(1.0, 0.0)) == 8


def test_draw_inverts_the_cumulated_probabilities() -> None:
    pmf = np.array([0.125, 0.0, 0.625, 0.25])
    drawn = [draw(pmf, (i + 0.5) / 1000) for i in range(1000)]
    assert np.bincount(drawn).tolist() == [125, 0, 625, 250]
    assert drawn == sorted(drawn)
