"""How the exploration rate falls with the number of outcomes learned.

Where tastes drift, a rate that goes to zero never notices: every decay here has a floor.
"""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """An exploration rate as a function of the number of outcomes learned."""

    def value(self, step: int) -> float:
        """Rate in [0, 1] after ``step`` outcomes."""
        ...


def _require(holds: bool, schedule: object, rule: str) -> None:
    if not holds:
        raise ValueError(f"{schedule!r}: {rule}")


@dataclass(frozen=True)
class Constant:
    """The same ``rate`` for ever.

    Examples
    --------
    >>> Constant(0.05).value(10**6)
    0.05
    """

    rate: float  # in [0, 1]

    def __post_init__(self) -> None:
        _require(0.0 <= self.rate <= 1.0, self, "rate must be in [0, 1]")

    def value(self, step: int) -> float:
        """Rate after ``step`` outcomes."""
        return self.rate


@dataclass(frozen=True)
class ExponentialDecay:
    """From ``start``, halved every ``half_life`` outcomes, never below ``floor``.

    Examples
    --------
    >>> [ExponentialDecay(start=0.4, floor=0.05, half_life=1000).value(n) for n in (0, 1000, 2000, 9000)]
    [0.4, 0.2, 0.1, 0.05]
    """

    start: float  # in [floor, 1]
    floor: float  # in [0, start]
    half_life: float  # outcomes, > 0

    def __post_init__(self) -> None:
        _require(0.0 <= self.floor <= self.start <= 1.0, self, "0 <= floor <= start <= 1 must hold")
        _require(self.half_life > 0.0, self, "half_life must be positive")

    def value(self, step: int) -> float:
        """Rate after ``step`` outcomes."""
        return max(self.floor, self.start * math.pow(0.5, step / self.half_life))


@dataclass(frozen=True)
class PowerDecay:
    """``start * (1 + step / scale) ** -power``, never below ``floor``.

    Examples
    --------
    >>> [PowerDecay(start=0.4, floor=0.05, scale=100, power=0.5).value(n) for n in (0, 300, 10**6)]
    [0.4, 0.2, 0.05]
    """

    start: float  # in [floor, 1]
    floor: float  # in [0, start]
    scale: float  # outcomes, > 0
    power: float = 0.5  # > 0

    def __post_init__(self) -> None:
        _require(0.0 <= self.floor <= self.start <= 1.0, self, "0 <= floor <= start <= 1 must hold")
        _require(self.scale > 0.0 and self.power > 0.0, self, "scale and power must be positive")

    def value(self, step: int) -> float:
        """Rate after ``step`` outcomes."""
        return max(self.floor, self.start * math.pow(1.0 + step / self.scale, -self.power))


def as_schedule(rate: float | Schedule) -> Schedule:
    """Read a plain number as a constant rate.

    Examples
    --------
    >>> as_schedule(0.1)
    Constant(rate=0.1)
    """
    return Constant(float(rate)) if isinstance(rate, int | float) else rate
