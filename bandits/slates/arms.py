"""Bandits of `bandits.arms` as policies for slates: one bandit a state, whose arms are the sources.

At every slot the bandit's probabilities are shared among the live sources, so propensities are as exact as the
bandit's own. Every slot is a play: the source drawn gets the reward if its slot was the hit, else 0. Exp3 weighs by the
propensity at the time of learning, since outcomes carry none. Ranks and examination are ignored: these are the base
lines of `disagreement`, `sarsa` and `q_learning`.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.arms import UCB, Arms, EpsilonGreedy, Exp3, GaussianThompson, Pull, Softmax
from bandits.base import EXHAUSTED, NO_CONSTRAINTS, PINNED, Constraints, Outcome, Slate, restore_arrays
from bandits.slates.offers import check_record
from bandits.slates.walk import compiled

Floats = NDArray[np.float64]


class Chances(NamedTuple):
    """What the bandit of one state plays."""

    of_sources: Floats  # [sources], probability of each


@register_jitable
def live_chances(chances: Chances, lists: NDArray[np.int32], cursor: NDArray[np.int64], pmf: Floats) -> None:
    """Share the probability among the sources that are not exhausted."""
    depth = lists.shape[1]
    for a in range(pmf.size):
        pmf[a] = chances.of_sources[a] if cursor[a] < depth else 0.0
    total = pmf.sum()
    for a in range(pmf.size):
        if total > 0.0:
            pmf[a] /= total
        elif cursor[a] < depth:
            pmf[a] = 1.0 / (cursor < depth).sum()


_draw_free, _draw, _propensities, _recorded = compiled(live_chances)


class SlateBandit:
    """Base of all: a bandit over the sources for every state.

    Parameters
    ----------
    sources, slots, n_states
        Size: sources of a slate (0 is the blended ranking), its slots, states.
    floor
        Probability that is shared evenly among all sources, in [0, 1].

    Examples
    --------
    >>> policy = SlateUCB(sources=2, slots=2, n_states=1, floor=0.1)
    >>> slate = policy.draw(0, np.array([[5, 6], [7, 8]], np.int32), np.full(2, 0.5))
    >>> slate.items.tolist(), slate.propensities.round(2).tolist()
    ([5, 6], [0.95, 0.95])
    >>> policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=-1, reward=0.0))
    0.0
    """

    name: ClassVar[str]
    make: ClassVar[Callable[..., Arms]]

    def __init__(self, *, sources: int, slots: int, n_states: int = 12, floor: float = 0.05) -> None:
        self.sources, self.slots, self.n_states = sources, slots, n_states
        self.epsilon = floor
        self._bandits = [type(self).make(sources, floor=floor) for _ in range(n_states)]
        self._chances: list[Floats | None] = [None] * n_states  # None: to be worked out after learning

    def _of(self, state: int) -> Floats:
        chances = self._chances[state]
        if chances is None:
            chances = self._chances[state] = np.ascontiguousarray(self._bandits[state].pmf())
        return chances

    def draw(
        self, state: int, lists: NDArray[np.int32], uniforms: Floats, constraints: Constraints = NO_CONSTRAINTS
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` in [0, 1) from ``lists`` ``[sources, depth]``."""
        return _draw(Chances(self._of(state)), lists, uniforms, constraints)

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> Floats:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        return _propensities(Chances(self._of(state)), lists, items, constraints)

    def recorded_propensities(self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]) -> Floats:
        """The same for a slate on record, from its ``offered_ranks [n, sources]``; constraints are not needed."""
        return _recorded(Chances(self._of(state)), lists, offered_ranks)

    def learn_one(self, outcome: Outcome) -> float:
        """Learn every slot as a play; return the mean error of the expected rewards, in units of reward."""
        check_record(outcome.offered_ranks, outcome.sources, self.slots, self.sources)
        bandit, errors = self._bandits[outcome.state_tm1], []
        means, chances = bandit.means(), self._of(outcome.state_tm1)
        for slot, source in enumerate(outcome.sources.tolist()):
            if source == PINNED:
                continue
            live = outcome.offered_ranks[slot] != EXHAUSTED
            reward = outcome.reward if slot == outcome.hit else 0.0
            bandit.learn_one(Pull(source, reward, float(chances[source] / chances[live].sum())))
            errors.append(reward - means[source])
        self._chances[outcome.state_tm1] = None
        return float(np.mean(errors)) if errors else 0.0

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        return {
            f"{key} of state {n}": array
            for n, bandit in enumerate(self._bandits)
            for key, array in bandit.state().items()
        }

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over the arrays of a snapshot made by ``state``."""
        restore_arrays(self.state(), saved)
        self._chances = [None] * self.n_states


class SlateEpsilonGreedy(SlateBandit):
    """The source of the highest mean reward a slot."""

    name, make = "epsilon_greedy", EpsilonGreedy


class SlateExp3(SlateBandit):
    """Exp3 over the sources."""

    name, make = "exp3", Exp3


class SlateSoftmax(SlateBandit):
    """Sources by the exponential of their mean reward a slot."""

    name, make = "softmax", Softmax


class SlateThompson(SlateBandit):
    """Sources by the probability that they are best."""

    name, make = "thompson", GaussianThompson


class SlateUCB(SlateBandit):
    """The source of the highest upper confidence bound."""

    name, make = "ucb", UCB
