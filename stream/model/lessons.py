"""The events of a message as the sources learn them: written into arrays that are used again and again."""

from array import array
from collections.abc import Callable, Iterator, Sequence
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


class _Lessons(NamedTuple):
    """Room for the events of a message, for compiled code."""

    events: Events
    past: NDArray[np.void]  # [recent] of PAST, as it is logged; a gap of nan: unknown
    paces: Paces
    learned: NDArray[np.int64]  # see `teach`


@njit(cache=True)
def _teach(board: Any, lessons: Any, count: int, size: int) -> bool:
    """Unpack the users' past, then teach so many events."""
    events, past = lessons.it.events, lessons.it.past
    for n in range(count):
        for place in range(events.starts[n], events.starts[n + 1]):
            events.past_times[place] = events.times[n] - np.float64(past[place]["gap"])
            events.past_counts[place] = past[place]["count"]
            events.past_kinds[place] = past[place]["kind"]
    used = events.starts[count]
    part = Events(
        events.items[:count], events.kinds[:count], events.times[:count], events.users[:count],
        events.starts[: count + 1], events.recent[:used], events.sessions[:count], events.past_times[:used],
        events.past_counts[:used], events.past_kinds[:used],
    )  # fmt: skip
    return teach(board.it, part, size, lessons.it.paces, lessons.it.learned)


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
        self._handle = Handle()
        self._count = self._used = 0  # events, and their recent items
        self._lessons = _Lessons(
            _no_events(), np.zeros(0, PAST), self._teacher.paces, self._teacher.learned
        )  # fmt: skip
        self._make_room(_EVENTS, _RECENT)
        self._waiting: list[tuple[Step, LoggedEvent, int]] = []  # the same events, for the other sources

    def part(self) -> None:
        """Teach each source by a call of its own from here on; what they learn is the same."""
        self._teacher.part()

    def add(self, step: Step, event: LoggedEvent, item: int) -> None:
        """Add a step's event on an item."""
        if self._teacher.others:
            self._waiting.append((step, event, item))
        places, past, session_items = places_of(self._vocabulary, step, event), step.past, step.session_items
        if -1 in places:  # there was no room for one of them
            known = np.array(places) >= 0
            if len(past) == len(places) * PAST.itemsize:
                past = np.frombuffer(past, PAST)[known].tobytes()
            session_items = int(np.count_nonzero(known[:session_items]))
            places = [place for place in places if place >= 0]
        n, start = self._count, self._used
        end = start + len(places)
        if n == len(self._lessons.events.items) or end > len(self._lessons.past):
            self._make_room(2 * n, 2 * end)
        items, kinds, times, users, starts, recent, sessions, *_ = self._written
        items[n], kinds[n], times[n], users[n] = item, event.kind, event.time, number(step.user_id)
        starts[n + 1], sessions[n] = end, session_items
        recent[start:end] = array("i", places)
        if len(past) == (end - start) * PAST.itemsize:
            self._past[start * PAST.itemsize : end * PAST.itemsize] = past
        else:
            self._lessons.past["gap"][start:end] = np.nan
        self._count, self._used = n + 1, end

    def calls(self) -> Iterator[Callable[[], None]]:
        """Yield what to call, in order, for the sources to learn what was added; it is no longer there afterwards."""
        waiting, self._waiting = self._waiting, []
        if self._count and self._teacher.compiled:
            yield self._teach
        self._count = self._used = 0
        if waiting:
            events = interactions(self._vocabulary, waiting)
            for source in self._teacher.others:
                yield from learning_calls(source, events)

    def _make_room(self, events: int, recent: int) -> None:
        """Have room for so many events with so many recent items."""
        before = self._lessons
        rooms = {"starts": events + 1, **dict.fromkeys(("recent", "past_times", "past_counts", "past_kinds"), recent)}
        arrays = {name: grown(array, rooms.get(name, events)) for name, array in before.events._asdict().items()}
        self._lessons = before._replace(events=Events(**arrays), past=grown(before.past, recent))
        self._written: list[Any] = [
            part.data for part in self._lessons.events
        ]  # numpy takes single numbers more slowly
        self._past = self._lessons.past.view(np.uint8).data

    def _teach(self) -> None:
        held = self._teacher.held(self._lessons.events.items[: self._count])
        if not _teach(held, self._handle.of(self._lessons), self._count, len(self._vocabulary)):
            self._teacher.finish(self._interactions())

    def _interactions(self) -> Interactions:
        """The events after they were taught: their past is unpacked."""
        events, n = self._lessons.events, self._count
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
