"""Temporal-difference control where one action is taken at a time, over a table or over features.

An agent gives a probability to every action, the caller draws, and what an update needs comes back in one `Transition`:
both states, both actions, the probabilities that the next one was drawn with, and the trail of what led there. So
feedback may come late, in any order, twice or never; an agent keeps nothing about steps without feedback.
"""

from bandits.control.agent import Agent
from bandits.control.double_q_learning import DoubleQLearning
from bandits.control.expected_sarsa import ExpectedSarsa
from bandits.control.q_learning import QLearning
from bandits.control.sarsa import Sarsa
from bandits.control.sarsa_lambda import SarsaLambda
from bandits.control.transition import Step, Transition, extended
from bandits.control.values import Linear, Table, Values
from bandits.control.watkins import WatkinsQ

AGENTS = (DoubleQLearning, ExpectedSarsa, QLearning, Sarsa, SarsaLambda, WatkinsQ)

__all__ = [
    "AGENTS",
    "Agent",
    "DoubleQLearning",
    "ExpectedSarsa",
    "Linear",
    "QLearning",
    "Sarsa",
    "SarsaLambda",
    "Step",
    "Table",
    "Transition",
    "Values",
    "WatkinsQ",
    "extended",
]
