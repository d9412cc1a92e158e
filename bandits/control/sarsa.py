"""SARSA (Rummery and Niranjan 1994): the next state is worth the action taken there."""

from bandits.control.agent import Agent
from bandits.control.transition import Transition
from bandits.td import sarsa


class Sarsa(Agent):
    r"""On-policy: learns what its own policy is worth, exploration included.

    $$\delta_t = r_t + \gamma_t q(s_t, a_t) - q(s_{t-1}, a_{t-1})$$

    Examples
    --------
    >>> from bandits.control import Table
    >>> agent = Sarsa(Table(2, 2, initial=1.0), step_size=0.5)
    >>> agent.learn_one(Transition(0, 1, 0.0, 0.5, 1, a_t=0)), agent.values.q[0].tolist()
    (-0.5, [1.0, 0.75])
    """

    name = "sarsa"

    def td_error(self, transition: Transition) -> float:
        """Bootstrap on the action taken next."""
        q_tm1, q_t = self.values.of(transition.s_tm1), self.values.of(transition.s_t)
        return float(sarsa(q_tm1, transition.a_tm1, transition.r_t, transition.discount_t, q_t, transition.a_t))
