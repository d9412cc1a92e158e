"""The desk: all that candidates are made from and all that they are worked out in, behind one handle."""

from collections.abc import Sequence
from operator import is_
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from learners import Mixer, Source
from learners.arrays.handle import Handle
from learners.board import Arrays, Board
from stream.ranking.features import Past
from stream.records.requests import MAX_CANDIDATES
from stream.state.catalogue import Catalogue
from stream.state.user_block import SEEN_ITEMS

DEPTH = 127  # longest lists: more than a policy reads
CANDIDATES, PAST, WIDTH = range(3)  # of `Room.counts`: candidates, items of the user's past, columns of the lists


class Asker(NamedTuple):
    """A user who is to get candidates."""

    past: Past
    session: NDArray[np.int32]  # items of the current session, newest first
    user: int  # number
    now: float  # event time, unix seconds


class Shelf(NamedTuple):
    """The catalogue, for all items."""

    blocked: NDArray[np.uint8]
    mask: NDArray[np.uint8]  # the same, but while a user is asked for
    expires: NDArray[np.float64]  # event time, unix seconds
    category: NDArray[np.int32]  # 0: unknown
    born: NDArray[np.int64]  # events before the item's first mention
    used: NDArray[np.int64]  # events until its last event, -1: none
    since: NDArray[np.float64]  # event time of its first mention


class Room(NamedTuple):
    """Where candidates are worked out: it holds one user's until the next."""

    proposed: NDArray[np.int32]  # [sources, most] each source's best; when they are joined, as places of candidates
    lengths: NDArray[np.int64]  # [sources]
    items: NDArray[np.int32]  # [total] candidates: all that sources may propose, or all that may be given
    scores: NDArray[np.float32]  # [sources, total]
    places: NDArray[np.int32]  # [total] place in the user's past, -1: never seen
    place: NDArray[np.int32]  # [items] scratch, all -1 before and after
    columns: NDArray[np.uint8]  # [columns, total] features of the candidates, the mixer's score last
    units: NDArray[np.float32]  # [units, total] what goes into the mixer's hidden units
    ranking: NDArray[np.float32]  # [total] their ranking scores
    lists: NDArray[np.int32]  # [(1 + sources) * DEPTH] see `lists_of`
    times: NDArray[np.float64]  # [SEEN_ITEMS] of the user's past
    counts: NDArray[np.int64]  # [3]

    @classmethod
    def of(cls, sources: int, most: int, columns: int, units: int) -> "Room":
        """Room for so many sources with so many proposals each, described by so many columns; without items."""
        total = -(-max(sources * most, MAX_CANDIDATES) // 8) * 8  # columns are compared in words
        return cls(
            np.empty((sources, most), np.int32), np.zeros(sources, np.int64), np.empty(total, np.int32),
            np.empty((sources, total), np.float32), np.empty(total, np.int32), np.empty(0, np.int32),
            np.empty((columns, total), np.uint8), np.empty((units, total), np.float32), np.empty(total, np.float32),
            np.empty((1 + sources) * DEPTH, np.int32), np.empty(SEEN_ITEMS), np.zeros(3, np.int64),
        )  # fmt: skip

    def put(self, source: int, items: NDArray[np.int32]) -> None:
        """Take a source's proposal."""
        self.lengths[source] = len(items)
        self.proposed[source, : len(items)] = items

    def rows(self) -> NDArray[np.uint8]:
        """The candidates' features [candidates, columns], the mixer's score last: a view."""
        return self.columns[:, : self.counts[CANDIDATES]].T

    def proposals(self) -> list[NDArray[np.int32]]:
        """A copy of each source's proposal."""
        return [row[:length].copy() for row, length in zip(self.proposed, self.lengths.tolist(), strict=True)]


@register_jitable
def lists_of(room: Room) -> NDArray[np.int32]:
    """The lists [1 + sources, width] of the user in the room: best items of the ranking and of each source, -1 pads."""
    rows, width = 1 + len(room.lengths), room.counts[WIDTH]
    return room.lists[: rows * width].reshape((rows, width))


class Desk(NamedTuple):
    """All that compiled code reads and writes.

    Each part is behind a handle of its own, since a kernel counts the references to every array of a tuple it touches.
    """

    sources: Any  # `Arrays` of handles
    rows: NDArray[np.int64]  # [9] which row of the room is whose, -1: not a source of this model
    shelf: Any  # `Shelf`
    room: Any  # `Room`
    net: Any  # `Net` of the mixer
    zero_if_seen: NDArray[np.int64]


class Desks:
    """The desk as it is now: laid again when an array has been replaced.

    Parameters
    ----------
    sources : of the model, in its order
    most : items that one proposes at most
    zero_if_seen : numbers of the sources whose columns are zero for items that the user has touched

    Attributes
    ----------
    room : Room
    others : list[int], places of the sources that are asked from Python
    """

    def __init__(
        self, sources: Sequence[Source], catalogue: Catalogue, mixer: Mixer, most: int, zero_if_seen: NDArray[np.int64]
    ) -> None:
        self._board, self._catalogue, self._mixer, self._zero_if_seen = Board(sources), catalogue, mixer, zero_if_seen
        self.room, self.others = Room.of(len(sources), most, len(mixer.names) + 1, mixer.units), self._board.others
        self._handles = [Handle() for _ in range(len(Arrays._fields) + 3)]
        self._handle = Handle()
        self._desk: Desk | None = None
        self._laid: tuple[Any, ...] = ()  # what it was made of

    def scratch(self) -> NDArray[np.int32]:
        """A number for each item of now, all -1 before and after."""
        items = len(self._catalogue.blocked)
        if len(self.room.place) != items:
            self.room = self.room._replace(place=np.full(items, -1, np.int32))
        return self.room.place

    def held(self) -> Any:
        """The desk for another user, as kernels take it."""
        catalogue = self._catalogue
        parts = self._board.make_ready(), self._mixer.arrays, catalogue.blocked
        if self._desk is None or not all(map(is_, parts, self._laid)):
            arrays, net, _ = self._laid = parts
            self.scratch()
            whole = (*arrays, Shelf(*catalogue.arrays()), self.room, net)
            *sources, shelf, room, mixer = (handle.of(part) for handle, part in zip(self._handles, whole, strict=True))
            self._desk = Desk(Arrays(*sources), self._board.rows, shelf, room, mixer, self._zero_if_seen)
        return self._handle.of(self._desk)
