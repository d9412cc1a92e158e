"""Bandits of `bandits.arms` as policies for slates: one bandit a state, whose arms are the sources.

At every slot the bandit's probabilities are shared among the sources that have something left, so propensities are
exact in as far as the bandit's own are. Every slot is a play: the source drawn gets the reward if its slot was the hit,
else 0; what weighs by propensity (Exp3) takes that of now, since outcomes carry none. Nothing is known of ranks or of
examination: these are the base lines of `disagreement`, `sarsa` and `q_learning`, in closed loop too.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.arms import UCB, Arms, EpsilonGreedy, Exp3, GaussianThompson, Pull, Softmax
from bandits.base import EXHAUSTED, NO_CONSTRAINTS, PINNED, Constraints, Outcome, Slate, restore_arrays
from bandits.slates.constraints import check_terms, due_pin, place_pin, seek_fitting_heads, unavailable
from bandits.slates.fill import (
    check_heads,
    check_lists,
    empty_slate,
    first_slots,
    item_propensity,
    place,
    read_heads,
    seek_heads,
    shown_probability,
)

Floats = NDArray[np.float64]


@register_jitable
def among_live(chances: Floats, cursor: NDArray[np.int64], depth: int) -> Floats:
    """The chances of the sources that are not dry, as a distribution."""
    pmf = np.zeros(chances.size)
    for a in range(chances.size):
        pmf[a] = chances[a] if cursor[a] < depth else 0.0
    total = pmf.sum()
    for a in range(chances.size):
        if total > 0.0:
            pmf[a] /= total
        elif cursor[a] < depth:
            pmf[a] = 1.0 / (cursor < depth).sum()
    return pmf


@njit(cache=True)
def draw_by_chance(lists: NDArray[np.int32], chances: Floats, uniforms: Floats, constraints: Constraints) -> Slate:
    """Fill one slot per uniform number, each from a source drawn by its chance, until all are dry.

    Examples
    --------
    >>> lists = np.array([[7, 8, 9], [8, 5, -1]], np.int32)
    >>> slate = draw_by_chance(lists, np.array([0.25, 0.75]), np.full(4, 0.5), NO_CONSTRAINTS)
    >>> slate.items.tolist(), slate.sources.tolist(), slate.propensities.tolist()
    ([8, 5, 7, 9], [1, 1, 0, 0], [0.75, 0.75, 1.0, 1.0])
    """
    sources, depth = lists.shape
    check_lists(lists, chances.size)
    free = check_terms(lists, constraints)
    slate = empty_slate(uniforms.size, sources)
    cursor, used = np.zeros(sources, np.int64), constraints.used.copy()
    gone = unavailable(lists, constraints)
    n = 0
    while n < uniforms.size:
        shown = slate.items[:n]
        live = (
            seek_heads(lists, shown, cursor)
            if free
            else seek_fitting_heads(lists, shown, cursor, constraints, used, gone)
        )
        pin = -1 if free else due_pin(constraints, shown, live)
        if pin >= 0:
            place_pin(slate, n, pin)
        elif live > 0:
            place(slate, n, lists, cursor, among_live(chances, cursor, depth), uniforms[n])
        else:
            break
        n += 1
    return first_slots(slate, n)


@njit(cache=True)
def chance_propensities(
    lists: NDArray[np.int32], chances: Floats, items: NDArray[np.int32], constraints: Constraints
) -> Floats:
    """Probability of each item of a given slate given the items above it."""
    sources, depth = lists.shape
    check_lists(lists, chances.size)
    free = check_terms(lists, constraints)
    cursor, used = np.zeros(sources, np.int64), constraints.used.copy()
    gone = unavailable(lists, constraints)
    result = np.zeros(items.size)
    for j in range(items.size):
        shown = items[:j]
        live = (
            seek_heads(lists, shown, cursor)
            if free
            else seek_fitting_heads(lists, shown, cursor, constraints, used, gone)
        )
        pin = -1 if free else due_pin(constraints, shown, live)
        if pin >= 0:
            result[j] = 1.0 if items[j] == pin else 0.0
        elif live > 0:
            result[j] = item_propensity(lists, cursor, among_live(chances, cursor, depth), items[j])
    return result


@njit(cache=True)
def recorded_chances(chances: Floats, offered_ranks: NDArray[np.uint8], depth: int) -> Floats:
    """Probability of each item of a slate given the items above it, from the recorded offered_ranks."""
    cursor = np.zeros(offered_ranks.shape[1], np.int64)
    result = np.ones(offered_ranks.shape[0])
    for j in range(offered_ranks.shape[0]):
        if read_heads(offered_ranks[j], cursor, depth) > 0:
            result[j] = shown_probability(offered_ranks[j], among_live(chances, cursor, depth))
    return result


class SlateBandit:
    """Base of all: a bandit over the sources for every state.

    Parameters
    ----------
    sources, slots, states
        Size: sources of a slate (0 is the blended ranking), its slots, states.
    floor
        Probability that is shared evenly among all sources, in [0, 1].

    Examples
    --------
    >>> policy = SlateUCB(sources=2, slots=2, states=1, floor=0.1)
    >>> slate = policy.draw(0, np.array([[5, 6], [7, 8]], np.int32), np.full(2, 0.5))
    >>> slate.items.tolist(), slate.propensities.round(2).tolist()
    ([5, 6], [0.95, 0.95])
    >>> policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=-1, reward=0.0))
    0.0
    """

    name: ClassVar[str]
    make: ClassVar[Callable[..., Arms]]

    def __init__(self, *, sources: int, slots: int, states: int = 12, floor: float = 0.05) -> None:
        self.sources, self.slots, self.states = sources, slots, states
        self.epsilon = floor
        self._bandits = [type(self).make(sources, floor=floor) for _ in range(states)]
        self._chances: list[Floats | None] = [None] * states  # until the state learns something new

    def _of(self, state: int) -> Floats:
        chances = self._chances[state]
        if chances is None:
            chances = self._chances[state] = np.ascontiguousarray(self._bandits[state].pmf())
        return chances

    def draw(
        self, state: int, lists: NDArray[np.int32], uniforms: Floats, constraints: Constraints = NO_CONSTRAINTS
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` in [0, 1) from ``lists`` ``[sources, depth]``."""
        return draw_by_chance(lists, self._of(state), uniforms, constraints)

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> Floats:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        return chance_propensities(lists, self._of(state), items, constraints)

    def recorded_propensities(self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]) -> Floats:
        """The same of a slate on record, from its offered_ranks ``[n, sources]``: no constraints need be known."""
        check_heads(offered_ranks, offered_ranks[:, 0], offered_ranks.shape[0], self.sources)
        return recorded_chances(self._of(state), offered_ranks, lists.shape[1])

    def learn_one(self, outcome: Outcome) -> float:
        """Take every slot as a play; return the mean error of what was expected, in units of reward."""
        check_heads(outcome.offered_ranks, outcome.sources, self.slots, self.sources)
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
        self._chances = [None] * self.states


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
