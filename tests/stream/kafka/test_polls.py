"""A poll knows how many records wait behind it."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from stream.kafka.polls import Poll

VIEWS, CLICKS = TP("events.view", 0), TP("events.click", 0)


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_records_behind_a_poll_are_counted() -> None:
    poll = Poll([(VIEWS, records(1, 2)), (CLICKS, records(7, 9))])
    assert poll.waiting([VIEWS, CLICKS]) == 0, "the ends of the topics are unknown"
    poll.ends = {VIEWS: 13, CLICKS: 10}
    assert (poll.waiting([VIEWS, CLICKS]), poll.waiting([CLICKS]), poll.waiting([TP("other", 0)])) == (10, 0, 0)
