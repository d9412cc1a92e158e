"""What every candidate source is told, asked and held to."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

VIEW: Final = 0
CLICK: Final = 1
PURCHASE: Final = 2

ELIGIBLE: Final = 0
INELIGIBLE: Final = 1  # a rule forbids the item: nobody proposes it
TOUCHED: Final = 2  # the user knows the item: only `RecentlySeen` proposes it

State = Mapping[str, NDArray[Any]]


class Interaction(NamedTuple):
    """What a learner is told of one event; items are the dense indices of a `Vocabulary`."""

    item: int
    kind: int  # VIEW, CLICK or PURCHASE
    time: float  # event time, unix seconds
    recent: NDArray[np.int32]  # the user's distinct items before this event, newest first, at most 50
    session: NDArray[np.int32]  # items of the current session before this event, newest first, repeats allowed


class Query(NamedTuple):
    """What a source is asked: the user's past at a moment of event time."""

    recent: NDArray[np.int32]  # the user's distinct items, newest first, at most 50
    time: float  # unix seconds
    session: NDArray[np.int32]  # items of the current session, newest first, repeats allowed; may be empty


class Source(Protocol):
    """A retrieval learner: scores items for a user and names its best.

    Predictions (`top_k`, `score_many`) change nothing observable and ignore unknown indices in a query. Learning an
    item that was never added raises `IndexError`. No call costs more as the catalogue grows, `add_item` amortised.
    """

    @property
    def name(self) -> str:
        """Stable identifier, used in records, metrics and feature names."""

    def add_item(self, item: int) -> None:
        """Make room for every index up to and including `item`; known ones are left alone."""

    def learn_one(self, event: Interaction) -> None:
        """Learn from one event."""

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return at most `k` items and their scores, best first, equal scores by lower index.

        `blocked` has an entry for every known item; those other than `ELIGIBLE` are left out.
        """

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the score of each of `items`, 0 where the source knows nothing; the same numbers as `top_k`."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are the whole state, in a fixed order: views, valid until the next change."""

    def restore(self, state: State) -> None:
        """Continue from a copy of what `state` returned on an equally configured source."""


def require_known(source: str, item: int, size: int) -> None:
    """Refuse to learn an index outside the arrays: compiled code would write past their end."""
    if not 0 <= item < size:
        raise IndexError(f"`{source}` can learn items 0..{size - 1}; got {item}: call `add_item` first")
