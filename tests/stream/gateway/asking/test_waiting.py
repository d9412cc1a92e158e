"""Who waits: bounded, each answered once, only those of this gateway."""

import asyncio

import pytest

from stream.gateway.asking.waiting import FullError, Waiting
from stream.records.requests import Response


def response(request_id: str, status: str = "busy") -> Response:
    return Response(request_id=request_id, user_id="ada", status=status)  # type: ignore[arg-type]  # a literal


def test_an_answer_reaches_who_asked_and_the_second_is_passed_over() -> None:
    async def use() -> None:
        waiting = Waiting(9)
        with waiting.one() as (one, first), waiting.one() as (two, second):
            assert one != two
            waiting.answer(response(two))
            waiting.answer(response(two, "late"))
            waiting.answer(response(Waiting(9).prefix + "0"))
            assert (await second).status == "busy"
            assert not first.done()
        waiting.answer(response(one))
        assert len(waiting) == 0
        assert first.cancelled()

    asyncio.run(use())


def test_no_more_wait_than_may_and_who_leaves_makes_room() -> None:
    async def use() -> None:
        waiting = Waiting(2)
        with waiting.one():
            with waiting.one(), pytest.raises(FullError), waiting.one():
                pass
            assert len(waiting) == 1
            with pytest.raises(TimeoutError), waiting.one() as (_, answer):
                await asyncio.wait_for(answer, 0.01)
            with waiting.one():
                assert len(waiting) == 2

    asyncio.run(use())


def test_a_gateway_that_starts_again_has_other_ids() -> None:
    assert Waiting(1).prefix != Waiting(1).prefix
