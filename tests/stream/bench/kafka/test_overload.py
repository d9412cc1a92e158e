"""An event has waited until a slate of its user is read that knows it."""

import math

import pytest

from stream.bench.kafka.overload import Meter, Phase, Second, Slate, _row, _seconds
from stream.errors import CheckError
from stream.records.schemas import Event

T = 1_700_000_000.0


def events(*users: str) -> list[Event]:
    return [Event(event_id=f"{user}{n}", user_id=user, item_id="i", timestamp=T) for n, user in enumerate(users)]


@pytest.fixture
def meter() -> Meter:
    found = Meter(events("u", "v", "u"))
    found.due_at.update({"u0": T, "v1": T + 1, "u2": T + 2})
    return found


def test_a_slate_answers_all_events_of_its_user_up_to_its_own(meter: Meter) -> None:
    meter.read(Slate("u", "u0", T), T + 0.5)
    assert meter.waits == {"u0": 0.5}
    meter.read(Slate("u", None, T + 2), T + 9)
    assert meter.waits == {"u0": 0.5, "u2": 7.0}
    assert meter.at_once == {"u0"}


def test_a_slate_of_before_an_event_does_not_answer_it(meter: Meter) -> None:
    meter.read(Slate("u", "u0", T - 1), T + 0.5)
    assert meter.waits == {}


def test_an_event_that_is_not_sent_yet_waits_for_no_slate(meter: Meter) -> None:
    del meter.due_at["u2"]
    meter.read(Slate("u", "u0", T), T + 0.5)
    meter.read(Slate("u", "u0", T), T + 1)
    assert meter.waits == {"u0": 0.5}


def phase() -> Phase:
    return Phase(2.0, 100.0, [("view", each) for each in events("u", "v", "u")])


def test_a_phase_is_summed_up(meter: Meter) -> None:
    meter.read(Slate("u", "u0", T), T + 0.05)
    meter.read(Slate("v", None, T + 1), T + 3)
    row = _row(phase(), meter, 0.5)
    assert (row.load, row.events, row.worker_cpu) == (2.0, 3, 0.5)
    assert (row.at_once, row.in_time, row.unanswered) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (row.p50_ms, row.max_ms) == pytest.approx((1_025.0, 2_000.0))
    assert (row.once_p50_ms, row.once_p99_ms) == pytest.approx((50.0, 50.0), abs=0.01)


def test_a_phase_without_any_slate_is_an_error(meter: Meter) -> None:
    with pytest.raises(CheckError, match="overload: must measure 3 events; got no slate"):
        _row(phase(), meter, 0.5)


def test_each_second_has_the_waits_of_the_events_that_were_due_in_it(meter: Meter) -> None:
    for user, event_id, at in (("u", "u0", T), ("v", None, T + 1), ("u", "u2", T + 2)):
        meter.read(Slate(user, event_id, at), at + 0.1)
    found = _seconds([phase()], meter)
    assert [(each.second, each.load) for each in found] == [(0, 2.0), (1, 2.0), (2, 2.0)]
    assert isinstance(found[0], Second)
    assert [each.p50_ms for each in found] == pytest.approx([100.0] * 3, abs=0.01)
    assert [each.once for each in found] == [1.0, 0.0, 1.0]
    assert [each.once_ms for each in found] == pytest.approx([100.0, math.nan, 100.0], abs=0.01, nan_ok=True)
