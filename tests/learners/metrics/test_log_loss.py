"""The loss against sums worked out by hand."""

import math

import pytest

from learners import LogLoss


def test_by_hand() -> None:
    loss = LogLoss()
    assert loss.get() == 0.0
    loss.update(0.25, True, weight=3.0)
    loss.update(0.5, False)
    assert loss.get() == pytest.approx((3 * math.log(4) + math.log(2)) / 4)
    loss.update(0.0, True)
    assert math.isfinite(loss.get())
