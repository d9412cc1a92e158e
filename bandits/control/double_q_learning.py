"""Double Q-learning (van Hasselt 2010): one table picks the next action, another one values it."""

import copy
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bandits.base import restore_arrays
from bandits.control.agent import Agent
from bandits.control.transition import State, Transition
from bandits.control.values import Floats, Values
from bandits.schedules import Schedule
from bandits.td import double_q_learning


class DoubleQLearning(Agent):
    r"""Q-learning without the bias of a maximum over noisy values.

    $$\delta_t = r_t + \gamma_t q_2(s_t, \arg\max_a q_1(s_t, a)) - q_1(s_{t-1}, a_{t-1})$$ with the two tables changing
    roles when the transition's coin is 1/2 or more. It acts on their mean.

    Examples
    --------
    >>> from bandits.control import Table
    >>> agent = DoubleQLearning(Table(2, 2), step_size=0.5)
    >>> agent.learn_one(Transition(0, 1, 1.0, 0.0, 1, coin=0.9)), agent.action_values(0).tolist()
    (1.0, [0.0, 0.25])
    """

    name = "double_q_learning"

    def __init__(self, values: Values, *, epsilon: float | Schedule = 0.1, step_size: float | Schedule = 0.1) -> None:
        super().__init__(values, epsilon=epsilon, step_size=step_size)
        self.other = copy.deepcopy(values)

    def action_values(self, s: State) -> Floats:
        """Mean of both tables."""
        return (self.values.of(s) + self.other.of(s)) / 2.0

    def td_error(self, transition: Transition) -> float:
        """Bootstrap on the other table's value of this one's best action."""
        moved, other = self._roles(transition)
        return float(
            double_q_learning(
                moved.of(transition.s_tm1), transition.a_tm1, transition.r_t, transition.discount_t,
                other.of(transition.s_t), moved.of(transition.s_t),
            )
        )  # fmt: skip

    def _move(self, transition: Transition, step: float) -> None:
        self._roles(transition)[0].move(transition.s_tm1, transition.a_tm1, step)

    def _roles(self, transition: Transition) -> tuple[Values, Values]:
        return (self.values, self.other) if transition.coin < 0.5 else (self.other, self.values)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Both tables."""
        return {**super().state(), **{f"other_{name}": array for name, array in self.other.state().items()}}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over a snapshot."""
        restore_arrays(self.state(), saved)
