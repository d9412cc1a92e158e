"""How likely each slot is examined: theta_j, relative to the first slot.

A user scans a list from the top, so a miss in slot 18 says less than a miss in slot 0. The prior is
``(j + 1) ** -0.5``. The estimate compares the hits of a slot with those that the items shown there would
have had in the first slot, as judged by the hit chance of their (source, rank bucket):

    theta_j = (H_j / E_j) / (H_0 / E_0)
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import PINNED
from bandits.slates.offers import BUCKETS, rank_bucket

SMALLEST_THETA = 0.01  # a slot never seen must still be able to learn
PRIOR_HITS = 20.0  # weight of the prior in expected hits of a slot
PRIOR_CHANCE = 0.05  # hit chance of an examined item, before data; weight PRIOR_HITS examinations


def prior_theta(slots: int) -> NDArray[np.float64]:
    """Examination of each slot before any data.

    Examples
    --------
    >>> prior_theta(4).tolist()
    [1.0, 0.7071, 0.5774, 0.5]
    """
    return np.arange(1.0, slots + 1.0) ** -0.5


@njit(cache=True)
def count_slate(
    hit: int,
    offered_ranks: NDArray[np.uint8],
    sources: NDArray[np.uint8],
    theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    by_cell: NDArray[np.float64],
) -> None:
    """Count one settled slate; both tables hold (hits, expected hits or examinations) last.

    A pinned slot counts for nothing: what a rule puts there is not judged by the list it came from.
    """
    for j in range(sources.size):
        if sources[j] == PINNED:
            continue
        cell = by_cell[sources[j], rank_bucket(offered_ranks[j, sources[j]])]
        by_slot[j, 1] += cell[0] / cell[1]
        cell[1] += theta[j]
        if j == hit:
            by_slot[j, 0] += 1.0
            cell[0] += 1.0


class Examined(NamedTuple):
    """The estimate and its counts, for compiled code."""

    theta: NDArray[np.float64]  # [slots]
    by_slot: NDArray[np.float64]  # [slots, (hits, expected hits)]
    by_cell: NDArray[np.float64]  # [sources, 4, (hits, examinations)]
    slates: NDArray[np.int64]  # [1] counted
    slot_prior: NDArray[np.float64]  # [slots, 2]
    cell_prior: NDArray[np.float64]  # [2]
    kept: float  # share of the counts that is kept at a refresh
    refresh_every: int  # slates
    fixed: bool


@njit(cache=True)
def examine(examined: Examined, hit: int, offered_ranks: NDArray[np.uint8], sources: NDArray[np.uint8]) -> None:
    """Count a settled slate, and once in a while work out theta again."""
    theta, by_slot, by_cell, slates, slot_prior, cell_prior, kept, refresh_every, fixed = examined
    if fixed:
        return
    count_slate(hit, offered_ranks, sources, theta, by_slot, by_cell)
    slates[0] += 1
    if slates[0] % refresh_every != 0:
        return
    first = by_slot[0, 0] / by_slot[0, 1]
    for j in range(len(theta)):
        theta[j] = min(max(by_slot[j, 0] / by_slot[j, 1] / first, SMALLEST_THETA), 1.0)
    # Towards the prior, not towards zero: a slot that is never shown must not end as 0 / 0.
    by_slot += (1.0 - kept) * (slot_prior - by_slot)
    by_cell += (1.0 - kept) * (cell_prior - by_cell)


class Examination:
    """Online estimate of the slots' examination weights, in [0.01, 1], the first one always 1.

    Parameters
    ----------
    sources, slots
        Size of the slates.
    fixed
        Hold the prior instead of learning.
    forgetting
        Share of the old counts that one slate replaces by the prior: 2e-5 remembers about 50,000 slates.
    refresh_every
        Slates between two refreshes of theta.

    Examples
    --------
    Three sources take turns in each slot; a fifth of the hits fall into the last slot.

    >>> examination = Examination(sources=3, slots=3)
    >>> offered_ranks, drawn = np.zeros((3, 3), np.uint8), np.arange(3, dtype=np.uint8)
    >>> for n in range(3000):
    ...     examination.learn_one(hit=0 if n % 5 else 2, offered_ranks=offered_ranks, sources=np.roll(drawn, n))
    >>> examination.theta.round(2).tolist()
    [1.0, 0.01, 0.25]
    """

    def __init__(
        self, *, sources: int, slots: int, fixed: bool = False, forgetting: float = 2e-5, refresh_every: int = 500
    ) -> None:
        theta = prior_theta(slots)
        slot_prior = PRIOR_HITS * np.stack([theta, np.ones(slots)], axis=1)
        cell_prior = PRIOR_HITS * np.array([PRIOR_CHANCE, 1.0])
        self.arrays = Examined(
            theta, slot_prior.copy(), np.tile(cell_prior, (sources, BUCKETS, 1)), np.zeros(1, np.int64), slot_prior,
            cell_prior, (1.0 - forgetting) ** refresh_every, refresh_every, fixed,
        )  # fmt: skip

    @property
    def theta(self) -> NDArray[np.float64]:
        """Weight of each slot."""
        return self.arrays.theta

    def learn_one(self, hit: int, offered_ranks: NDArray[np.uint8], sources: NDArray[np.uint8]) -> None:
        """Count a settled slate: slot of the hit or -1, offered_ranks ``[n, sources]``, drawn sources ``[n]``."""
        examine(self.arrays, hit, offered_ranks, sources)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, live."""
        return {
            "examination_theta": self.theta,
            "examination_by_slot": self.arrays.by_slot,
            "examination_by_cell": self.arrays.by_cell,
            "examination_count": self.arrays.slates,
        }
