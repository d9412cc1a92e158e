"""Requests with an Idempotency-Key: done once, answered as the first was."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from stream.gateway.answers.replays import KEPT_S, Replays, key_of
from stream.gateway.problems import Problem


class Work:
    """What a request does; counts how often."""

    def __init__(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.done, self.status, self.headers = 0, status, headers

    async def __call__(self) -> web.Response:
        self.done += 1
        return web.Response(body=str(self.done).encode(), status=self.status, headers=self.headers)


def test_a_request_is_done_once_and_answered_the_same() -> None:
    async def run() -> None:
        replays, work = Replays(), Work(207)
        first = await replays.once("shop", "k", b"body", work)
        again = await replays.once("shop", "k", b"body", work)
        assert (first.status, first.body) == (again.status, again.body) == (207, b"1")
        assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
        assert (await replays.once("other", "k", b"body", work)).body == b"2", "keys are each caller's own"
        assert (await replays.once("shop", None, b"body", work)).body == b"3"
        with pytest.raises(Problem) as refused:
            await replays.once("shop", "k", b"other body", work)
        assert (refused.value.status, work.done) == (422, 3)

    asyncio.run(run())


def test_what_may_be_sent_again_is_done_again() -> None:
    async def run() -> None:
        for work in (Work(503), Work(207, {"Retry-After": "5"})):
            replays = Replays()
            await replays.once("shop", "k", b"body", work)
            await replays.once("shop", "k", b"body", work)
            assert (work.done, len(replays)) == (2, 0)

    asyncio.run(run())


def test_two_at_once_are_a_conflict_and_a_failure_frees_the_key() -> None:
    async def run() -> None:
        replays, go = Replays(), asyncio.Event()

        async def slow() -> web.Response:
            await go.wait()
            raise ConnectionError

        first = asyncio.create_task(replays.once("shop", "k", b"body", slow))
        await asyncio.sleep(0)
        for body, status in ((b"body", 409), (b"other", 422)):
            with pytest.raises(Problem) as refused:
                await replays.once("shop", "k", body, Work())
            assert refused.value.status == status
        go.set()
        with pytest.raises(ConnectionError):
            await first
        assert (await replays.once("shop", "k", b"body", Work())).status == 200

    asyncio.run(run())


def test_answers_are_forgotten_in_time_and_the_store_is_bounded() -> None:
    async def run() -> None:
        now = [0.0]
        replays, work = Replays(100_000, lambda: now[0]), Work()
        await replays.once("shop", "k", b"body", work)
        now[0] = KEPT_S + 1
        assert (await replays.once("shop", "k", b"other", work)).body == b"2"
        for n in range(1_000):
            await replays.once("shop", f"k{n}", b"body", work)
        assert len(replays) <= 250

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "key"),
    [([], None), (['"8e03978e"'], "8e03978e"), (["8e03978e"], "8e03978e"), (['"a b"'], "a b"), ([" x "], "x")],
)
def test_a_key_may_stand_in_quotation_marks(headers: list[str], key: str | None) -> None:
    assert key_of(requested(headers)) == key


@pytest.mark.parametrize("headers", [[""], ['""'], ['"a'], ["a b"], ["é"], ["x" * 256], ["a", "b"]])
def test_what_can_be_no_key_is_refused(headers: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        key_of(requested(headers))
    assert refused.value.status == 400


def requested(keys: list[str]) -> web.Request:
    from_headers: Callable[..., web.Request] = make_mocked_request
    made = from_headers("POST", "/v1/events")
    raw = [("Idempotency-Key", key) for key in keys]
    return made.clone(headers=raw)
