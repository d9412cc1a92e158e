"""Many interactions as flat arrays, so that compiled code learns them without a step of Python for each."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.base import NO_HISTORY, Interaction, Past, Source, Traits, require_known


class Interactions(NamedTuple):
    """Events in their order; of each, `recent[starts[n] : starts[n + 1]]` are the user's items before it.

    Examples
    --------
    >>> one = Interaction(7, 0, 0.0, np.array([3, 5], np.int32), np.array([3], np.int32))
    >>> both = Interactions.of([one, one])
    >>> both.recent.tolist(), both.starts.tolist(), both.sessions.tolist()
    ([3, 5, 3, 5], [0, 2, 4], [1, 1])
    >>> next(both.each()).session.tolist()
    [3]
    """

    items: NDArray[np.int32]  # [n]
    kinds: NDArray[np.uint8]  # [n]
    times: NDArray[np.float64]  # [n] event time, unix seconds
    users: NDArray[np.int64]  # [n]
    starts: NDArray[np.int64]  # [n + 1]
    recent: NDArray[np.int32]  # [starts[n]] newest first
    sessions: NDArray[np.int64]  # [n] so many of the recent items belong to the current session
    past: Past  # of `recent`; times are nan where it is unknown
    traits: Sequence[Traits]  # [n]

    @classmethod
    def of(cls, events: Sequence[Interaction]) -> "Interactions":
        """Join events whose `session` is the beginning of `recent`, as it is in every event that a model learns."""
        recent = [event.recent for event in events]
        pasts = [
            event.past if len(event.past.times) == len(event.recent) else _unknown(len(event.recent))
            for event in events
        ]
        return cls(
            np.array([event.item for event in events], np.int32),
            np.array([event.kind for event in events], np.uint8),
            np.array([event.time for event in events], np.float64),
            np.array([event.user for event in events], np.int64),
            starts_of([len(each) for each in recent]),
            np.concatenate([np.empty(0, np.int32), *recent]),
            np.array([len(event.session) for event in events], np.int64),
            Past._make(np.concatenate(parts) for parts in zip(NO_HISTORY, *pasts)),
            [event.traits for event in events],
        )

    def since(self, n: int) -> "Interactions":
        """Return the events from the n-th on."""
        return Interactions(
            self.items[n:], self.kinds[n:], self.times[n:], self.users[n:], self.starts[n:], self.recent,
            self.sessions[n:], self.past, self.traits[n:],
        )  # fmt: skip

    def each(self) -> Iterator[Interaction]:
        """Yield the events one by one."""
        starts = self.starts.tolist()
        for n, item in enumerate(self.items.tolist()):
            recent = self.recent[starts[n] : starts[n + 1]]
            past = Past._make(part[starts[n] : starts[n + 1]] for part in self.past)
            yield Interaction(
                item, int(self.kinds[n]), float(self.times[n]), recent, recent[: int(self.sessions[n])],
                int(self.users[n]), self.traits[n], NO_HISTORY if np.isnan(past.times).any() else past,
            )  # fmt: skip


class LearnsMany(Protocol):
    """A source with a faster way to learn many events; its state is then the same to the bit."""

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order, all of known items."""


def learning_calls(source: Source, events: Interactions) -> Iterator[Callable[[], None]]:
    """Yield what to call, in order, for a source to learn events: one call if it `LearnsMany`, else one an event."""
    learn_many = getattr(source, "learn_many", None)
    if learn_many is not None:
        yield partial(learn_many, events)
        return
    for event in events.each():
        yield partial(source.learn_one, event)


def learn_all(source: Source, events: Interactions) -> None:
    """Let a source learn many events."""
    for call in learning_calls(source, events):
        call()


def require_all_known(source: str, items: NDArray[np.int32], size: int) -> None:
    """Do what `require_known` does, for many items."""
    unknown = _first_outside(items, size)
    if unknown >= 0:
        require_known(source, int(items[unknown]), size)


@njit(cache=True)
def _first_outside(items: NDArray[np.int32], size: int) -> int:
    """Return the place of the first index outside, -1 if there is none."""
    for n, item in enumerate(items):
        if item < 0 or item >= size:
            return n
    return -1


def starts_of(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Return where each of some rows begins, and the last one ends.

    >>> starts_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _unknown(items: int) -> Past:
    """The past of so many items where it is unknown."""
    return Past(np.full(items, np.nan), np.zeros(items, np.int32), np.zeros(items, np.uint8), np.full(items, np.nan))
