"""Whether a slate knows an event, whichever of the two arrives first."""

import asyncio
import itertools
import random

import pytest

from stream.gateway.memory.answered import Answered
from stream.records.schemas import Event, Recommendation


def event(name: str, at: float = 1.0, user: str = "ada") -> Event:
    return Event(event_id=name, user_id=user, item_id="tea", timestamp=at)


def slate(cause: str | None, at: float = 1.0, user: str = "ada") -> Recommendation:
    return Recommendation(
        user_id=user, decision_id="1.0.0", event_id=cause, timestamp=at, model_version=1, epoch=1, policy="p", slots=[]
    )


def test_a_slate_knows_its_own_event_and_those_written_before() -> None:
    answered = Answered(100, 100)
    for n, name in enumerate("abc"):
        answered.event(event(name, at=n), written=10.0 + n)
    assert not any(answered.knows("ada", name) for name in "abc")
    answered.slate(slate("b"))
    assert [answered.knows("ada", name) for name in "abc"] == [True, True, False]
    answered.event(event("late", at=0.5), written=10.5)  # read after a slate that knows it
    assert answered.knows("ada", "late")
    assert not answered.knows("ben", "a")
    answered.slate(slate("a"))
    assert [answered.knows("ada", name) for name in "abc"] == [True, True, False], "what is known stays known"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_events_and_slate_may_arrive_in_any_order(order: tuple[int, ...]) -> None:
    """The slate that `b` caused knows `a`, which was written before it."""
    answered = Answered(100, 100)
    arrivals = [
        lambda: answered.event(event("a", 1.0), 10.0), lambda: answered.event(event("b", 2.0), 11.0),
        lambda: answered.slate(slate("b", 2.0)),
    ]  # fmt: skip
    for n in order:
        arrivals[n]()
    assert answered.knows("ada", "a")
    assert answered.knows("ada", "b")


def test_a_deferred_slate_knows_the_event_of_its_time_a_refreshed_one_what_was_known() -> None:
    answered = Answered(100, 100)
    answered.event(event("a", at=1.0), 10.0)
    answered.event(event("b", at=2.0), 11.0)
    answered.slate(slate(None, at=7.0))
    assert not answered.knows("ada", "a"), "a refreshed slate may have been made before the event was taken"
    answered.slate(slate(None, at=1.0))
    assert [answered.knows("ada", name) for name in "ab"] == [True, False]
    answered.slate(slate(None, at=7.0))
    assert [answered.knows("ada", name) for name in "ab"] == [True, False]


def test_it_waits_until_the_slate_is_there_or_the_time_is_up() -> None:
    async def run() -> None:
        answered = Answered(100, 100)
        waiting = [asyncio.create_task(answered.wait("ada", name, 5.0)) for name in ("a", "a", "b")]
        other = asyncio.create_task(answered.wait("ben", "a", 0.05))
        await asyncio.sleep(0.01)
        answered.event(event("a"), 10.0)
        answered.slate(slate("a"))
        assert await asyncio.gather(*waiting[:2]) == [True, True]
        assert await other is False
        assert not waiting[2].done()
        answered.slate(slate("b"))
        assert await waiting[2] is True
        gone = asyncio.create_task(answered.wait("ada", "c", 5.0))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert not answered._waiting
        assert await answered.wait("ada", "a", 0.0) is True

    asyncio.run(run())


def test_what_it_remembers_is_bounded() -> None:
    answered, rng = Answered(50, 20), random.Random("bounds")
    for n in range(500):
        user = f"u{rng.randrange(100)}"
        answered.event(event(f"e{n}", at=n, user=user), n)
        answered.slate(slate(f"e{n}", at=n, user=user))
    assert (len(answered._written), len(answered._at), len(answered._cause), len(answered._known)) == (50, 50, 20, 20)
    answered.forget("u1")
    assert not answered.knows("u1", "e1")
