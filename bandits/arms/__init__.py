"""Bandits: one of several arms is played, once or again and again, with or without features of the moment.

All have one interface. `pmf` gives every arm a probability, exact or with a stated error; the caller draws; the arm,
its reward and the probability it was drawn with come back in a `Pull`. A `floor` is shared evenly among all arms, so
that other policies can be judged from the log.
"""

from bandits.arms.base import Arms, Pull
from bandits.arms.epsilon_greedy import EpsilonGreedy
from bandits.arms.exp3 import Exp3
from bandits.arms.gaussian import best_of_normals
from bandits.arms.lin_ts import LinTS
from bandits.arms.lin_ucb import LinUCB
from bandits.arms.softmax import Softmax
from bandits.arms.thompson import BernoulliThompson, GaussianThompson
from bandits.arms.ucb import UCB

BANDITS: dict[str, type[Arms]] = {
    kind.name: kind for kind in (BernoulliThompson, EpsilonGreedy, Exp3, GaussianThompson, LinTS, LinUCB, Softmax, UCB)
}

__all__ = [
    "BANDITS",
    "UCB",
    "Arms",
    "BernoulliThompson",
    "EpsilonGreedy",
    "Exp3",
    "GaussianThompson",
    "LinTS",
    "LinUCB",
    "Pull",
    "Softmax",
    "best_of_normals",
]
