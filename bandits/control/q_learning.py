"""Q-learning (Watkins 1989): the next state is worth its best action, whatever is done there."""

from bandits.control.agent import Agent
from bandits.control.transition import Transition
from bandits.td import q_learning


class QLearning(Agent):
    r"""Off-policy: learns the greedy policy while it explores.

    $$\delta_t = r_t + \gamma_t \max_a q(s_t, a) - q(s_{t-1}, a_{t-1})$$

    Examples
    --------
    >>> from bandits.control import Table
    >>> agent = QLearning(Table(2, 2), step_size=0.5)
    >>> agent.learn_one(Transition(0, 1, 1.0, 0.0, 1)), agent.values.q.tolist()
    (1.0, [[0.0, 0.5], [0.0, 0.0]])
    """

    name = "q_learning"

    def td_error(self, transition: Transition) -> float:
        """Bootstrap on the best next action."""
        q_tm1, q_t = self.values.of(transition.s_tm1), self.values.of(transition.s_t)
        return float(q_learning(q_tm1, transition.a_tm1, transition.r_t, transition.discount_t, q_t))
