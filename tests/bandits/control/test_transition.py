"""Trails of earlier steps: decay, bound and cut."""

import pytest

from bandits.control import Step, extended


def test_a_trail_is_bounded_and_can_be_cut() -> None:
    trail: tuple[Step, ...] = ()
    for n in range(100):
        trail = extended(trail, n, 0, 0.9, most=20)
    assert [step.s for step in trail] == list(range(99, 79, -1))
    assert trail[-1].weight == pytest.approx(0.9**20)
    assert len(extended(trail, 7, 1, 0.5, least=0.1)) == 16  # 0.5 x 0.9^n is 0.1 or more up to n = 15
    assert extended(trail, 7, 1, 0.5, cut=True) == ()
