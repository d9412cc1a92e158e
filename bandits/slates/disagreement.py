"""The safe default: leave the ranking only where a source has proved better in disagreement with it.

A plain table of values credits a source for the good items that the ranking offers too, although a choice
arises only where their offered_ranks differ; beside a strong ranking that cost 5 % in simulation. Here a source
is credited only where it disagrees with the ranking, shown only where it is credibly better, and
explored only where it may be. At a slot, among the live sources whose head differs from source 0's:

1. m, v: believed mean and variance of (source - ranking) in the cell (state, source, its rank bucket,
   the ranking's rank bucket).
2. Choose the largest m - z sqrt(v) if it is above 0, else the ranking.
3. Every other source is drawn with probability epsilon / (sources - 1) if m + zx sqrt(v) >= 0, else with
   epsilon_floor / (sources - 1); a ranking not chosen with epsilon / (sources - 1); the choice gets the
   rest. Sources that agree with the ranking need no probability of their own.

A dry ranking leaves the choice to 2. without the zero, and nothing to compare: no credit.

What is credited is the slot's reward, or with a discount u_t of ``bandits.slates.table``: then the difference
is that of two action values, q(s, source) - q(s, ranking), and SARSA or Q-learning says what comes next.
Prior beliefs are multiples of the mean reward of an examined slot (``bandits.slates.reward_scale``). Before the first
reward there is no unit, no belief and no choice but the ranking; every source may be better.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import NO_CONSTRAINTS, Constraints, Outcome, Slate
from bandits.schedules import Schedule
from bandits.slates.constraints import check_terms, due_pin, place_pin, seek_fitting_heads, unavailable
from bandits.slates.fill import (
    BUCKETS,
    check_heads,
    check_lists,
    empty_slate,
    first_slots,
    item_propensity,
    place,
    rank_bucket,
    read_heads,
    seek_heads,
    shown_probability,
)
from bandits.slates.matched_sums import SIDES, Table, believed_difference, credit_disagreement
from bandits.slates.q_learning import q_learning_error
from bandits.slates.reward_scale import RewardScale
from bandits.slates.sarsa import sarsa_error
from bandits.slates.table import SlateTable

Triple = tuple[float, float, float]
Pair = tuple[float, float]


@register_jitable
def no_bounds(sources: int) -> NDArray[np.float64]:
    """Room for the bounds of every cell, worked out once a slate: buckets rarely change."""
    return np.full((sources, BUCKETS, BUCKETS, 2), np.nan)


@register_jitable
def work_out(
    bounds: NDArray[np.float64], cell: NDArray[np.float64], pooled: NDArray[np.float64], prior: Triple, confidence: Pair
) -> None:
    """Write ``m - z sqrt(v)`` and ``m + zx sqrt(v)`` of one cell into its ``bounds`` ``[2]``."""
    mean, variance = believed_difference(cell, pooled, prior)
    spread = math.sqrt(variance)
    bounds[0] = mean - confidence[0] * spread
    bounds[1] = mean + confidence[1] * spread


@register_jitable
def disagreement_pmf(
    lists: NDArray[np.int32],
    cursor: NDArray[np.int64],
    bounds: NDArray[np.float64],
    cells: Table,
    pooled: Table,
    prior: Triple,
    confidence: Pair,
    exploration: Pair,
    pmf: NDArray[np.float64],
) -> None:
    """Write the probability of every source at one slot; ``confidence`` is (z, zx), ``exploration`` both epsilons."""
    sources, depth = lists.shape
    share = 1.0 / max(sources - 1, 1)
    pmf[:] = 0.0
    ranking_live = cursor[0] < depth
    b_0 = rank_bucket(cursor[0]) if ranking_live else BUCKETS - 1
    choice, best = (0, 0.0) if ranking_live else (-1, -math.inf)
    if ranking_live:
        pmf[0] = exploration[0] * share
    for a in range(1, sources):
        if cursor[a] >= depth or (ranking_live and lists[a, cursor[a]] == lists[0, cursor[0]]):
            continue
        b = rank_bucket(cursor[a])
        if np.isnan(bounds[a, b, b_0, 0]):
            work_out(bounds[a, b, b_0], cells[a, b, b_0], pooled[a, b, b_0], prior, confidence)
        pmf[a] = share * (exploration[0] if bounds[a, b, b_0, 1] >= 0.0 else exploration[1])
        if bounds[a, b, b_0, 0] > best:
            choice, best = a, bounds[a, b, b_0, 0]
    pmf[choice] = 0.0
    pmf[choice] = max(0.0, 1.0 - pmf.sum())


@njit(cache=True)
def draw_disagreement(
    lists: NDArray[np.int32],
    cells: Table,
    pooled: Table,
    prior: Triple,
    confidence: Pair,
    exploration: Pair,
    uniforms: NDArray[np.float64],
    constraints: Constraints,
) -> Slate:
    """Fill one slot per uniform number until all sources are dry."""
    sources = lists.shape[0]
    check_lists(lists, cells.shape[0])
    free = check_terms(lists, constraints)
    slate = empty_slate(uniforms.size, sources)
    cursor, used, bounds, pmf = (
        np.zeros(sources, np.int64),
        constraints.used.copy(),
        no_bounds(sources),
        np.empty(sources),
    )
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
            disagreement_pmf(lists, cursor, bounds, cells, pooled, prior, confidence, exploration, pmf)
            place(slate, n, lists, cursor, pmf, uniforms[n])
        else:
            break
        n += 1
    return first_slots(slate, n)


@njit(cache=True)
def disagreement_propensities(
    lists: NDArray[np.int32],
    cells: Table,
    pooled: Table,
    prior: Triple,
    confidence: Pair,
    exploration: Pair,
    items: NDArray[np.int32],
    constraints: Constraints,
) -> NDArray[np.float64]:
    """Probability of each item of a given slate given the items above it."""
    check_lists(lists, cells.shape[0])
    free = check_terms(lists, constraints)
    sources = lists.shape[0]
    cursor, used, bounds, pmf = (
        np.zeros(sources, np.int64),
        constraints.used.copy(),
        no_bounds(sources),
        np.empty(sources),
    )
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
            disagreement_pmf(lists, cursor, bounds, cells, pooled, prior, confidence, exploration, pmf)
            result[j] = item_propensity(lists, cursor, pmf, items[j])
    return result


@njit(cache=True)
def recorded_disagreement(
    lists: NDArray[np.int32],
    cells: Table,
    pooled: Table,
    prior: Triple,
    confidence: Pair,
    exploration: Pair,
    offered_ranks: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """Probability of each item of a slate given the items above it, from the recorded offered_ranks."""
    check_lists(lists, cells.shape[0])
    cursor, bounds, pmf = np.zeros(lists.shape[0], np.int64), no_bounds(lists.shape[0]), np.empty(lists.shape[0])
    result = np.ones(offered_ranks.shape[0])
    for j in range(offered_ranks.shape[0]):
        if read_heads(offered_ranks[j], cursor, lists.shape[1]) > 0:
            disagreement_pmf(lists, cursor, bounds, cells, pooled, prior, confidence, exploration, pmf)
            result[j] = shown_probability(offered_ranks[j], pmf)
    return result


BOOTSTRAPS: dict[str, Callable[[SlateTable, Outcome], float]] = {
    "q_learning": q_learning_error,
    "sarsa": sarsa_error,
}


class Disagreement(SlateTable):
    """Credit, show and explore a source only where it disagrees with the ranking.

    Parameters
    ----------
    sources, slots, states
        Size: sources of a slate (0 is the blended ranking), its slots, states.
    bootstrap
        What the next state is worth when ``discount_t`` is above 0: the slate drawn there (``sarsa``) or the
        best that can be filled (``q_learning``). Without a discount the two are one.
    epsilon
        Exploration rate in [0, 1], or a schedule over the number of outcomes learned.
    epsilon_floor
        The rate for sources that are credibly worse, in [0, epsilon].
    smallest_step
        Least step size of the table that values what comes next, in (0, 1].
    z
        Standard deviations by which a source must be better to be chosen.
    zx
        Standard deviations by which it may be better to be explored.
    t0
        Standard deviation of the pooled differences around zero, in mean rewards of an examined slot.
    ts
        Standard deviation of a state's differences around the pooled one, in the same unit.
    doubt
        Examined slots of the mean squared reward that are added to the squared errors of the source's side.
    cap, cap_pooled
        Examined slots that a cell remembers, of a state and pooled.
    learn_examination
        Estimate the examination of the slots online; otherwise ``(j + 1) ** -0.5`` for ever.

    Examples
    --------
    >>> policy = Disagreement(sources=2, slots=2, states=1, epsilon=0.05)
    >>> lists = np.array([[5, 6], [5, 8]], np.int32)
    >>> slate = policy.draw(0, lists, np.array([0.5, 0.96]))
    >>> slate.items.tolist(), slate.probabilities.round(2).tolist()
    ([5, 8], [[1.0, 0.0], [0.95, 0.05]])
    >>> policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=1, reward=1.0))
    1.0
    """

    name = "disagreement"

    def __init__(
        self,
        *,
        sources: int,
        slots: int,
        states: int = 12,
        bootstrap: Literal["q_learning", "sarsa"] = "sarsa",
        epsilon: float | Schedule = 0.02,
        epsilon_floor: float = 0.005,
        smallest_step: float = 0.01,
        z: float = 0.5,
        zx: float = 1.0,
        t0: float = 1.0,
        ts: float = 0.5,
        doubt: float = 1.0,
        cap: float = 100.0,
        cap_pooled: float = 1000.0,
        learn_examination: bool = True,
    ) -> None:
        super().__init__(
            sources=sources,
            slots=slots,
            states=states,
            epsilon=epsilon,
            smallest_step=smallest_step,
            learn_examination=learn_examination,
        )
        if bootstrap not in BOOTSTRAPS:
            raise ValueError(
                f"policy {self.name!r}: bootstrap must be one of {', '.join(BOOTSTRAPS)}; got {bootstrap!r}"
            )
        self._bootstrap = bootstrap
        self._epsilon_floor = epsilon_floor
        self._confidence = (z, zx)
        self._relative_prior = (t0, ts, doubt)
        self._caps = (cap, cap_pooled)
        self._cells = np.zeros((states, sources, BUCKETS, BUCKETS, SIDES, 3))
        self._pooled = np.zeros(self._cells.shape[1:])
        self._scale = RewardScale()
        self._prior: Triple = (0.0, 0.0, 0.0)  # in units of reward, of which nothing is known yet

    def _exploration(self) -> Pair:
        epsilon = self.epsilon
        return epsilon, min(epsilon, self._epsilon_floor)

    def _state_prior(self) -> None:
        """State the prior beliefs in units of reward."""
        t0, ts, doubt = self._relative_prior
        mean, mean_square = self._scale.moments()
        self._prior = (t0 * mean, ts * mean, doubt * mean_square)

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` in [0, 1) from ``lists`` ``[sources, depth]``."""
        return draw_disagreement(
            lists,
            self._cells[state],
            self._pooled,
            self._prior,
            self._confidence,
            self._exploration(),
            uniforms,
            constraints,
        )

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> NDArray[np.float64]:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        return disagreement_propensities(
            lists,
            self._cells[state],
            self._pooled,
            self._prior,
            self._confidence,
            self._exploration(),
            items,
            constraints,
        )

    def recorded_propensities(
        self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """The same of a slate on record, from its offered_ranks ``[n, sources]``: no constraints need be known."""
        check_heads(offered_ranks, offered_ranks[:, 0], offered_ranks.shape[0], self.sources)
        return recorded_disagreement(
            lists, self._cells[state], self._pooled, self._prior, self._confidence, self._exploration(), offered_ranks
        )

    def slate_error(self, outcome: Outcome) -> float:
        """``u_t``, bootstrapped as SARSA or Q-learning does."""
        return BOOTSTRAPS[self._bootstrap](self, outcome)

    def credit(self, outcome: Outcome, u_t: float) -> float:
        """Move the table, and credit the disagreements; return their mean error, in units of reward."""
        theta = self.examination.theta
        error = credit_disagreement(
            self._cells[outcome.state_tm1],
            self._pooled,
            theta,
            outcome.offered_ranks,
            outcome.sources,
            outcome.hit,
            u_t,
            self._caps,
            self._scale.moments()[0],
        )
        self._scale.learn_one(theta, outcome.sources, outcome.hit, u_t)
        self._state_prior()
        super().credit(outcome, u_t)
        return error

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        return {"cells": self._cells, "pooled": self._pooled, **self._scale.state(), **super().state()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over the arrays of a snapshot made by ``state``."""
        super().restore(saved)
        self._state_prior()
