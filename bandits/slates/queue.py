"""Settled slates that wait to be learned in one compiled call."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import Outcome

_ROOM = 256  # slates at first


class Settled(NamedTuple):
    """A settled slate, as the kernels read it."""

    theta: NDArray[np.float64]  # [slots], examination
    offered_ranks: NDArray[np.uint8]  # [n, sources]
    sources: NDArray[np.uint8]  # [n], drawn
    hit: int  # slot, -1 for none
    u_t: float  # credit of the hit, in units of reward


class Waiting(NamedTuple):
    """Settled slates in the order in which they are learned, for compiled code."""

    states: NDArray[np.int64]  # [slates]
    hits: NDArray[np.int64]  # [slates] slot, -1 for none
    rewards: NDArray[np.float64]  # [slates]
    credits: NDArray[np.float64]  # [slates] of the hit, `u_t`; nan: no next state counts, it is to be worked out
    lengths: NDArray[np.int64]  # [slates] slots
    sources: NDArray[np.uint8]  # [slates, slots]
    offered_ranks: NDArray[np.uint8]  # [slates, slots, sources]
    errors: NDArray[np.float64]  # [slates], written by who learns


@njit(cache=True)
def settled_of(waiting: Waiting, n: int, theta: NDArray[np.float64], u_t: float) -> Settled:
    """Return the n-th slate, with its credit."""
    slots = waiting.lengths[n]
    return Settled(theta, waiting.offered_ranks[n, :slots], waiting.sources[n, :slots], waiting.hits[n], u_t)


class Queue:
    """Room for settled slates of one policy.

    Parameters
    ----------
    policy
        Its name, for errors.
    sources, slots, n_states
        Its size.

    Attributes
    ----------
    waiting : Waiting
        Another tuple when there was no room for one more.
    count, learned : int
        Slates in it, and how many of them the policy has learned.
    """

    def __init__(self, policy: str, sources: int, slots: int, n_states: int) -> None:
        self._policy, self._sources, self._slots, self._n_states = policy, sources, slots, n_states
        self.count = self.learned = 0
        self._take(self._room(_ROOM))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the views, which cannot be copied."""
        return {**self.__dict__, "_written": None, "_drawn": None, "_ranks": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Look at the arrays of the copy."""
        self.__dict__.update(state)
        self._take(self.waiting)

    def _take(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self._written: list[Any] = [part.data for part in waiting[:5]]  # numpy takes single numbers more slowly
        self._drawn, self._ranks = waiting.sources.reshape(-1).data, waiting.offered_ranks.reshape(-1).data

    def _room(self, slates: int) -> Waiting:
        return Waiting(
            np.zeros(slates, np.int64), np.zeros(slates, np.int64), np.zeros(slates), np.zeros(slates),
            np.zeros(slates, np.int64), np.zeros((slates, self._slots), np.uint8),
            np.zeros((slates, self._slots, self._sources), np.uint8), np.zeros(slates),
        )  # fmt: skip

    def add(self, outcome: Outcome, u_t: float = math.nan) -> None:
        """Put a settled slate at the end.

        Raises
        ------
        IndexError, ValueError
            if it is none of this policy's: nothing was changed
        """
        drawn, offered_ranks = outcome.sources, outcome.offered_ranks
        if offered_ranks.shape != (len(drawn), self._sources):
            raise self._misfit(len(drawn), f"{offered_ranks.shape}")
        self.add_record(
            outcome.state_tm1, np.asarray(offered_ranks, np.uint8).tobytes(), np.asarray(drawn, np.uint8).tobytes(),
            outcome.hit, outcome.reward, u_t,
        )  # fmt: skip

    def add_record(
        self, state: int, offered_ranks: bytes, sources: bytes, hit: int, reward: float, u_t: float = math.nan
    ) -> None:
        """Do the same for a slate as it stands in a record: both arrays as bytes."""
        slots, of_slot = len(sources), self._sources
        if not 0 <= state < self._n_states:
            raise IndexError(f"policy {self._policy!r}: a state must be in [0, {self._n_states}); got {state}")
        if len(offered_ranks) != slots * of_slot:
            raise self._misfit(slots, f"{len(offered_ranks)} bytes")
        if slots > self._slots:
            raise ValueError(
                f"policy {self._policy!r}: a slate must have at most as many slots as the policy, {self._slots}; "
                f"got {slots}"
            )
        n = self.count
        if n == len(self._drawn) // self._slots:
            waiting = self._room(2 * n)
            for new, old in cast("Iterable[tuple[Any, Any]]", zip(waiting, self.waiting)):
                new[:n] = old
            self._take(waiting)
        states, hits, rewards, known, lengths = self._written
        states[n], hits[n], rewards[n], known[n], lengths[n] = state, hit, reward, u_t, slots
        start = n * self._slots
        self._drawn[start : start + slots] = sources
        self._ranks[start * of_slot : (start + slots) * of_slot] = offered_ranks
        self.count = n + 1

    def _misfit(self, slots: int, got: str) -> ValueError:
        return ValueError(
            f"policy {self._policy!r}: offered_ranks must have one row for each slot and one column for each "
            f"source, {(slots, self._sources)}; got {got}"
        )

    def take_errors(self) -> list[float]:
        """Empty the queue, all of which was learned; return the mean TD error of each slate."""
        errors: list[float] = self.waiting.errors[: self.count].tolist()
        self.count = self.learned = 0
        return errors
