"""Exploration rates: their values by hand, their floors, and parameters that are refused."""

import pytest

from bandits import Constant, ExponentialDecay, PowerDecay
from bandits.schedules import Schedule, as_schedule


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(0.3), [0.3, 0.3, 0.3]),
        (ExponentialDecay(start=0.8, floor=0.1, half_life=50.0), [0.8, 0.2, 0.1]),
        (PowerDecay(start=0.8, floor=0.1, scale=25.0, power=1.0), [0.8, 0.16, 0.1]),
    ],
)
def test_values_by_hand(schedule: Schedule, values: list[float]) -> None:
    """After no, 100 and a million outcomes; the last one is the floor."""
    assert [schedule.value(step) for step in (0, 100, 10**6)] == pytest.approx(values)


def test_a_number_is_a_constant_rate_and_a_schedule_stays() -> None:
    decay = ExponentialDecay(start=0.4, floor=0.1, half_life=10.0)
    assert as_schedule(1) == Constant(1.0)
    assert as_schedule(decay) is decay


@pytest.mark.parametrize(
    "schedule", [Constant(0.1), ExponentialDecay(0.5, 0.02, 100.0), PowerDecay(0.5, 0.02, 100.0, 1.0)]
)
def test_schedules_fall_to_a_floor(schedule: Schedule) -> None:
    rates = [schedule.value(step) for step in range(0, 20_000, 50)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == (0.1 if isinstance(schedule, Constant) else 0.02)
    assert as_schedule(schedule) is schedule


def test_power_decay_by_hand() -> None:
    assert PowerDecay(start=1.0, floor=0.0, scale=1.0, power=1.0).value(3) == 0.25


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Constant\(rate=1.5\): rate must be in \[0, 1\]"):
        Constant(1.5)
    with pytest.raises(ValueError, match="0 <= floor <= start <= 1 must hold"):
        ExponentialDecay(start=0.1, floor=0.2, half_life=10.0)
    with pytest.raises(ValueError, match="half_life must be positive"):
        ExponentialDecay(start=0.2, floor=0.1, half_life=0.0)
    with pytest.raises(ValueError, match="0 <= floor <= start <= 1 must hold"):
        PowerDecay(start=1.1, floor=0.1, scale=1.0)
    with pytest.raises(ValueError, match="scale and power must be positive"):
        PowerDecay(start=0.2, floor=0.1, scale=1.0, power=0.0)
