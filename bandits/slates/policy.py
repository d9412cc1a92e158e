"""Base of the learning policies: their size, the exploration schedule, the examination of the slots."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bandits.base import restore_arrays
from bandits.schedules import Schedule, as_schedule
from bandits.slates.examination import Examination
from bandits.slates.offers import MAX_DEPTH


class SlatePolicy:
    """Base of the learning policies.

    Parameters
    ----------
    sources
        Number of sources, at least 1; 0 is the blended ranking.
    slots
        Largest number of slots of a slate, in [1, 127].
    n_states
        Number of states, at least 1.
    epsilon
        Exploration rate in [0, 1], or a schedule over the number of outcomes learned.
    learn_examination
        Estimate the examination of the slots online; otherwise it stays at ``(j + 1) ** -0.5``.
    """

    name: ClassVar[str]

    def __init__(
        self, *, sources: int, slots: int, n_states: int, epsilon: float | Schedule, learn_examination: bool
    ) -> None:
        for what, size, largest in (
            ("sources", sources, 255),
            ("slots", slots, MAX_DEPTH),
            ("n_states", n_states, 10**6),
        ):
            if not 1 <= size <= largest:
                raise ValueError(f"policy {self.name!r}: {what} must be in [1, {largest}]; got {size}")
        self.sources = sources
        self.slots = slots
        self.n_states = n_states
        self.examination = Examination(sources=sources, slots=slots, fixed=not learn_examination)
        self._schedule = as_schedule(epsilon)
        self._steps = np.zeros(1, np.int64)  # outcomes learned

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sources={self.sources}, slots={self.slots}, n_states={self.n_states})"

    @property
    def epsilon(self) -> float:
        """Exploration rate of the next draw, in [0, 1]."""
        return self._schedule.value(int(self._steps[0]))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        return {"steps": self._steps, **self.examination.state()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over the arrays of a snapshot made by ``state``."""
        restore_arrays(self.state(), saved)
