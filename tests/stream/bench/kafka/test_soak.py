"""What a soak concludes from its minutes, and the population that it is run with."""

import asyncio
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from stream.bench.kafka import soak
from stream.bench.kafka.soak import GROWTH, ITEMS, MAX_ITEMS, REGULARS, SETTLED_MINUTE, Minute, Soak, population


def run(*resident_mb: float, waiting: int = 0) -> Soak:
    return Soak(200.0, [Minute(n, mb, mb, 0, waiting) for n, mb in enumerate(resident_mb, 1)])


SETTLING = (100.0,) * (SETTLED_MINUTE - 1)


@pytest.mark.parametrize(
    ("minutes", "growth", "flat"),
    [
        ((*SETTLING, 400.0, 500.0, 400.0 * GROWTH), GROWTH, True),
        ((*SETTLING, 400.0, 400.0 * GROWTH + 1.0), GROWTH + 1.0 / 400.0, False),
        ((100.0, 900.0), 1.0, True),
        ((*SETTLING, 900.0), 1.0, True),
    ],
)
def test_memory_is_compared_with_the_minute_when_all_is_settled(
    minutes: tuple[float, ...], growth: float, flat: bool
) -> None:
    found = run(*minutes)
    assert found.growth == pytest.approx(growth)
    assert found.flat == flat


def test_the_most_records_that_waited() -> None:
    assert Soak(1.0, []).most_waiting == 0
    assert Soak(1.0, [*run(1.0, waiting=7).minutes, *run(1.0, waiting=3).minutes]).most_waiting == 7


def test_regulars_are_few_guests_come_once_and_items_are_more_than_can_be_learned() -> None:
    users = Counter[str]()
    items = set()
    for _, event in islice(population(), 40_000):
        users[event.user_id] += 1
        items.add(event.item_id)
    guests = [user for user in users if user.startswith("g")]
    assert {users[guest] for guest in guests} == {1}
    assert len(users) - len(guests) == REGULARS
    assert len(guests) == pytest.approx(20_000, rel=0.03)
    assert MAX_ITEMS < len(items) <= ITEMS


def test_a_minute_holds_the_median_and_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "SAMPLE_S", 0.01)
    sizes = iter([100e6, 900e6, 200e6])

    class Worker:
        def metrics(self) -> dict[str, float]:
            size = next(sizes, None)
            if size is None:
                return {}  # does not answer
            return {
                "process_resident_memory_bytes": size,
                "headwater_events_total": 70.0,
                "headwater_consumer_lag_events": 3.0,
            }

    worker: Any = Worker()
    assert asyncio.run(soak._watch(worker, 4, 0.3)) == Minute(4, 200.0, 900.0, 70, 3)
