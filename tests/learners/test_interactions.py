"""Many interactions as flat arrays: there and back, and how sources learn them."""

import numpy as np
import pytest

from learners import CoVisitation, Impersonal, Interaction, Source
from learners.base import NO_HISTORY, Past
from learners.interactions import Interactions, learn_all, learning_calls, require_all_known


def _event(item: int, recent: list[int], session: int, user: int = 0, *, known: bool = False) -> Interaction:
    past = np.array(recent, np.int32)
    n = len(recent)
    times = np.arange(n, dtype=np.float64)
    actions = Past(times + 0.5, np.ones(n, np.int32), np.full(n, 2, np.uint8), times - 0.5)
    return Interaction(
        item, item % 3, 10.0 * item, past, past[:session], user, {"n": str(item)}, actions if known else NO_HISTORY
    )


EVENTS = [_event(4, [1, 2, 3], 2, user=-7, known=True), _event(1, [], 0), _event(2, [5], 1, user=2**62)]


def test_events_come_back_as_they_were() -> None:
    found = list(Interactions.of(EVENTS).each())
    for event, back in zip(EVENTS, found, strict=True):
        assert (back.item, back.kind, back.time, back.user, back.traits) == (*event[:3], event.user, event.traits)
        assert back.recent.tolist() == event.recent.tolist()
        assert back.session.tolist() == event.session.tolist()
        assert [part.tolist() for part in back.past] == [part.tolist() for part in event.past]


def test_an_unknown_actionsstays_unknown() -> None:
    joined = Interactions.of(EVENTS)
    assert joined.starts.tolist() == [0, 3, 3, 4]
    assert np.isnan(joined.past.times).tolist() == [False, False, False, True]
    assert [len(event.past.times) for event in joined.each()] == [3, 0, 0]


def test_no_events_are_no_events() -> None:
    assert list(Interactions.of([]).each()) == []


class _OneByOne(Impersonal):
    def __init__(self) -> None:
        self.learned: list[int] = []

    def learn_one(self, event: Interaction) -> None:
        self.learned.append(event.item)


def test_a_source_without_learn_many_learns_one_by_one() -> None:
    source: Source = _OneByOne()  # type: ignore[assignment]  # all that is called here
    assert len(list(learning_calls(source, Interactions.of(EVENTS)))) == 3
    learn_all(source, Interactions.of(EVENTS))
    assert source.learned == [4, 1, 2]  # type: ignore[attr-defined]
    assert len(list(learning_calls(CoVisitation(), Interactions.of(EVENTS)))) == 1


def test_the_first_unknown_item_is_refused() -> None:
    require_all_known("source", np.array([0, 4], np.int32), 5)
    require_all_known("source", np.empty(0, np.int32), 0)
    with pytest.raises(IndexError, match="got 7: "):
        require_all_known("source", np.array([4, 7, -1], np.int32), 5)
