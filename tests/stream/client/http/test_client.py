"""Both clients against a server that fails in every way, by a script."""

import asyncio
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.client import NoAnswerError, Patience, ProblemError
from stream.gateway.feed import message
from stream.processes.broker import free_ports
from stream.records.schemas import Event, Item
from tests.support.clients import CLIENTS, first
from tests.support.scripted import Step, scripted

MUG = Step(body=b'{"item_id": "mug", "price": 8.5}', headers={"ETag": '"v1"'})
BUSY = Step(503, b'{"title": "", "status": 503, "detail": "Kafka did not acknowledge it"}')
VIEW = Event(type="view", event_id="e-1", user_id="ada", item_id="mug", timestamp=1.7e9)
WRITTEN = Step(body=b'{"accepted": 1, "errors": []}')
LOST, LATE = Step(0), MUG._replace(after_s=1.5)

pytestmark = pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.__name__)


def test_what_is_sent_and_what_comes_back(make: Any) -> None:
    async def use() -> None:
        with scripted(MUG) as server:
            async with make(f"{server.url}/shop/", "hw_secret") as client:
                item, etag = await client.get_item("mug, blue")
                await client.get_item("mug")
        assert (item.price, etag) == (8.5, '"v1"')
        assert server.sent[0].path == "/shop/v1/items/mug%2C%20blue"
        assert server.sent[0].headers["authorization"] == "Bearer hw_secret"
        assert server.sent[0].client == server.sent[1].client, "the connection is kept"

    asyncio.run(use())


def test_a_body_is_sent_whole(make: Any) -> None:
    async def use() -> None:
        with scripted(Step(202, b'{"item_id": "mug"}')) as server:
            async with make(server.url) as client:
                await client.put_item(Item(item_id="mug", title="Mug é"), if_match='"v1"')
                await client.patch_item("mug", {"price": None})
        whole, change = server.sent
        assert msgspec.json.decode(whole.body) == {"item_id": "mug", "title": "Mug é"}
        assert whole.headers["if-match"] == '"v1"'
        assert change.headers["content-type"] == "application/merge-patch+json"
        assert "authorization" not in change.headers

    asyncio.run(use())


@pytest.mark.parametrize("failures", [(BUSY,), (LOST,), (BUSY, LOST, BUSY)], ids=["busy", "lost", "both"])
def test_events_are_sent_again_until_they_are_written(make: Any, failures: tuple[Step, ...]) -> None:
    async def use() -> None:
        with scripted(*failures, WRITTEN) as server:
            async with make(server.url) as client:
                assert (await client.write_events(VIEW)).accepted == 1
        assert len(server.sent) == len(failures) + 1
        assert len({each.body for each in server.sent}) == 1, "the same events, so they count once"

    asyncio.run(use())


@pytest.mark.parametrize("failure", [BUSY, LOST], ids=["busy", "lost"])
def test_what_may_have_been_carried_out_is_not_sent_twice(make: Any, failure: Step) -> None:
    async def use() -> None:
        with scripted(failure) as server:
            async with make(server.url) as client:
                for call in (client.issue_token("ada"), client.patch_item("mug", {"price": 8}, if_match='"v1"')):
                    with pytest.raises((ProblemError, NoAnswerError)):
                        await call
        assert [each.method for each in server.sent] == ["POST", "PATCH"]

    asyncio.run(use())


def test_the_gateway_says_how_long_to_wait(make: Any) -> None:
    async def use() -> None:
        with scripted(Step(429, b"", {"Retry-After": "1"}), MUG) as server:
            async with make(server.url) as client:
                began = time.monotonic()
                await client.get_item("mug")
                assert 1.0 <= time.monotonic() - began < 4.0
        with scripted(Step(429, b"", {"Retry-After": "60"}), MUG) as server:
            async with make(server.url) as client:
                began = time.monotonic()
                with pytest.raises(ProblemError) as caught:
                    await client.get_item("mug")
                assert caught.value.retry_after_s == 60.0
                assert time.monotonic() - began < 4.0, "a wait beyond its time is told at once"
        assert len(server.sent) == 1

    asyncio.run(use())


def test_a_call_ends_in_time(make: Any) -> None:
    async def use() -> None:
        with scripted(LATE) as server:
            async with make(server.url, patience=Patience(timeout_s=0.4)) as client:
                began = time.monotonic()
                with pytest.raises(NoAnswerError, match=r"GET /v1/items/mug: no answer") as caught:
                    await client.get_item("mug")
                assert time.monotonic() - began < 1.4
                assert caught.value.sent

    asyncio.run(use())


def test_a_body_in_drops_is_bounded_too(make: Any) -> None:
    drops = Step(pieces=(b" ",) * 100)  # each of them comes in time

    async def use() -> None:
        with scripted(drops) as server:
            async with make(server.url, patience=Patience(timeout_s=0.5)) as client:
                began = time.monotonic()
                with pytest.raises(NoAnswerError):
                    await client.get_item("mug")
                assert time.monotonic() - began < 1.6

    asyncio.run(use())


def test_certificates_are_checked(make: Any, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)

    async def use() -> None:
        with scripted(MUG, tls=served) as server:
            trusting = ssl.create_default_context(cafile=str(certificate))
            async with make(server.url, ssl_context=trusting) as client:
                assert (await client.get_item("mug")).record.price == 8.5
            async with make(server.url, patience=Patience(retries=0)) as client:
                with pytest.raises(NoAnswerError, match=r"(?i)certificate"):
                    await client.get_item("mug")

    asyncio.run(use())


def test_nobody_listens(make: Any) -> None:
    async def use() -> None:
        async with make(f"http://127.0.0.1:{free_ports(1)[0]}", patience=Patience(retries=1)) as client:
            with pytest.raises(NoAnswerError) as caught:
                await client.issue_token("ada")
            assert not caught.value.sent
            with pytest.raises(NoAnswerError):
                await first(client.stream(), 1)

    asyncio.run(use())


def event(item: str) -> bytes:
    return message("event", {"user_id": "ada", "type": "view", "item_id": item, "title": item})


def test_a_stream_goes_on_after_it_was_lost(make: Any) -> None:
    whole = event("b") + b": alive\n\n" + event("c")
    stream = {"Content-Type": "text/event-stream"}
    begun = Step(headers=stream, pieces=(event("a"), b"event: ev"))
    steps = (begun, LOST, BUSY, Step(headers=stream, pieces=(whole[:30], whole[30:])))

    async def use() -> None:
        with scripted(*steps) as server:
            async with make(server.url) as client:
                found = await first(client.stream(["event", "slate"], user="ada"), 3)
        assert [each.item_id for each in found] == ["a", "b", "c"]
        assert len(server.sent) >= 4
        assert {each.path for each in server.sent} == {"/v1/stream?topics=event%2Cslate&user=ada"}

    asyncio.run(use())


def test_a_stream_that_is_refused_ends(make: Any) -> None:
    problem = b'{"title": "", "status": 403, "detail": "topics: a token reads its own only"}'

    async def use() -> None:
        with scripted(Step(403, problem)) as server:
            async with make(server.url) as client:
                with pytest.raises(ProblemError, match="a token reads its own only"):
                    await first(client.stream(["stats"]), 1)
        assert len(server.sent) == 1

    asyncio.run(use())
