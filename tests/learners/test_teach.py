"""The compiled call against each source's own learning; tests/stream/model/test_lessons.py has many events of users."""

from operator import is_, is_not
from typing import Any

import numpy as np

from learners import Interaction, Interactions, Popularity, Repeats, Source
from learners.board import SEATS, Board
from learners.teach import Events, Teacher, teach

NOTHING = np.empty(0, np.int32)


def nine() -> list[Any]:
    """All that sit on the board."""
    return [Popularity(name) if make is Popularity else make() for name, make in SEATS.items()]


def test_what_had_no_room_is_learned_afterwards() -> None:
    sources, alone = nine(), nine()
    events = Interactions.of(
        [Interaction(n % 3, n % 3, float(n), np.array([1], np.int32), NOTHING, user=1 + n) for n in range(40)]
    )
    for each in (*sources, *alone):
        each.add_item(2)
    for source in alone:
        source.learn_many(events)
    teacher = Teacher(sources, Board(sources))
    part = Events(*events[:7], events.past.times, events.past.counts, events.past.kinds)
    done = teach(teacher.ready(events.items.tolist(), 3), part, 3, teacher.paces, teacher.learned)
    assert not done
    assert teacher.learned.tolist() == [40, 40, 0, 0], "nothing kept about single users has room at first"
    teacher.finish(events)
    for one, other in zip(sources, alone, strict=True):
        assert [a.tobytes() for a in one.state().values()] == [a.tobytes() for a in other.state().values()]


def test_a_source_that_is_missing_leaves_all_to_python() -> None:
    some: list[Source] = [Popularity(), Repeats()]
    teacher = Teacher(some, Board(some))
    assert not teacher.compiled
    assert teacher.others == some


def test_new_items_that_have_room_leave_the_arrays_as_they_are() -> None:
    sources = nine()
    teacher = Teacher(sources, Board(sources))
    taken = []
    for item in range(200):
        for source in sources:
            source.add_item(item)
        teacher.outdate()  # as after an item's description
        into = teacher.ready([item], item + 1)
        popular = sources[list(SEATS).index("popularity")].arrays
        assert all(map(is_, into.popularity, popular)), "never arrays that were left behind"
        taken.append(into)
    others = sum(map(is_not, taken, taken[1:]))
    assert 0 < others < 20, "to pass other arrays to compiled code takes as long as a slate"
