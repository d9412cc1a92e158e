"""The one interface of all bandits, and what they keep in common: sums per arm, and the floor."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Pull(NamedTuple):
    """What became of one play: all that learning needs, so it may come late, in any order, or never."""

    arm: int
    reward: float
    propensity: float  # probability with which it was drawn, in (0, 1]
    x: Floats | None = None  # [features], of the moment


class Arms:
    """Base of all bandits. Arms may be added at any time; none is removed.

    Parameters
    ----------
    arms
        Number of arms at the start.
    floor
        Probability that is shared evenly among all arms, in [0, 1].
    """

    name: ClassVar[str]
    contextual: ClassVar[bool] = False  # whether `x` is needed

    def __init__(self, arms: int, *, floor: float = 0.05) -> None:
        if arms < 1 or not 0.0 <= floor <= 1.0:
            raise ValueError(
                f"bandit {self.name!r}: needs an arm and a floor in [0, 1]; got {arms} arms, floor {floor}"
            )
        self.floor = floor
        self.pulls = np.zeros(arms)
        self.rewards = np.zeros(arms)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.pulls)} arms)"

    def __len__(self) -> int:
        return len(self.pulls)

    def pmf(self, x: Floats | None = None) -> Floats:
        """Probability of every arm, ``[arms]``; each is at least ``floor / arms``."""
        arms = len(self)
        return (1.0 - self.floor) * self._choice(x) + self.floor / arms

    def learn_one(self, pull: Pull) -> None:
        """Learn from one play."""
        if not 0 <= pull.arm < len(self) or not 0.0 < pull.propensity <= 1.0 + 1e-9:
            raise ValueError(
                f"bandit {self.name!r}: arm must be in [0, {len(self)}) and propensity in (0, 1]; got {pull.arm}, "
                f"{pull.propensity}"
            )
        self.pulls[pull.arm] += 1.0
        self.rewards[pull.arm] += pull.reward

    def add_arm(self) -> int:
        """Make room for one more arm; returns its number."""
        for name, array in self.state().items():
            row = np.zeros((1, *array.shape[1:]), array.dtype)
            setattr(self, name, np.concatenate([array, row]))
        return len(self) - 1

    def means(self) -> Floats:
        """Mean reward of every arm, 0 where there was none."""
        return self.rewards / np.maximum(self.pulls, 1.0)

    @abstractmethod
    def _choice(self, x: Floats | None) -> Floats:
        """Probability of every arm without the floor."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Every array that learning changes, live; each has one row an arm."""
        return {"pulls": self.pulls, "rewards": self.rewards}

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot, with as many arms as it has."""
        if list(saved) != list(self.state()):
            raise ValueError(f"bandit {self.name!r}: snapshot must hold {list(self.state())}; got {list(saved)}")
        for name, array in saved.items():
            setattr(self, name, array.copy())


def only(arm: int, arms: int) -> Floats:
    """All probability on one arm."""
    found = np.zeros(arms)
    found[arm] = 1.0
    return found
