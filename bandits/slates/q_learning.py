"""Q-learning on slates: the next state is worth what the best slate there is worth."""

import numpy as np

from bandits.base import Outcome
from bandits.slates.table import SlateTable
from bandits.td import q_learning


def q_learning_error(table: SlateTable, outcome: Outcome) -> float:
    """``u_t``, bootstrapped on the better of the greedy slate and the slate drawn next."""
    q_t = np.array([table.drawn_value(outcome), table.greedy_value(outcome)])
    return q_learning(table.baseline, outcome.state_tm1, outcome.reward, outcome.discount_t, q_t)


class QLearning(SlateTable):
    """Off-policy slate TD control: it values states as they are once exploration is over.

    The maximum over all slates is out of reach. It is taken over two: the greedy fill, slot by slot, and
    the slate drawn, which is now and then better because sources may offer the same item. Differs from SARSA in
    ``slate_error`` alone; with ``discount_t = 0`` the two are one. Parameters as for the table.

    Examples
    --------
    >>> policy = QLearning(sources=2, slots=2, n_states=1)
    >>> lists = np.array([[5, 6], [7, 8]], np.int32)
    >>> slate = policy.draw(0, lists, np.array([0.99, 0.5]))
    >>> slate.items.tolist(), slate.propensities.round(3).tolist()
    ([7, 5], [0.025, 0.975])
    >>> policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=0, reward=1.0))
    0.5
    >>> policy.draw(0, lists, np.array([0.5, 0.5])).items.tolist()
    [7, 5]
    """

    name = "q_learning"

    def slate_error(self, outcome: Outcome) -> float:
        """``u_t``, bootstrapped on the better of the greedy slate and the slate drawn next."""
        return q_learning_error(self, outcome)
