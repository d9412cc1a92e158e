"""The interface of every candidate source: what it learns from, what it is asked, and what it must keep to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

VIEW: Final = 0
CLICK: Final = 1
PURCHASE: Final = 2

ELIGIBLE: Final = 0
INELIGIBLE: Final = 1  # a rule forbids the item: no source proposes it
TOUCHED: Final = 2  # the user knows the item: only sources with `proposes_touched`, such as `Repeats`, propose it

State = Mapping[str, NDArray[Any]]
Traits = Mapping[str, str]
NO_TRAITS: Final[Traits] = MappingProxyType({})
NOBODY: Final = 0  # the user of an interaction or query without one
NEVER: Final = float("-inf")  # time of what did not happen


class Past(NamedTuple):
    """What the user did with each of the `recent` items before now: arrays aligned with it, or `NO_HISTORY`."""

    times: NDArray[np.float64]  # event time of the user's last event on the item, unix seconds
    counts: NDArray[np.int32]  # the user's events on the item, >= 1
    kinds: NDArray[np.uint8]  # VIEW, CLICK or PURCHASE: of the last event on it
    bought: NDArray[np.float64]  # event time of the user's last purchase of it; `NEVER` without one


NO_HISTORY: Final = Past(np.empty(0), np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0))


class Interaction(NamedTuple):
    """One event, as learners get it; items are the dense indices of a `Vocabulary`."""

    item: int
    kind: int  # VIEW, CLICK or PURCHASE
    time: float  # event time, unix seconds
    recent: NDArray[np.int32]  # the user's distinct items before this event, newest first, at most 50
    session: NDArray[np.int32]  # items of the current session before this event, newest first; empty: a new session
    user: int = NOBODY  # a signed 64-bit number of this user alone
    traits: Traits = NO_TRAITS  # groups the user belongs to now: {"country": "NL", "device": "phone", "segment": "3"}
    past: Past = NO_HISTORY  # of `recent`, before this event


class Query(NamedTuple):
    """What a source is asked: the user's history at a moment of event time."""

    recent: NDArray[np.int32]  # the user's distinct items, newest first, at most 50
    time: float  # unix seconds
    session: NDArray[np.int32]  # items of the current session, newest first, repeats allowed; may be empty
    user: int = NOBODY  # as in `Interaction`: learners that keep histories of users leave this user's out
    traits: Traits = NO_TRAITS
    past: Past = NO_HISTORY  # of `recent`, up to now


class About(NamedTuple):
    """What the catalogue has about an item; everything may be missing."""

    title: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # the most important one first
    price: float | None = None
    attributes: Mapping[str, str | float | bool | None] = NO_TRAITS
    vectors: Mapping[str, tuple[float, ...]] = MappingProxyType({})  # named embeddings


class Source(Protocol):
    """A retrieval learner: scores items for a user and names its best.

    Predictions (`top_k`, `score_many`) change nothing observable and ignore unknown indices in a query. Learning an
    item that was never added raises `IndexError`. No call costs more as the catalogue grows, `add_item` amortised.
    Inherit from `Impersonal` for the two methods that most sources do not need.
    """

    @property
    def name(self) -> str:
        """Stable identifier, used in records, metrics and feature names."""

    @property
    def proposes_touched(self) -> bool:
        """Whether `top_k` may name items that are `TOUCHED`: true of repeats, false of discovery."""

    def add_item(self, item: int) -> None:
        """Make room for every index up to and including `item`; known ones are left alone."""

    def describe(self, item: int, about: About) -> None:
        """Take what the catalogue has about a known item, in place of what it had before."""

    def learn_one(self, event: Interaction) -> None:
        """Learn from one event."""

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return at most `k` items and their scores, best first, equal scores by lower index.

        `blocked` has an entry for every known item; those other than `ELIGIBLE` are left out.
        """

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the score of each of `items`, 0 where the source knows nothing; the same numbers as `top_k`."""

    def forget(self, user: int) -> None:
        """Drop what is kept about this user alone; what went into common counts stays."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are the whole state, in a fixed order: views, valid until the next change."""

    def restore(self, state: State) -> None:
        """Continue from a copy of what `state` returned on an equally configured source."""


@runtime_checkable
class Prepares(Protocol):
    """A source that can do ahead, in idle moments, what queries would have to wait for; its state does not change."""

    def prepare(self, most: int) -> int:
        """Do at most so many steps of about a millisecond; return how many were done."""


class Impersonal:
    """A source that proposes only new items, does not read the catalogue and keeps nothing about single users."""

    proposes_touched = False

    def describe(self, item: int, about: About) -> None:
        """Ignore the catalogue."""

    def forget(self, user: int) -> None:
        """Do nothing: nothing is kept about a user alone."""


def require_known(source: str, item: int, size: int) -> None:
    """Refuse to learn an index outside the arrays: compiled code would write past their end."""
    if not 0 <= item < size:
        raise IndexError(f"`{source}` can learn items 0..{size - 1}; got {item}: call `add_item` first")
