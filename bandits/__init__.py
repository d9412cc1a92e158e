"""Which source fills each slot of a slate.

Several sources propose items, each in its own order: the blended ranking, what users like this one
took, what is trending. A policy decides slot by slot from which list the next item comes. It learns that
from what users do, so it must now and then show what it does not believe in, and it must know with which
probability it showed each item: only then can another policy be judged from the same log, and only then
does silence teach as much as a click.

A decision goes round in one loop. ``draw`` turns the value of each source into a probability for every
source at every slot (``explore``), draws the slate (``slate``) and hands the propensities out with it.
Later the ``Outcome`` comes back: the hit slot, the reward and, for those who look ahead, the next slate.
``learn_one`` spreads the reward over the slots by how likely each was examined (``examination``) and
moves the values by a temporal-difference error (``td``). ``QLearning`` and ``Sarsa`` differ in what they
think the next state is worth. ``Disagreement``, the default, asks either of them; it credits a source only
where it disagrees with the ranking, and doubts in units of what rewards are worth here (``reward_scale``).
``Ranked`` always shows the ranking and is what the others are measured against. Caps and pins are part of
every draw (``constraints``).

Nothing here reads a clock, draws a random number or does I/O. Uniform numbers come from the caller.
"""

from bandits.base import EXHAUSTED, NO_CONSTRAINTS, OTHER, PINNED, Constraints, Outcome, Policy, Slate
from bandits.checks import yield_checks
from bandits.explore import draw, epsilon_greedy
from bandits.registry import POLICIES, make_policy, policy_names, policy_parameters
from bandits.schedules import Constant, ExponentialDecay, PowerDecay, Schedule
from bandits.slates.disagreement import Disagreement
from bandits.slates.examination import Examination, prior_theta
from bandits.slates.fill import draw_slate, greedy_fill, rank_bucket, slate_propensities
from bandits.slates.q_learning import QLearning
from bandits.slates.ranked import Ranked
from bandits.slates.sarsa import Sarsa
from bandits.slates.states import STATES, session_state

__all__ = [
    "EXHAUSTED",
    "NO_CONSTRAINTS",
    "OTHER",
    "PINNED",
    "POLICIES",
    "STATES",
    "Constant",
    "Disagreement",
    "Examination",
    "ExponentialDecay",
    "Outcome",
    "Policy",
    "PowerDecay",
    "QLearning",
    "Ranked",
    "Sarsa",
    "Schedule",
    "Slate",
    "Constraints",
    "draw",
    "draw_slate",
    "epsilon_greedy",
    "greedy_fill",
    "make_policy",
    "policy_names",
    "policy_parameters",
    "prior_theta",
    "rank_bucket",
    "session_state",
    "slate_propensities",
    "yield_checks",
]
