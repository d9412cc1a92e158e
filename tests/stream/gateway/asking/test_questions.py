"""Questions of a gateway to the model: kept, shared, merged, and what is said when nobody answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stream.gateway.asking.questions import FRESH_S, LAST_S, Asked, Questions, Told
from stream.gateway.asking.requester import Failed
from tests.support.served import Model, answered

LATE = Failed("late", "no worker has answered within 250 ms")
SIMILAR = Asked("similar", "a")


class Site:
    """Questions to a scripted model, with a clock of its own."""

    def __init__(self, model: Model) -> None:
        self.model, self.now, self.counted = model, 100.0, Counter[tuple[str, str]]()
        asked: Any = model
        self.questions = Questions(asked, lambda *found: self.counted.update([found]), lambda: self.now)

    def run(self, use: Callable[["Site"], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            return await use(self)

        return asyncio.run(whole())

    def ask(self, asked: Asked = SIMILAR) -> Told:
        found = self.run(lambda site: site.questions.ask(asked, 250))
        assert isinstance(found, Told)
        return found


def test_an_answer_is_kept_for_a_second() -> None:
    site = Site(Model(answered("b"), partitions=3))
    first = site.ask()
    assert ([each.item_id for each in first.items], first.stale) == (["b"], "")
    site.now += FRESH_S
    assert site.ask() == first
    assert len(site.model.asked) == 1
    site.now += 0.01
    site.ask()
    site.ask(Asked("popular"))
    site.ask(Asked("popular", category="tea"))
    assert [(kind, of, category) for kind, of, category, *_ in site.model.asked] == [
        ("similar", "a", None), ("similar", "a", None), ("popular", None, None), ("popular", None, "tea"),
    ]  # fmt: skip
    assert {partition for *_, partition in site.model.asked} == {0, 1, 2}, "workers take turns"


def test_who_asks_meanwhile_gets_the_same_answer() -> None:
    site = Site(Model(answered("b")))
    told = site.run(lambda site: asyncio.gather(*(site.questions.ask(SIMILAR, 250) for _ in range(20))))
    assert len(site.model.asked) == 1
    assert len(set(told)) == 1


def test_one_who_leaves_takes_nobodys_answer_along() -> None:
    async def leave(site: Site) -> Told:
        gone, stays = (asyncio.create_task(site.questions.ask(SIMILAR, 250)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert Site(Model(answered("b"))).run(leave).came


def test_another_partition_is_asked_when_one_does_not_answer() -> None:
    site = Site(Model(LATE, answered("b"), partitions=2))
    assert site.ask().came
    assert site.ask(Asked("similar", "b")).came
    assert {within_ms for _, _, _, within_ms, _ in site.model.asked} == {125}
    assert len(site.model.asked) == 3


def test_the_last_answer_stands_in_for_one_that_does_not_come() -> None:
    site = Site(Model(answered("b")))
    site.ask()
    site.model.answers = (LATE,)
    site.now += LAST_S
    told = site.ask()
    assert ([each.item_id for each in told.items], told.stale) == (["b"], LATE.reason)
    site.now += 0.01
    told = site.ask()
    assert (told.came, told.status, told.items, told.reason) == (False, "late", (), LATE.reason)
    assert site.counted == {("similar", "answered"): 1, ("similar", "late"): 2}


@pytest.mark.parametrize("status", ["full", "unsent"])
def test_nothing_is_kept_of_a_failure(status: str) -> None:
    site = Site(Model(Failed(status, "why")))
    assert (site.ask().status, site.ask().came) == (status, False)
    site.model.answers = (answered("b"),)
    assert site.ask().came


def test_users_of_all_partitions_are_merged() -> None:
    parts = (answered(users=[("x", 0.5), ("y", 0.1)]), answered(users=[("z", 0.3)]), answered(status="unknown"))
    site = Site(Model(*parts, partitions=3))
    told = site.ask(Asked("audience", "a"))
    assert [(each.user_id, each.score) for each in told.users] == [("x", 0.5), ("z", 0.3), ("y", 0.1)]
    assert (told.status, told.partitions, told.reason) == ("answered", (3, 3), "")
    assert {partition for *_, partition in site.model.asked} == {0, 1, 2}
    site.ask(Asked("audience", "a"))
    assert len(site.model.asked) == 3, "kept"


def test_users_of_partitions_that_do_not_answer_are_missing_and_that_is_not_kept() -> None:
    site = Site(Model(answered(users=[("x", 0.5)]), LATE, partitions=4))
    told = site.ask(Asked("similar_users", "u"))
    assert ([each.user_id for each in told.users], told.partitions, told.reason) == (["x", "x"], (2, 4), LATE.reason)
    site.ask(Asked("similar_users", "u"))
    assert len(site.model.asked) == 8
    site.model.answers = (LATE,)
    told = site.ask(Asked("similar_users", "u"))
    assert (told.came, told.status, told.partitions) == (False, "late", (0, 4))


def test_a_user_whom_no_partition_knows_is_unknown() -> None:
    site = Site(Model(answered(status="unknown"), partitions=2))
    told = site.ask(Asked("similar_users", "u"))
    assert (told.status, told.came, told.users) == ("unknown", True, ())


def test_at_the_end_nobody_waits() -> None:
    async def end(site: Site) -> bool:
        async def never(*_: Any) -> Any:
            await asyncio.sleep(60)

        site.model.question = never  # type: ignore[method-assign, assignment]
        waiting = asyncio.create_task(site.questions.ask(SIMILAR, 250))
        await asyncio.sleep(0.01)
        await site.questions.stop()
        await asyncio.gather(waiting, return_exceptions=True)
        return waiting.cancelled()

    assert Site(Model()).run(end)
