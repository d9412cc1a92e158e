"""Splits and sessions, by hand."""

from typing import Any

import pytest

from stream.evaluation.prequential import Entry
from stream.evaluation.protocol import Planned, Protocol, ProtocolError, first_events, plan
from stream.records.schemas import Event, Item

GAP = 1800.0


def event(time: float, user: str, item: str, session: str | None = None) -> Entry:
    return "view", Event(event_id=f"{user}{time}", user_id=user, item_id=item, timestamp=time, session_id=session)


def planned(entries: list[Entry], **options: Any) -> list[Planned]:
    return plan(entries, Protocol(**options), GAP)


def items(found: list[Planned], *, measured: bool) -> str:
    return "".join(step.event.item_id for step in found if step.measured == measured)


# Two users; u has two sessions, the second of which is still under way at 100, and v one.
LOG = [
    event(10, "u", "a", "1"), event(20, "u", "b", "1"), event(90, "u", "c", "2"), event(95, "v", "d", "3"),
    event(98, "v", "a", "3"), event(110, "u", "a", "2"), event(120, "w", "e", "4"), event(130, "w", "a", "4"),
]  # fmt: skip


def test_without_a_split_everything_is_measured_in_order() -> None:
    assert items(planned(LOG), measured=True) == "abcdaaea"


def test_a_time_splits_events() -> None:
    found = planned(LOG, train_until=95.0)
    assert (items(found, measured=False), items(found, measured=True)) == ("abc", "daaea")


def test_a_session_is_trained_or_tested_as_a_whole() -> None:
    """Session 2 began before the cut, but ended after it: its first event is revealed, not trained."""
    found = planned(LOG, train_until=100.0, by="session")
    assert (items(found, measured=False), items(found, measured=True)) == ("abda", "caea")
    assert [step.event.user_id for step in found if step.measured] == ["u/2", "u/2", "w/4", "w/4"]
    edge = planned(LOG, train_until=98.0, by="session")
    assert items(edge, measured=False) == "ab", "an end exactly at the cut is not before it"


def test_items_unknown_in_training_are_left_out_of_the_test() -> None:
    found = planned(LOG, train_until=100.0, by="session", known_items=True)
    assert items(found, measured=True) == "aa", "c and e were never trained; what is left has nothing before it"
    assert [step.position for step in found if step.measured] == [0, 0]
    assert [step.visit.events for step in found if step.measured] == [1, 1]


def test_a_share_of_the_events_is_a_number_by_user_and_a_time_by_session() -> None:
    assert items(planned(LOG, train_fraction=0.5), measured=False) == "abcd"
    found = planned(LOG, train_fraction=0.6, by="session")
    assert items(found, measured=False) == "ab", "the fifth event is at 98, when session 3 is not over"
    assert items(planned(LOG, train_events=3), measured=False) == "abc"


def test_silence_ends_a_session_where_there_is_no_id() -> None:
    log = [event(0, "u", "a"), event(1800, "u", "b"), event(3601, "u", "c"), event(3602, "v", "d")]
    assert [step.event.user_id for step in planned(log, by="session")] == ["u#0", "u#0", "u#1", "v#0"]
    assert [step.event.user_id for step in planned(log)] == ["u", "u", "u", "v"]


def test_the_rest_of_a_session_is_known_beforehand() -> None:
    log = [event(n, "u", item) for n, item in enumerate("abba")]
    found = planned(log)
    assert [(step.position, step.visit.distinct[step.position]) for step in found] == [(0, 2), (1, 2), (2, 2), (3, 1)]
    assert found[0].visit.last == {"a": 3, "b": 2}


def test_users_with_a_later_measured_event_are_awaited() -> None:
    found = planned(LOG, train_until=100.0)
    assert [step.awaited for step in found] == [False, False, True, False, False, False, True, False]


def test_an_item_of_the_catalogue_comes_with_its_first_event_in_the_new_order() -> None:
    """a is described before its event in a test session, but training, which comes first, needs it already."""
    log = [event(1, "u", "b", "1"), Item(item_id="a"), event(2, "u", "a", "1"), event(3, "v", "a", "2"), LOG[5]]
    assert [len(step.about) for step in planned(log)] == [0, 1, 0, 0]
    log += [event(200, "u", "b", "1")]
    found = planned(log, train_until=150.0, by="session")
    assert [(step.event.item_id, len(step.about)) for step in found] == [
        ("a", 1),
        ("a", 0),
        ("b", 0),
        ("a", 0),
        ("b", 0),
    ]


@pytest.mark.parametrize(("until", "share"), [(5.0, "none"), (10.0, "none"), (500.0, "all")])
def test_a_cut_outside_the_file_is_refused(until: float, share: str) -> None:
    with pytest.raises(ProtocolError, match=rf"1970-01-01T00:00:10Z \(10\) to .* \(130\); got .* and {share} of them"):
        planned(LOG, train_until=until)


def test_nothing_can_be_split() -> None:
    assert planned([]) == []
    with pytest.raises(ProtocolError, match="holds no event"):
        planned([], train_until=3.0)


def test_the_first_events_come_with_the_items_before_them() -> None:
    log: list[Entry] = [Item(item_id="a"), LOG[0], Item(item_id="b"), LOG[1], Item(item_id="c")]
    assert first_events(iter(log), None) == log
    assert first_events(iter(log), 1) == log[:2]
    assert first_events(iter(log), 2) == log[:4]
    assert first_events(iter(log), 9) == log
