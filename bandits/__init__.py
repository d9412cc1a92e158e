"""Policies that decide which source fills each slot of a slate, and what they are built from and judged by.

Several sources propose items, each in its own order: the blended ranking, what similar users took, what is trending. A
policy decides slot by slot from which list the next item comes, and learns that from what users do. So it must
sometimes show what it does not believe to be best, and it must know with which probability it showed each item: only
then can another policy be judged from the same log.

``draw`` turns the value of each source into a probability for every source at every slot, draws the slate and returns
the propensities with it. Later the ``Outcome`` arrives: the hit slot, the reward and, with a discount, the next slate.
``learn_one`` spreads the reward over the slots by how likely each was examined and moves the values by a
temporal-difference error (``td``).

Rooms, each with its own introduction:

* ``slates``: the policies. ``Disagreement``, the default, credits a source only where it disagrees with the ranking;
  ``QLearning`` and ``Sarsa`` keep a plain table; ``Ranked`` always shows the ranking. Caps and pins are part of every
  draw.
* ``arms``: bandits over single arms, with or without features of the moment.
* ``control``: TD agents that take one action at a time, over a table or features.
* ``ope``: off-policy evaluation, what another policy would have earned on a log.
* ``worlds``: simulated shoppers, in which policies are measured.

At the top are what the rooms share: the interface (``base``), the only draw (``explore``), exploration rates
(``schedules``), TD errors (``td``), intervals that are valid at every look (``always_valid``), the policies by name
(``registry``) and the laws that policies and bandits obey (``checks``, ``arm_checks``; ``python -m bandits``).

Nothing here reads a clock, draws a random number or does I/O: uniform numbers are arguments. Everything that third
parties need is imported from here, see docs/policies.md.
"""

from bandits.arm_checks import yield_arm_checks
from bandits.arms import (
    BANDITS,
    UCB,
    Arms,
    BernoulliThompson,
    EpsilonGreedy,
    Exp3,
    GaussianThompson,
    LinTS,
    LinUCB,
    Pull,
    Softmax,
)
from bandits.base import (
    EXHAUSTED,
    NO_CONSTRAINTS,
    OTHER,
    PINNED,
    Constraints,
    Outcome,
    Policy,
    Queues,
    Slate,
    restore_arrays,
)
from bandits.checks import LawBrokenError, yield_checks
from bandits.control import AGENTS, Agent, Linear, Step, Table, Transition, extended
from bandits.control import DoubleQLearning as DoubleQLearningAgent
from bandits.control import ExpectedSarsa as ExpectedSarsaAgent
from bandits.control import QLearning as QLearningAgent
from bandits.control import Sarsa as SarsaAgent
from bandits.control import SarsaLambda as SarsaLambdaAgent
from bandits.control import WatkinsQ as WatkinsQAgent
from bandits.explore import draw, epsilon_greedy
from bandits.registry import POLICIES, make_policy, policy_names, policy_parameters
from bandits.schedules import Constant, ExponentialDecay, PowerDecay, Schedule
from bandits.slates.disagreement import Disagreement, Tuning
from bandits.slates.examination import Examination, prior_theta
from bandits.slates.fill import draw_slate, greedy_fill, recorded_propensities, slate_propensities
from bandits.slates.offers import rank_bucket
from bandits.slates.policy import SlatePolicy
from bandits.slates.q_learning import QLearning
from bandits.slates.ranked import Ranked
from bandits.slates.sarsa import Sarsa
from bandits.slates.states import STATES, session_state
from bandits.slates.table import SlateTable

__all__ = [
    "AGENTS",
    "BANDITS",
    "EXHAUSTED",
    "NO_CONSTRAINTS",
    "OTHER",
    "PINNED",
    "POLICIES",
    "STATES",
    "UCB",
    "Agent",
    "Arms",
    "BernoulliThompson",
    "Constant",
    "Constraints",
    "Disagreement",
    "DoubleQLearningAgent",
    "EpsilonGreedy",
    "Examination",
    "Exp3",
    "ExpectedSarsaAgent",
    "ExponentialDecay",
    "GaussianThompson",
    "LawBrokenError",
    "LinTS",
    "LinUCB",
    "Linear",
    "Outcome",
    "Policy",
    "PowerDecay",
    "Pull",
    "QLearning",
    "QLearningAgent",
    "Queues",
    "Ranked",
    "Sarsa",
    "SarsaAgent",
    "SarsaLambdaAgent",
    "Schedule",
    "Slate",
    "SlatePolicy",
    "SlateTable",
    "Softmax",
    "Step",
    "Table",
    "Transition",
    "Tuning",
    "WatkinsQAgent",
    "draw",
    "draw_slate",
    "epsilon_greedy",
    "extended",
    "greedy_fill",
    "make_policy",
    "policy_names",
    "policy_parameters",
    "prior_theta",
    "rank_bucket",
    "recorded_propensities",
    "restore_arrays",
    "session_state",
    "slate_propensities",
    "yield_arm_checks",
    "yield_checks",
]
