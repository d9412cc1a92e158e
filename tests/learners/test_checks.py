"""Laws find sources that break them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learners import Popularity, Query, RecentlySeen, Source, yield_checks
from learners.base import State
from learners.checks import Check

Listed = tuple[NDArray[np.int32], NDArray[np.float32]]


class Forgetful(Popularity):
    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        self._counts.unit[0] *= 2.0
        return super().score_many(query, items)


def test_a_query_that_changes_the_state_is_found() -> None:
    broken = {check.id.split(":")[1] for check in yield_checks(Forgetful()) if _fails(check)}
    assert {"check_prediction_changes_nothing", "check_same_events_same_state"} <= broken


def _fails(check: Check) -> bool:
    try:
        check.run()
    except AssertionError:
        return True
    return False


class Reversed(RecentlySeen):
    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> Listed:
        items, scores = super().top_k(query, k, blocked)
        return items[::-1], scores[::-1]


class Heedless(Popularity):
    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> Listed:
        return super().top_k(query, k, np.zeros_like(blocked))


class Hoarding(Popularity):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def learn_one(self, event: Any) -> None:
        super().learn_one(event)
        self.seen.append(event.item)

    def learn_many(self, events: Any) -> None:
        for event in events.each():
            self.learn_one(event)

    def state(self) -> dict[str, NDArray[Any]]:
        return {**super().state(), "seen": np.array(self.seen, np.int32)}

    def restore(self, state: State) -> None:
        super().restore({name: array for name, array in state.items() if name != "seen"})
        self.seen = state["seen"].tolist()


@pytest.mark.parametrize(
    ("make", "law"),
    [
        (Reversed, "check_top_k_order"),
        (Heedless, "check_blocked_honoured"),
        (Hoarding, "check_bounded_memory"),
    ],
)
def test_a_source_that_breaks_one_law_is_found(make: Callable[[], Source], law: str) -> None:
    broken = {check.id.split(":")[1] for check in yield_checks(make()) if _fails(check)}
    assert law in broken
