"""Watkins's Q(lambda): Q-learning whose errors also move what led there, back to the last exploratory action."""

from bandits.control.q_learning import QLearning


class WatkinsQ(QLearning):
    r"""Q-learning with traces (Watkins 1989; Sutton and Barto, section 12.10).

    Moves what the trail holds as SARSA(lambda) does. The trail must end at the last action that was not greedy, since
    what came before it says nothing of the greedy policy: `extended` with `cut`.

    Examples
    --------
    >>> from bandits.control import Step, Table, Transition
    >>> agent = WatkinsQ(Table(2, 1), step_size=0.5)
    >>> agent.learn_one(Transition(1, 0, 1.0, 0.0, 0, trail=(Step(0, 0, 0.5),))), agent.values.q.tolist()
    (1.0, [[0.25], [0.5]])
    """

    name = "watkins_q"
    traces = True
