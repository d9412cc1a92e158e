"""Work that is asked for takes a share of the loop, and no more than a few may wait."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from stream.serving.turns import PAUSE, WAITING, BusyError, Turns


def part_by_part(work_s: float, parts: int) -> Iterator[int]:
    for n in range(parts):
        until = time.thread_time() + work_s
        while time.thread_time() < until:
            pass
        yield n


def test_beyond_a_short_queue_requests_are_refused_and_the_others_answered() -> None:
    async def burst() -> list[int | BaseException | None]:
        turns = Turns()
        turns._free_at = time.monotonic() + 1.0  # all have asked before the first has its turn
        asked = [turns.last(part_by_part(0.001, 3)) for _ in range(40)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(burst())
    assert found[:WAITING] == [2] * WAITING
    assert all(isinstance(each, BusyError) for each in found[WAITING:])
    assert len(found) == 40


def test_most_of_the_loop_is_left_to_others() -> None:
    async def shared() -> tuple[float, float]:
        turns, began = Turns(), time.monotonic()
        await asyncio.gather(*(turns.last(part_by_part(0.004, 5)) for _ in range(WAITING)))
        return WAITING * 5 * 0.004, time.monotonic() - began

    work_s, whole_s = asyncio.run(shared())
    assert whole_s > work_s * (1 + PAUSE) * 0.8


def test_waiting_for_the_processor_is_not_paid_for_again() -> None:
    """On a machine that others keep busy, a part takes longer by the clock; the pause after it does not."""

    def slept() -> Iterator[int]:
        for n in range(5):
            time.sleep(0.02)
            yield n

    async def whole() -> float:
        began = time.monotonic()
        await Turns().last(slept())
        return time.monotonic() - began

    assert asyncio.run(whole()) < 5 * 0.02 * (1 + PAUSE) * 0.6


def test_a_failure_or_a_caller_who_leaves_frees_the_turn() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise KeyError("u1")

    async def after() -> int | None:
        turns = Turns()
        with pytest.raises(KeyError):
            await turns.last(fails())
        leaving = asyncio.ensure_future(turns.last(part_by_part(0.005, 100)))
        await asyncio.sleep(0.02)
        leaving.cancel()
        await asyncio.wait({leaving})
        assert turns.waiting == 0
        return await turns.last(iter([7]))

    assert asyncio.run(after()) == 7
