"""The table of slate TD control: a value for every state, source and rank bucket of the source's offer.

SlateQ with the slate that gets no hit as an outcome of its own. With examination weights theta, drawn
sources a_j, their buckets b_j and hit slot h:

    V(s)    = B(s) + sum_j theta_j q(s, a_j, b_j)
    u_t     = r_t + discount_t * V(s_t) - B(s_tm1)
    delta_j = 1[j = h] * u_t - theta_j * q(s_tm1, a_j, b_j)
    q(s_tm1, a_j, b_j) += alpha * theta_j * delta_j                     for every slot j
    B(s_tm1) += 0.02 * u_t                                              if there was no hit

so q is the value of an examined slot over showing nothing there. Misses count; without them the table
learns the value given a hit. Every source that offered the item shown shares the credit, in its own bucket.
alpha = max(0.01, 1 / (20 + N)), N the sum of theta_j ** 2 of the cell: the floor follows drifting tastes.

References
----------
Ie et al. (2019), SlateQ: a tractable decomposition for reinforcement learning with recommendation sets,
https://arxiv.org/abs/1905.12767
"""

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import NO_CONSTRAINTS, OTHER, Constraints, Outcome, Slate
from bandits.handle import Handle
from bandits.schedules import Schedule
from bandits.slates.examination import Examined, examine
from bandits.slates.fill import draw_slate, greedy_value, recorded_propensities, slate_propensities, slate_value
from bandits.slates.offers import BUCKETS, check_record, rank_bucket
from bandits.slates.policy import SlatePolicy
from bandits.slates.queue import Queue, Settled, Waiting, settled_of
from bandits.td import td_learning

BASELINE_STEP = 0.02  # of B(s), per slate without a hit
PRIOR_EVIDENCE = 20.0  # weight of a cell's first value, in examined slots


class Values(NamedTuple):
    """All that a table learns, for compiled code."""

    q: NDArray[np.float64]  # [states, sources, 4]
    evidence: NDArray[np.float64]  # [states, sources, 4]
    baseline: NDArray[np.float64]  # [states]
    steps: NDArray[np.int64]  # [1], outcomes learned
    smallest_step: float
    examined: Examined


class _Learning(NamedTuple):
    """A table and what it is to learn, for compiled code."""

    values: Values
    waiting: Waiting


@njit(cache=True)
def _learn(held: Any, start: int, count: int) -> None:
    values, waiting = held.it
    for n in range(start, count):
        settled = settled_of(waiting, n, values.examined.theta, credit_of(values, waiting, n))
        waiting.errors[n] = credit_outcome(values, waiting.states[n], settled)


@njit(cache=True)
def credit_of(values: Values, waiting: Waiting, n: int) -> float:
    """Return ``u_t`` of the n-th slate; without a discount it is what its reward exceeds the baseline by."""
    if not np.isnan(waiting.credits[n]):
        return float(waiting.credits[n])
    return td_learning(values.baseline[waiting.states[n]], waiting.rewards[n], 0.0, 0.0)


@njit(cache=True)
def credit_outcome(values: Values, state: int, settled: Settled) -> float:
    """Move the values of the slots, the baseline and the examination; return the mean error of the slots."""
    error = credit_slate(values.q[state], values.evidence[state], settled, values.smallest_step)
    if settled.hit < 0:
        values.baseline[state] += BASELINE_STEP * settled.u_t
    examine(values.examined, settled.hit, settled.offered_ranks, settled.sources)
    values.steps[0] += 1
    return error


@njit(cache=True)
def credit_slate(
    q: NDArray[np.float64], evidence: NDArray[np.float64], settled: Settled, smallest_step: float
) -> float:
    """Give each slot its credit in the state's tables ``[sources, 4]``; return the mean error of the slots."""
    theta, offered_ranks, sources, hit, u_t = settled
    check_record(offered_ranks, sources, theta.size, q.shape[0])
    total = 0.0
    for j in range(sources.size):
        examined = theta[j]
        reward = u_t if j == hit else 0.0
        for a in range(q.shape[0]):
            if offered_ranks[j, a] >= OTHER:
                continue
            b = rank_bucket(offered_ranks[j, a])
            error = td_learning(examined * q[a, b], reward, 0.0, 0.0)
            step = max(smallest_step, 1.0 / (PRIOR_EVIDENCE + evidence[a, b]))
            q[a, b] += step * examined * error
            evidence[a, b] += examined * examined
            if a == sources[j]:
                total += error
    return total / max(sources.size, 1)


class SlateTable(SlatePolicy):
    """Epsilon-greedy slates over a table; a subclass says what the next state is worth.

    Parameters
    ----------
    sources, slots, n_states
        Size: sources of a slate (0 is the blended ranking), its slots, states.
    epsilon
        Exploration rate in [0, 1], or a schedule over the number of outcomes learned.
    prior
        First value of the blended ranking, in units of reward. The other sources start at 0; of equals the
        ranking comes first, so an untrained policy shows it.
    smallest_step
        Least step size, in (0, 1]; 0.01 remembers about 100 examined slots a cell.
    learn_examination
        Estimate the examination of the slots online; otherwise it stays at ``(j + 1) ** -0.5``.
    """

    def __init__(
        self,
        *,
        sources: int,
        slots: int,
        n_states: int = 12,
        epsilon: float | Schedule = 0.05,
        prior: float = 0.0,
        smallest_step: float = 0.01,
        learn_examination: bool = True,
    ) -> None:
        super().__init__(
            sources=sources, slots=slots, n_states=n_states, epsilon=epsilon, learn_examination=learn_examination
        )
        self.q = np.zeros((n_states, sources, BUCKETS))
        self.q[:, 0] = prior
        self._evidence = np.zeros_like(self.q)
        self.baseline = np.zeros(n_states)  # B(s)
        self.values = Values(
            self.q, self._evidence, self.baseline, self._steps, smallest_step, self.examination.arrays
        )  # fmt: skip
        self._queue = Queue(self.name, sources, slots, n_states)
        self._learning: Any = None  # the tuple that the handle holds
        self._handle = Handle()

    @abstractmethod
    def slate_error(self, outcome: Outcome) -> float:
        """TD error ``u_t`` of the slate as a whole against the baseline of its state."""

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` in [0, 1) from ``lists`` ``[sources, depth]``."""
        return draw_slate(lists, self.q[state], self.epsilon, uniforms, constraints)

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> NDArray[np.float64]:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        return slate_propensities(lists, self.q[state], self.epsilon, items, constraints)

    def recorded_propensities(
        self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """The same for a slate on record, from its ``offered_ranks [n, sources]``; constraints are not needed."""
        return recorded_propensities(lists, self.q[state], self.epsilon, offered_ranks)

    def learn_one(self, outcome: Outcome) -> float:
        """Learn from one settled slate; return its mean TD error over the slots, in units of reward."""
        self.queue(outcome)
        return self.learn_queued()[-1]

    def queue(self, outcome: Outcome) -> None:
        """Keep a settled slate until `learn_queued`.

        Raises
        ------
        IndexError, ValueError
            if it is none of this policy's: nothing was changed
        """
        if outcome.discount_t > 0.0:  # what comes next is valued by what was learned before
            self._learn_waiting()
            self._queue.add(outcome, self.slate_error(outcome))
        else:
            self._queue.add(outcome)

    def queue_record(self, state: int, offered_ranks: bytes, sources: bytes, hit: int, reward: float) -> None:
        """Do the same for a slate as it stands in a record, after which nothing counts."""
        self._queue.add_record(state, offered_ranks, sources, hit, reward)

    def learn_queued(self) -> list[float]:
        """Learn all that was queued, in that order; return the mean TD error of each slate, in units of reward."""
        self._learn_waiting()
        return self._queue.take_errors()

    def _learn_waiting(self) -> None:
        queue = self._queue
        if queue.learned < queue.count:
            self._learn(queue.learned, queue.count)
            queue.learned = queue.count

    def _learn(self, start: int, count: int) -> None:
        """Learn some of the queue."""
        if self._learning is None or self._learning.waiting is not self._queue.waiting:
            self._learning = _Learning(self.values, self._queue.waiting)
        _learn(self._handle.of(self._learning), start, count)

    def drawn_value(self, outcome: Outcome) -> float:
        """V(s_t) of the slate drawn next."""
        if outcome.discount_t == 0.0:
            return 0.0
        if outcome.next_offered_ranks is None or outcome.next_sources is None:
            raise ValueError(
                f"policy {self.name!r}: discount_t above 0 needs next_offered_ranks and next_sources; got None"
            )
        s = outcome.state_t
        q, theta = self.q[s], self.examination.theta
        return float(self.baseline[s]) + slate_value(q, theta, outcome.next_offered_ranks, outcome.next_sources)

    def greedy_value(self, outcome: Outcome) -> float:
        """V(s_t) of the best slate that can be filled from the next lists, slot by slot."""
        if outcome.discount_t == 0.0:
            return 0.0
        if outcome.next_lists is None:
            raise ValueError(f"policy {self.name!r}: discount_t above 0 needs next_lists; got None")
        s = outcome.state_t
        return float(self.baseline[s]) + greedy_value(outcome.next_lists, self.q[s], self.examination.theta)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        return {"q": self.q, "evidence": self._evidence, "baseline": self.baseline, **super().state()}
