"""Log-loss, AUC and reliability against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.metrics.calibration import Calibration


def filled(*lists: tuple[list[float], int]) -> Calibration:
    found = Calibration()
    for probabilities, true in lists:
        found.update(np.array(probabilities, np.float32), true)
    return found


def test_a_profile_without_events() -> None:
    empty = Calibration()
    assert (empty.log_loss(), empty.auc()) == (0.0, 0.5)
    assert len(empty.reliability()) == 10
    assert "0 predictions" in repr(empty)


def test_by_hand() -> None:
    found = filled(([0.8, 0.5, 0.1], 0), ([0.6, 0.75], -1))
    losses = [-math.log(p) for p in (0.8, 0.5, 0.9, 0.4, 0.25)]
    assert found.log_loss() == pytest.approx(sum(losses) / 5)
    assert found.auc() == 1.0
    eighth = found.reliability()[8]
    assert eighth[:3] == (0.8, 0.9, 1)
    assert eighth[3:] == pytest.approx((0.8, 1.0))
    assert [row.candidates for row in found.reliability()] == [0, 1, 0, 0, 0, 1, 1, 1, 1, 0]


def test_wrong_certainty_has_a_large_but_finite_loss() -> None:
    assert filled(([0.0], 0)).log_loss() == pytest.approx(-math.log(1e-12))
    assert filled(([1.0], -1)).reliability()[9].candidates == 1


def test_ties_count_half() -> None:
    assert filled(([0.3, 0.3, 0.3], 1)).auc() == 0.5
    assert filled(([0.3, 0.3, 0.2], 1)).auc() == 0.75


@given(st.lists(st.tuples(st.integers(1, 99), st.booleans()), min_size=1, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(predictions: list[tuple[int, bool]]) -> None:
    found = filled(*(([percent / 100], 0 if happened else -1) for percent, happened in predictions))
    won = [percent for percent, happened in predictions if happened]
    lost = [percent for percent, happened in predictions if not happened]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in won for b in lost]
    assert found.auc() == pytest.approx(sum(pairs) / len(pairs) if pairs else 0.5)
