"""What a policy returns, what it learns from, and the interface of all policies.

The propensities leave with the slate and return in the record. A policy remembers nothing about the
slates it drew, so feedback may come late, twice or never.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

OTHER = 128  # added to a rank in Slate.offered_ranks when the slot shows another item than the source offers
EXHAUSTED = 255  # in Slate.offered_ranks: the source had nothing left to offer
PINNED = 255  # in Slate.sources: a rule fixed the item; there was no choice, all offered_ranks are EXHAUSTED


class Slate(NamedTuple):
    """What is shown, and how probable it was. n <= slots: fewer when all sources are exhausted.

    A source offers at a slot the first item of its list that stands in no slot above and breaks no
    constraint (see ``bandits.slates.constraints``).
    """

    items: NDArray[np.int32]  # [n], each item once
    sources: NDArray[np.uint8]  # [n], the source drawn, or PINNED
    offered_ranks: NDArray[np.uint8]  # [n, sources], rank of the offer in the source's list; OTHER + rank; EXHAUSTED
    probabilities: NDArray[np.float32]  # [n, sources], of drawing each source at this slot
    propensities: NDArray[np.float32]  # [n], of showing this item here, given the slots above


class Constraints(NamedTuple):
    """Caps and pins of one slate, see ``bandits.slates.constraints``. An item has the same groups in every list."""

    groups: NDArray[np.int32]  # [caps, sources, depth], of each item of the lists; -1: the cap does not concern it
    at_most: NDArray[np.int32]  # [caps], items of one group
    first: NDArray[np.int32]  # [caps], slots from the top among which they are counted
    used: NDArray[np.int32]  # [caps, groups], pinned items of each group within these slots
    pins: NDArray[np.int32]  # [pins], items
    pin_slots: NDArray[np.int32]  # [pins], ascending, each once


def _none(dimensions: int) -> NDArray[np.int32]:
    return np.zeros((0,) * dimensions, np.int32)


NO_CONSTRAINTS = Constraints(_none(3), _none(1), _none(1), _none(2), _none(1), _none(1))


class Outcome(NamedTuple):
    """What became of a slate: the record from which a policy learns, complete in itself.

    The three ``next_`` fields are read only if ``discount_t`` is above 0.
    """

    state_tm1: int  # state in which the slate was drawn, in [0, n_states)
    offered_ranks: NDArray[np.uint8]  # [n, sources], from the slate
    sources: NDArray[np.uint8]  # [n], from the slate
    hit: int  # slot of the item the user took, -1 for none
    reward: float  # of that item; 0 without a hit
    discount_t: float = 0.0  # in [0, 1); 0 at the end of a session
    state_t: int = 0  # state of the next slate
    next_offered_ranks: NDArray[np.uint8] | None = None  # [m, sources], from the slate drawn next
    next_sources: NDArray[np.uint8] | None = None  # [m], from the slate drawn next
    next_lists: NDArray[np.int32] | None = None  # [sources, depth], lists it was drawn from


class Policy(Protocol):
    """Chooses which source fills each slot. ``bandits.checks`` holds what every policy must obey."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def sources(self) -> int:
        """Number of sources; 0 is the blended ranking."""
        ...

    @property
    def slots(self) -> int:
        """Largest number of slots of a slate."""
        ...

    @property
    def n_states(self) -> int:
        """Number of states."""
        ...

    @property
    def epsilon(self) -> float:
        """Exploration rate of the next draw, in [0, 1]."""
        ...

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        """Fill one slot per number of ``uniforms``, each in [0, 1). Changes nothing.

        ``lists`` holds the items of each source, best first, shape ``[sources, depth]``; item numbers
        are >= 0, a negative number ends a short list.
        """
        ...

    def propensities(
        self, state: int, lists: NDArray[np.int32], items: NDArray[np.int32], constraints: Constraints = NO_CONSTRAINTS
    ) -> NDArray[np.float64]:
        """Probability of each item of a given slate given the items above it, shape ``[n]``."""
        ...

    def recorded_propensities(
        self, state: int, lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """The same for a slate on record, from its ``offered_ranks [n, sources]``; constraints are not needed."""
        ...

    def learn_one(self, outcome: Outcome) -> float:
        """Learn from one settled slate; return its mean TD error over the slots, in units of reward."""
        ...

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, in fixed order: live, not copied."""
        ...

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over the arrays of a snapshot made by ``state``."""
        ...


class Queues(Protocol):
    """A policy that also learns many settled slates at once; its state is then the same to the bit."""

    def queue(self, outcome: Outcome) -> None:
        """Keep a settled slate until `learn_queued`; refuse one that is none of this policy's, and change nothing."""
        ...

    def queue_record(self, state: int, offered_ranks: bytes, sources: bytes, hit: int, reward: float) -> None:
        """The same as a record holds it, of a slate after which nothing counts: the arrays are uint8, in C order."""
        ...

    def learn_queued(self) -> list[float]:
        """Learn all that was queued, in that order; return the mean TD error of each slate, in units of reward."""
        ...


def restore_arrays(live: Mapping[str, NDArray[np.generic]], saved: Mapping[str, NDArray[np.generic]]) -> None:
    """Copy ``saved`` into ``live``, which must agree in names, order, shapes and types.

    Examples
    --------
    >>> q = np.zeros(2)
    >>> restore_arrays({"q": q}, {"q": np.array([1.0, 2.0])})
    >>> q.tolist()
    [1.0, 2.0]
    """
    wanted = {name: (array.shape, array.dtype) for name, array in live.items()}
    found = {name: (array.shape, array.dtype) for name, array in saved.items()}
    if list(wanted.items()) != list(found.items()):
        raise ValueError(f"snapshot must hold the arrays {wanted}; got {found}")
    for name, array in live.items():
        array[...] = saved[name]
