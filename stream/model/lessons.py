"""The events of a message as the sources learn them: written into arrays that are used again and again."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct as Layout
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import Interactions, Past, Source, Vocabulary, learning_calls
from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.base import NEVER
from learners.board import Board
from learners.teach import Events, Paces, Teacher, teach
from stream.model.interactions import interactions, places_of
from stream.records.log import LoggedEvent, Step
from stream.state.user_block import PAST
from stream.state.users import number

_EVENTS = 256  # room at first
_RECENT = 10 * _EVENTS
_ROW = np.dtype(
    [("time", "<f8"), ("user", "<i8"), ("start", "<i8"), ("end", "<i8"), ("sessions", "<i8"), ("item", "<i4"),
     ("kind", "u1"), ("known", "u1")]
)  # fmt: skip
_AS_ROW = Layout("<d4qi2B")
_ROW_BYTES, _PAST_BYTES = _AS_ROW.size, PAST.itemsize


class _Lessons(NamedTuple):
    """Room for the events of a message, for compiled code: as they are written, and as the sources read them."""

    rows: NDArray[np.void]  # [events] of `_ROW`: an event, and which of `recent` come before it
    recent: NDArray[np.int32]  # [recent] items, newest first, -1: there was no room for it
    past: NDArray[np.void]  # [recent] of PAST, as it is logged, where the row says that it is known
    events: Events
    paces: Paces
    learned: NDArray[np.int64]  # see `teach`
    into: Any  # `Learned`


@njit(cache=True)
def _teach(lessons: Any, count: int, size: int) -> bool:
    """Write so many rows as events, without the items for which there was no room, then teach them."""
    rows, recent, past, events, paces, learned, into = lessons.it
    used = 0
    for n in range(count):
        row = rows[n]
        start, sessions = row["start"], 0
        for place in range(start, row["end"]):
            if recent[place] < 0:
                continue
            sessions += place < start + row["sessions"]
            events.recent[used] = recent[place]
            events.past_times[used] = np.nan
            if row["known"] != 0:
                events.past_times[used] = row["time"] - np.float64(past[place]["gap"])
                events.past_counts[used] = past[place]["count"]
                events.past_kinds[used] = past[place]["kind"]
            used += 1
        events.items[n], events.kinds[n], events.times[n] = row["item"], row["kind"], row["time"]
        events.users[n], events.starts[n + 1], events.sessions[n] = row["user"], used, sessions
    part = Events(
        events.items[:count], events.kinds[:count], events.times[:count], events.users[:count],
        events.starts[: count + 1], events.recent[:used], events.sessions[:count], events.past_times[:used],
        events.past_counts[:used], events.past_kinds[:used],
    )  # fmt: skip
    return teach(into.it, part, size, paces, learned)


class Lessons:
    """Collects events, then teaches them to all sources.

    Parameters
    ----------
    vocabulary
        With all items of the events.
    sources
        All of the model; the built-in ones learn in one compiled call.
    """

    def __init__(self, vocabulary: Vocabulary, sources: Sequence[Source], board: Board) -> None:
        self._vocabulary, self._teacher = vocabulary, Teacher(sources, board)
        self._handle, self._into = Handle(), Handle()
        self._items: list[int] = []  # of the events
        self._used = 0  # of their recent items
        self._lessons = _Lessons(
            np.zeros(0, _ROW), np.zeros(0, np.int32), np.zeros(0, PAST), _no_events(), self._teacher.paces,
            self._teacher.learned, None,
        )  # fmt: skip
        self._make_room(_EVENTS, _RECENT)
        self._waiting: list[tuple[Step, LoggedEvent, int]] = []  # the same events, for the other sources

    def part(self) -> None:
        """Teach each source by a call of its own from here on; what they learn is the same."""
        self._teacher.part()

    def outdate(self) -> None:
        """Expect that something else than an event has changed sources."""
        self._teacher.outdate()

    def add(self, step: Step, event: LoggedEvent, item: int) -> None:
        """Add a step's event on an item."""
        if self._teacher.others:
            self._waiting.append((step, event, item))
        places, past = places_of(self._vocabulary, step, event), step.past
        n, start = len(self._items), self._used
        end = start + len(places)
        if n == self._room[0] or end > self._room[1]:
            self._make_room(2 * n, 2 * end)
        self._recent[start:end] = array("i", places)
        known = len(past) == (end - start) * _PAST_BYTES
        if known:
            self._past[start * _PAST_BYTES : end * _PAST_BYTES] = past
        _AS_ROW.pack_into(
            self._rows, n * _ROW_BYTES, event.time, number(step.user_id), start, end, step.session_items, item,
            event.kind, known,
        )  # fmt: skip
        self._items.append(item)
        self._used = end

    def calls(self) -> Iterable[Callable[[], None]]:
        """Return what to call, in order, for the sources to learn what was added."""
        own: tuple[Callable[[], None], ...] = ()
        if self._teacher.compiled:
            own = (self._teach,) if self._items else ()
        else:
            self._items, self._used = [], 0
        return chain(own, self._calls_of_others()) if self._waiting else own

    def _calls_of_others(self) -> Iterator[Callable[[], None]]:
        waiting, self._waiting = self._waiting, []
        events = interactions(self._vocabulary, waiting)
        for source in self._teacher.others:
            yield from learning_calls(source, events)

    def _make_room(self, events: int, recent: int) -> None:
        """Have room for so many events with so many recent items."""
        before = self._lessons
        rooms = {"starts": events + 1, **dict.fromkeys(("recent", "past_times", "past_counts", "past_kinds"), recent)}
        arrays = {name: grown(array, rooms.get(name, events)) for name, array in before.events._asdict().items()}
        self._lessons = before._replace(
            rows=grown(before.rows, events), recent=grown(before.recent, recent), past=grown(before.past, recent),
            events=Events(**arrays),
        )  # fmt: skip
        self._room = len(self._lessons.rows), len(self._lessons.recent)
        # numpy takes single numbers more slowly
        self._rows, self._past = (part.view(np.uint8).data for part in (self._lessons.rows, self._lessons.past))
        self._recent: Any = self._lessons.recent.data

    def _teach(self) -> None:
        items, self._items, self._used = self._items, [], 0
        size = len(self._vocabulary)
        into = self._into.of(self._teacher.ready(items, size))
        if into is not self._lessons.into:
            self._lessons = self._lessons._replace(into=into)
        if not _teach(self._handle.of(self._lessons), len(items), size):
            self._teacher.finish(self._interactions(len(items)))

    def _interactions(self, n: int) -> Interactions:
        """The n events after they were taught."""
        events = self._lessons.events
        return Interactions(
            events.items[:n], events.kinds[:n], events.times[:n], events.users[:n], events.starts[: n + 1],
            events.recent, events.sessions[:n],
            Past(events.past_times, events.past_counts, events.past_kinds, np.full(len(events.recent), NEVER)),
            [{}] * n,
        )  # fmt: skip


def _no_events() -> Events:
    return Events(
        np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64),
        np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32), np.zeros(0, np.uint8),
    )  # fmt: skip
