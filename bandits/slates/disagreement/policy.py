"""Credit, show and explore a source only where it disagrees with the ranking.

The credit is the slot's reward, or with a discount u_t of ``bandits.slates.table``: then the difference is that of two
action values, q(s, source) - q(s, ranking), and SARSA or Q-learning values the next state. An exhausted ranking leaves
nothing to compare: no credit. Before the first reward there is no unit of reward, so no belief: the ranking is chosen,
and every source may be better.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import NO_CONSTRAINTS, Constraints, Outcome, Slate
from bandits.handle import Handle
from bandits.schedules import Schedule
from bandits.slates.disagreement.choice import (
    Differences,
    Prior,
    Tuning,
    disagreement_propensities,
    draw_disagreement,
    draw_freely,
    no_bounds,
    recorded_disagreement,
)
from bandits.slates.disagreement.matched_sums import SIDES, Sums, credit_disagreement
from bandits.slates.disagreement.reward_scale import RewardScale, count_reward
from bandits.slates.offers import BUCKETS
from bandits.slates.q_learning import q_learning_error
from bandits.slates.queue import Waiting, settled_of
from bandits.slates.sarsa import sarsa_error
from bandits.slates.table import SlateTable, Values, credit_of, credit_outcome

BOOTSTRAPS: dict[str, Callable[[SlateTable, Outcome], float]] = {
    "q_learning": q_learning_error,
    "sarsa": sarsa_error,
}


class _Disagreed(NamedTuple):
    """All that is learned, and from what, for compiled code."""

    cells: NDArray[np.float64]  # [states, sources, 4, 4, 2, 3]
    pooled: NDArray[np.float64]  # [sources, 4, 4, 2, 3]
    caps: tuple[float, float]  # see `Sums`
    scale: NDArray[np.float64]  # [3] see `count_reward`
    values: Values
    waiting: Waiting


class _Beliefs(NamedTuple):
    """All that a slate is drawn by, for compiled code."""

    cells: NDArray[np.float64]  # as in `_Disagreed`
    pooled: NDArray[np.float64]
    scale: NDArray[np.float64]
    prior: Prior  # of rewards whose mean and mean square are 1
    confidence: tuple[float, float]  # see `Differences`


class Drawing(NamedTuple):
    """What compiled code draws a slate by, see `draw_by`."""

    held: Any  # the beliefs, behind a handle
    epsilon: float  # exploration rate of now, in [0, 1]
    floor: float  # of sources that are credibly worse, in [0, epsilon]


@njit(cache=True)
def draw_by(
    held: Any, epsilon: float, floor: float, state: int, lists: NDArray[np.int32], uniforms: NDArray[np.float64]
) -> Slate:
    """Draw a slate without constraints by the beliefs of `Disagreement.drawing`; compiled code calls it too."""
    cells, pooled, scale, prior, confidence = held.it
    if not 0 <= state < len(cells):
        raise IndexError("policy 'disagreement': state must be in [0, n_states)")
    mean = mean_square = 0.0
    if scale[2] > 0.0:
        mean, mean_square = scale[0] / scale[2], scale[1] / scale[2]
    bounds = np.full((cells.shape[1], BUCKETS, BUCKETS, 2), np.nan)
    differences = Differences(
        cells[state], pooled, (prior[0] * mean, prior[1] * mean, prior[2] * mean_square), confidence,
        (epsilon, floor), bounds,
    )  # fmt: skip
    return draw_freely(differences, lists, uniforms)


@njit(cache=True)
def _learn(held: Any, start: int, count: int) -> None:
    cells, pooled, caps, scale, values, waiting = held.it
    for n in range(start, count):
        state = waiting.states[n]
        settled = settled_of(waiting, n, values.examined.theta, credit_of(values, waiting, n))
        prior_value = scale[0] / scale[2] if scale[2] > 0.0 else 0.0
        waiting.errors[n] = credit_disagreement(Sums(cells[state], pooled, caps, prior_value), settled)
        count_reward(scale, settled.theta, settled.sources, settled.hit, settled.u_t)
        credit_outcome(values, state, settled)


class Disagreement(SlateTable):
    """The safe default: it leaves the ranking only for a source that is credibly better.

    Parameters
    ----------
    sources, slots, n_states
        Size: sources of a slate (0 is the blended ranking), its slots, states.
    bootstrap
        What the next state is worth when ``discount_t`` is above 0: the slate drawn there (``sarsa``) or the
        best that can be filled (``q_learning``). Without a discount the two are one.
    epsilon
        Exploration rate in [0, 1], or a schedule over the number of outcomes learned.
    smallest_step
        Least step size of the table that values what comes next, in (0, 1].
    learn_examination
        Estimate the examination of the slots online; otherwise it stays at ``(j + 1) ** -0.5``.
    tuning
        How cautious the choice is. ``make_policy`` takes its fields as options.

    Examples
    --------
    >>> policy = Disagreement(sources=2, slots=2, n_states=1, epsilon=0.05)
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
        n_states: int = 12,
        bootstrap: Literal["q_learning", "sarsa"] = "sarsa",
        epsilon: float | Schedule = 0.02,
        smallest_step: float = 0.01,
        learn_examination: bool = True,
        tuning: Tuning = Tuning(),  # noqa: B008  frozen
    ) -> None:
        super().__init__(
            sources=sources,
            slots=slots,
            n_states=n_states,
            epsilon=epsilon,
            smallest_step=smallest_step,
            learn_examination=learn_examination,
        )
        if bootstrap not in BOOTSTRAPS:
            raise ValueError(
                f"policy {self.name!r}: bootstrap must be one of {', '.join(BOOTSTRAPS)}; got {bootstrap!r}"
            )
        self._bootstrap = bootstrap
        self._tuning = tuning
        self._cells = np.zeros((n_states, sources, BUCKETS, BUCKETS, SIDES, 3))
        self._pooled = np.zeros(self._cells.shape[1:])
        self._scale = RewardScale()
        self._disagreed = _Disagreed(
            self._cells, self._pooled, (tuning.cap, tuning.cap_pooled), self._scale.sums, self.values,
            self._queue.waiting,
        )  # fmt: skip
        self._beliefs = _Beliefs(
            self._cells, self._pooled, self._scale.sums, (tuning.t0, tuning.ts, tuning.doubt), (tuning.z, tuning.zx),
        )  # fmt: skip
        self._drawing = Handle()

    def _differences(self, state: int) -> Differences:
        tuning, epsilon, (mean, mean_square) = self._tuning, self.epsilon, self._scale.moments()
        prior = tuning.t0 * mean, tuning.ts * mean, tuning.doubt * mean_square  # in units of reward
        return Differences(
            self._cells[state], self._pooled, prior, (tuning.z, tuning.zx),
            (epsilon, min(epsilon, tuning.epsilon_floor)), no_bounds(self.sources),
        )  # fmt: skip

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` in [0, 1) from ``lists`` ``[sources, depth]``."""
        if constraints is not NO_CONSTRAINTS:
            return draw_disagreement(self._differences(state), lists, uniforms, constraints)
        slate: Slate = draw_by(*self.drawing(), state, lists, uniforms)
        return slate

    def drawing(self) -> Drawing:
        """What a slate is drawn by now."""
        epsilon = self.epsilon
        return Drawing(self._drawing.of(self._beliefs), epsilon, min(epsilon, self._tuning.epsilon_floor))

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> NDArray[np.float64]:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        return disagreement_propensities(self._differences(state), lists, items, constraints)

    def recorded_propensities(
        self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """The same for a slate on record, from its ``offered_ranks [n, sources]``; constraints are not needed."""
        return recorded_disagreement(self._differences(state), lists, offered_ranks)

    def slate_error(self, outcome: Outcome) -> float:
        """``u_t``, bootstrapped as SARSA or Q-learning does."""
        return BOOTSTRAPS[self._bootstrap](self, outcome)

    def _learn(self, start: int, count: int) -> None:
        """Credit the disagreements of some of the queue, and move the table; the errors are those of the former."""
        if self._learning is None or self._learning.waiting is not self._queue.waiting:
            self._learning = self._disagreed._replace(waiting=self._queue.waiting)
        _learn(self._handle.of(self._learning), start, count)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        return {"cells": self._cells, "pooled": self._pooled, **self._scale.state(), **super().state()}
