"""`headwater watch`: what is there already comes first, and the limit holds."""

from typing import cast

from stream.client.slates import Refresh, Slates
from stream.client.watch import Watcher
from stream.commands.operate.watch import _arrivals
from tests.support.demo import publish


class Polled:
    """A watcher whose polls bring one slate each."""

    def __init__(self, there: int) -> None:
        self.slates = Slates()
        for n in range(there):
            publish(self.slates, f"u{n}", ["a"], None, float(n))
        self.polls = 0

    def poll(self) -> list[Refresh]:
        self.polls += 1
        return [publish(self.slates, "late", ["b"], None, 100.0 + self.polls)]


def users(watcher: Polled, limit: int) -> list[list[str]]:
    return [[each.slate.user_id for each in shown] for shown in _arrivals(cast("Watcher", watcher), limit)]


def test_slates_that_are_there_come_first() -> None:
    watcher = Polled(there=2)
    assert users(watcher, 4) == [["u0", "u1"], ["late"], ["late"]]
    assert watcher.polls == 2


def test_a_limit_below_what_is_there_needs_no_poll() -> None:
    watcher = Polled(there=3)
    assert users(watcher, 2) == [["u0", "u1"]]
    assert watcher.polls == 0
