"""SARSA(lambda): an error also moves what led there (Sutton and Barto, section 12.7)."""

from bandits.control.sarsa import Sarsa


class SarsaLambda(Sarsa):
    r"""SARSA with accumulating traces, which come as the transition's trail.

    $$q(s, a) \mathrel{+}= \alpha \delta_t e_t(s, a), \quad e_t = \gamma_{t-1} \lambda e_{t-1} + [s_{t-1}, a_{t-1}]$$
    The trail holds the entries of e that are left of earlier steps (see `extended`), at most twenty. Without a trail
    it is SARSA.

    Examples
    --------
    >>> from bandits.control import Step, Table, Transition
    >>> agent = SarsaLambda(Table(2, 1), step_size=0.5)
    >>> agent.learn_one(Transition(1, 0, 1.0, 0.0, 0, trail=(Step(0, 0, 0.9),))), agent.values.q.tolist()
    (1.0, [[0.45], [0.5]])
    """

    name = "sarsa_lambda"
    traces = True
