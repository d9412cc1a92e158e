"""SARSA on slates: the next state is worth what the slate drawn there is worth."""

import numpy as np

from bandits.base import Outcome
from bandits.slates.table import SlateTable
from bandits.td import sarsa


def sarsa_error(table: SlateTable, outcome: Outcome) -> float:
    """``u_t``, bootstrapped on the slate drawn next."""
    q_t = np.array([table.drawn_value(outcome)])
    return sarsa(table.baseline, outcome.state_tm1, outcome.reward, outcome.discount_t, q_t, 0)


class Sarsa(SlateTable):
    """On-policy slate TD control: it values states as they are with the exploration still to come.

    Differs from Q-learning in ``slate_error`` alone; with ``discount_t = 0`` the two are one. Parameters
    as for the table.

    Examples
    --------
    >>> policy = Sarsa(sources=2, slots=2, n_states=1)
    >>> lists = np.array([[5, 6], [7, 8]], np.int32)
    >>> slate = policy.draw(0, lists, np.array([0.5, 0.99]))
    >>> slate.items.tolist(), slate.propensities.round(3).tolist()
    ([5, 7], [0.975, 0.025])
    >>> policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=1, reward=1.0))
    0.5
    >>> policy.draw(0, lists, np.array([0.5, 0.5])).items.tolist()
    [7, 5]
    """

    name = "sarsa"

    def slate_error(self, outcome: Outcome) -> float:
        """``u_t``, bootstrapped on the slate drawn next."""
        return sarsa_error(self, outcome)
