"""The learners' inputs from the steps of the log."""

import msgspec
import numpy as np

from learners import Interaction, Vocabulary
from stream.model.fold import Model
from stream.model.interactions import interaction, interactions
from stream.records.log import (
    LoggedEvent,
    Step,
)
from stream.state.user import Seen
from tests.support.logs import CONFIG, T
from tests.support.users import packed_past


def test_many_steps_are_converted_like_each_of_them() -> None:
    vocabulary = Vocabulary("abcd")
    event = LoggedEvent(0, 0, "e", "a", 2, T, None, None)
    past = packed_past([Seen(1, False, 0, T - 60.0), Seen(3, True, 2, T - 5.0, T - 5.0)], T)
    told = [
        (Step("u", event, ["b", "c"], 1, None, None, None, past=past), event, 0),
        (Step("v", msgspec.structs.replace(event, time=T + 9.0, kind=1), [], 0, None, None, None), event, 3),
        (Step("w", event, ["d", "a"], 2, None, None, None, {"country": "NL"}, past), event, 1),
    ]
    lost = [*told, (Step("x", event, ["c", "lost"], 2, None, None, None, past=past), event, 2)]
    for steps in (told, lost):
        many = list(interactions(vocabulary, steps).each())
        for found, expected in zip(many, (interaction(vocabulary, *each) for each in steps), strict=True):
            for field in Interaction._fields:
                one, other = getattr(found, field), getattr(expected, field)
                for a, b in zip(one, other) if field == "past" else [(one, other)]:
                    assert np.array_equal(a, b) if isinstance(b, np.ndarray) else a == b, field


def test_items_without_room_are_left_out_of_the_history() -> None:
    """The history of the other items stays aligned with them."""
    model = Model(CONFIG)
    for item in "ab":
        model.vocabulary.intern(item)
    event = LoggedEvent(0, 0, "e", "a", 0, T, None, None)
    past = packed_past([Seen(n, bought=False, kind=n, time=T - n) for n in (1, 2, 0)], T)
    told = interaction(model.vocabulary, Step("u", event, ["a", "lost", "b"], 2, None, None, None, past=past), event, 0)
    assert (told.recent.tolist(), told.session.tolist()) == ([0, 1], [0])
    assert (told.past.counts.tolist(), told.past.kinds.tolist()) == ([1, 0], [1, 0])
    assert told.past.times.tolist() == [T - 1, T]
    untold = interaction(model.vocabulary, Step("u", event, ["lost", "b"], 0, None, None, None), event, 0)
    assert (untold.recent.tolist(), len(untold.past.times)) == ([1], 0)
