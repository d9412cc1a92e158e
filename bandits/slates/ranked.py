"""The base line: always the blended ranking."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bandits.base import NO_CONSTRAINTS, Constraints, Outcome, Slate, restore_arrays
from bandits.slates.fill import draw_slate, recorded_propensities, slate_propensities
from bandits.slates.offers import BUCKETS


class Ranked:
    """Show source 0, and the next live source when it is exhausted. Learns nothing, explores nothing.

    For the holdout that every other policy is measured against.

    Parameters
    ----------
    sources, slots, n_states
        Size: sources of a slate (0 is the blended ranking), its slots, states.

    Examples
    --------
    >>> policy = Ranked(sources=2, slots=3)
    >>> slate = policy.draw(0, np.array([[5, 6, -1], [6, 7, 8]], np.int32), np.zeros(3))
    >>> slate.items.tolist(), slate.sources.tolist(), slate.propensities.tolist()
    ([5, 6, 7], [0, 0, 1], [1.0, 1.0, 1.0])
    """

    name = "ranked"
    epsilon = 0.0

    def __init__(self, *, sources: int, slots: int, n_states: int = 12) -> None:
        self.sources = sources
        self.slots = slots
        self.n_states = n_states
        self._scores = np.zeros((sources, BUCKETS))  # all equal: ties go to the lowest live source

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        """Fill one slot per number of ``uniforms`` from ``lists`` ``[sources, depth]``."""
        return draw_slate(lists, self._scores, 0.0, uniforms, constraints)

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> NDArray[np.float64]:
        """1 for each item that the ranking shows at its slot given the items above it, else 0."""
        return slate_propensities(lists, self._scores, 0.0, items, constraints)

    def recorded_propensities(
        self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """The same for a slate on record, from its ``offered_ranks [n, sources]``; constraints are not needed."""
        return recorded_propensities(lists, self._scores, 0.0, offered_ranks)

    def learn_one(self, outcome: Outcome) -> float:
        """Learn nothing: the error is 0."""
        return 0.0

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Nothing changes."""
        return {}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Accept an empty snapshot."""
        restore_arrays(self.state(), saved)
