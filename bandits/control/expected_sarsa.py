"""Expected SARSA (van Seijen et al. 2009): the next state is worth the mean over what might be done there."""

from bandits.control.agent import Agent
from bandits.control.transition import Transition
from bandits.td import expected_sarsa


class ExpectedSarsa(Agent):
    r"""SARSA without the randomness of the next draw.

    $$\delta_t = r_t + \gamma_t \sum_a \pi(a | s_t) q(s_t, a) - q(s_{t-1}, a_{t-1})$$

    The probabilities are those of the transition, as logged; without them, the agent's own of now.

    Examples
    --------
    >>> from bandits.control import Table
    >>> agent = ExpectedSarsa(Table(2, 2, initial=[[0.0, 0.0], [2.0, 1.0]]), epsilon=0.5, step_size=0.5)
    >>> agent.learn_one(Transition(0, 1, 0.0, 1.0, 1))
    1.75
    """

    name = "expected_sarsa"

    def td_error(self, transition: Transition) -> float:
        """Bootstrap on the mean over the next actions."""
        q_tm1, q_t = self.values.of(transition.s_tm1), self.values.of(transition.s_t)
        pmf_t = self.pmf(transition.s_t) if transition.pmf_t is None else transition.pmf_t
        return float(expected_sarsa(q_tm1, transition.a_tm1, transition.r_t, transition.discount_t, q_t, pmf_t))
