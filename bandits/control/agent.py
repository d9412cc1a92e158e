"""What all agents share: epsilon-greedy probabilities, step sizes, one update."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bandits.base import restore_arrays
from bandits.control.transition import State, Transition
from bandits.control.values import Floats, Values
from bandits.explore import epsilon_greedy
from bandits.schedules import Schedule, as_schedule


class Agent:
    """Acts epsilon-greedily on its values, and moves them by a temporal-difference error.

    Parameters
    ----------
    values
        What it starts to believe.
    epsilon
        Exploration rate in [0, 1], or a schedule over the number of updates.
    step_size
        In (0, 1], or a schedule over the number of updates.
    """

    name: ClassVar[str]
    traces: ClassVar[bool] = False  # whether an error also moves the steps of the trail

    def __init__(self, values: Values, *, epsilon: float | Schedule = 0.1, step_size: float | Schedule = 0.1) -> None:
        self.values = values
        self._epsilon, self._step_size = as_schedule(epsilon), as_schedule(step_size)
        self._steps = np.zeros(1, np.int64)  # updates

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.values.actions} actions)"

    def action_values(self, s: State) -> Floats:
        """What it acts on, ``[actions]``."""
        return self.values.of(s)

    def pmf(self, s: State) -> Floats:
        """Probability of every action; of equal values the first is the best."""
        values = self.action_values(s)
        return epsilon_greedy(values, np.ones(values.size, np.bool_), self._epsilon.value(int(self._steps[0])))

    def learn_one(self, transition: Transition) -> float:
        """Learn from one step; return its TD error."""
        error = self.td_error(transition)
        step = self._step_size.value(int(self._steps[0]))
        self._move(transition, step * error)
        self._steps += 1
        return error

    @abstractmethod
    def td_error(self, transition: Transition) -> float:
        """Target less estimate."""

    def _move(self, transition: Transition, step: float) -> None:
        self.values.move(transition.s_tm1, transition.a_tm1, step)
        if self.traces:
            for earlier in transition.trail:
                self.values.move(earlier.s, earlier.a, step * earlier.weight)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, live."""
        return {"steps": self._steps, **self.values.state()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over a snapshot."""
        restore_arrays(self.state(), saved)
