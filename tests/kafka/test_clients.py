"""Clients against a real gateway with a worker: every request, and the quickstarts as they stand."""

import asyncio
import http.client
import itertools
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.client import ProblemError
from stream.config import Gateway
from stream.gateway.guard.keys import new_key
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.http.answers import ServedSlate
from stream.records.http.asked import SlateRequest
from stream.records.http.messages import MESSAGES, Figures, StreamedEvent, StreamedOutcome
from stream.records.schemas import Event, Item
from stream.records.topics import ITEMS
from tests.support.clients import CLIENTS, first
from tests.support.contract import CLOSED, DOCUMENT, check_answer, errors
from tests.support.kafka_site import Site, until
from tests.support.typescript import Project

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "clients.md", ROOT / "clients" / "typescript" / "README.md"
ADDRESS = "http://127.0.0.1:8080"
KEY, LINE = new_key("shop", "events+catalogue+slates+admin")

pytestmark = pytest.mark.kafka


class Place(NamedTuple):
    """A site with a worker, a gateway that needs a key, and one that is open."""

    site: Site
    locked: GatewayProcess
    open: GatewayProcess


@pytest.fixture(scope="module")
def place(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients")
    site = Site(broker.address, "clients")
    for item in ("teapot", "oolong", "cups"):
        site.write(ITEMS, item.encode(), msgspec.json.encode(Item(item_id=item, title=item.title())))
    site.producer.flush(30)
    locked = msgspec.structs.replace(
        site.config, gateway=Gateway(keys=LINE, token_secret="s" * 32, rate=1e6, burst=1e6)
    )
    with (
        WorkerProcess(site.config, folder / "worker") as worker,
        GatewayProcess(locked, folder / "locked", workers=worker.pages) as shut,
        GatewayProcess(site.config, folder / "open", workers=worker.pages) as ajar,
    ):
        for process in (worker, shut, ajar):
            process.wait_ready()
        yield Place(site, shut, ajar)
    site.close()


def event(user: str, item: str, **fields: Any) -> Event:
    found: dict[str, Any] = {"type": "view", "event_id": str(uuid.uuid4()), "timestamp": time.time()} | fields
    return Event(user_id=user, item_id=item, **found)


async def eventually(ask: Any, fits: Any, within_s: float = 30.0) -> Any:
    """What is asked for, as soon as it fits."""
    ends = time.monotonic() + within_s
    while True:
        try:
            if fits(found := await ask()):
                return found
        except ProblemError as error:
            if error.status not in (404, 503):
                raise
        assert time.monotonic() < ends, "must come"
        await asyncio.sleep(0.05)


async def meanwhile(
    listening: Coroutine[Any, Any, Any], do: Callable[[], Awaitable[None]], within_s: float = 30.0
) -> Any:
    """What a stream brings, while something is done again and again: the first time may be before it is open."""
    task, ends = asyncio.create_task(listening), time.monotonic() + within_s
    while not task.done():
        assert time.monotonic() < ends, "must be heard"
        await do()
        await asyncio.wait({task}, timeout=0.5)
    return task.result()


@pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.__name__)
def test_every_request(place: Place, make: Any) -> None:
    shopper = make.__name__

    async def use() -> None:
        async with make(place.locked.pages, KEY) as client:

            async def click() -> None:
                await client.write_events(event(shopper, "oolong", type="click"))

            one = event(shopper, "teapot")
            assert (await client.write_events(one, event(shopper, "cups", timestamp=one.timestamp + 1))).accepted == 2
            slate = await eventually(lambda: client.recommendations(shopper), lambda found: not found.fallback)
            assert {item.item_id for item in slate.items} <= {"teapot", "oolong", "cups", "mug, blue"}
            assert (await client.recommendations(shopper, k=1, exclude=["cups", "a,b"])).left_out.excluded <= 1
            heard = await meanwhile(first(client.stream(["event", "slate"], user=shopper), 2), click)
            assert {type(each) for each in heard} <= {StreamedEvent, ServedSlate}
            assert isinstance((await meanwhile(first(client.stream(["stats"]), 1), click))[0], Figures)
            settled = await meanwhile(first(client.stream(["outcome"], user=shopper), 1), click)
            assert isinstance(settled[0], StreamedOutcome)
            last = event(shopper, "cups")
            await client.write_events(last, idempotency_key=last.event_id)
            asked = await client.recommendations(shopper, fields=["price", "available"], after=last.event_id, lang="en")
            assert (asked.after.event_id, asked.after.known) == (last.event_id, True)
            assert all(item.available for item in asked.items)
            assert (await client.write_events(last, idempotency_key=last.event_id)).accepted == 1
            now = await client.recommend(shopper, k=2, exclude=["cups"], fields=["price"], deadline_ms=5_000)
            assert (now.status, now.stale) == ("fresh", None)
            assert "cups" not in {item.item_id for item in now.items}
            several = await client.recommend_several(
                SlateRequest(user_id=shopper, k=1, deadline_ms=5_000), SlateRequest(user_id=" ")
            )
            assert [each.slate and each.slate.user_id for each in several.answers] == [shopper, None]
            assert several.answers[1].problem.status == 422
            explained = await eventually(lambda: client.explanation(shopper), lambda found: found.slots)
            assert explained.user_id == shopper

            some = await client.write_events(one, event(shopper, "cups", timestamp=1.0))
            assert [(each.index, each.reason) for each in some.errors] == [(1, "bad_timestamp")]
            with pytest.raises(ProblemError, match="no event was written") as refused:
                await client.write_events(event(shopper, "cups", timestamp=1.0))
            assert refused.value.problem.errors[0].reason == "bad_timestamp"
            assert not refused.value.retriable

            await client.put_item(Item(item_id="mug, blue", title=f"Mug of {shopper}", price=9.0))
            item, etag = await eventually(lambda: client.get_item("mug, blue"), lambda found: shopper in found[0].title)
            assert (await client.patch_item("mug, blue", {"price": 8.0}, if_match=etag)).item_id == "mug, blue"
            await eventually(lambda: client.get_item("mug, blue"), lambda found: found[0].price == 8.0)
            with pytest.raises(ProblemError) as stale:
                await client.put_item(item, if_match=etag)
            assert stale.value.status == 412
            found = await client.search(f"mug of {shopper.upper()}", k=5)
            assert [each.item_id for each in found.items] == ["mug, blue"]
            assert (await client.similar("teapot", k=3, exclude=["mug, blue"])).asked == 3
            listed, cursor = list[str](), None
            while not listed or cursor:
                page = await client.list_items(cursor=cursor, limit=2, fields=["price"])
                listed, cursor = listed + [each.item_id for each in page.items], page.next
            assert listed == ["cups", "mug, blue", "oolong", "teapot"]
            assert shopper in (await client.list_users(limit=500)).users
            await client.drop_item("mug, blue")

            await client.put_user(shopper, {"country": "NL", "age": 7})
            await client.patch_user(shopper, {"age": None})
            known, _ = await eventually(
                lambda: client.get_user(shopper), lambda found: "age" not in found[0].attributes
            )
            assert known.attributes == {"country": "NL"}
            signed = await client.issue_token(shopper, seconds=60)
            async with make(place.locked.pages, signed.token) as page:
                assert (await page.recommendations(shopper, k=2)).user_id == shopper
                with pytest.raises(ProblemError) as foreign:
                    await page.recommendations("somebody else")
                assert foreign.value.status == 403
            assert (await client.forget(shopper)).user_id == shopper

            assert await client.healthz() == "alive"
            assert (await client.readyz()).startswith("serving")
            assert "headwater_gateway_requests_total" in await client.metrics()
            assert (await client.openapi())["paths"].keys() == DOCUMENT["paths"].keys()
        async with make(place.locked.pages) as stranger:
            with pytest.raises(ProblemError) as unknown:
                await stranger.search()
            assert unknown.value.status == 401
            with pytest.raises(ProblemError):
                await first(stranger.stream(), 1)

    asyncio.run(use())


def test_requests_as_the_document_shows_them(place: Place) -> None:
    """The examples of parameters and bodies are sent as they stand; answers are as the document says."""
    seen = set()
    operations = [(m, path, found) for path, of in DOCUMENT["paths"].items() for m, found in of.items()]
    operations.sort(key=lambda each: ("post", "put", "patch", "get", "delete").index(each[0]))
    for method, template, operation in operations:
        path, queries = template, [""]
        for part in operation["parameters"]:
            if part["in"] == "path":
                path = path.replace(f"{{{part['name']}}}", part["example"])
            elif part["in"] == "query":
                given = part["example"] if isinstance(part["example"], list) else [part["example"]]
                queries.append(f"?{part['name']}={','.join(map(str, given))}")
        bodies = operation.get("requestBody", {}).get("content", {})
        sent = [(kind, each["value"]) for kind, media in bodies.items() for each in media["examples"].values()]
        for (kind, body), query in itertools.product(sent or [("", None)], queries):
            if template == "/v1/stream":
                continue
            headers = {"Authorization": f"Bearer {KEY}"} | ({"Content-Type": kind} if kind else {})
            connection = http.client.HTTPConnection("127.0.0.1", place.locked.port, timeout=20)
            text = None if body is None else json.dumps(body).encode()
            connection.request(method.upper(), path + query, text, headers)
            answer = connection.getresponse()
            check_answer(method, path, answer.status, dict(answer.headers), answer.read())
            connection.close()
            # Who asks first may find nothing, and 250 ms may be too short for a worker beside all these tests.
            known = {"get": (404, 503), "patch": (404,), "post": (409, 503)}.get(method, ())
            assert answer.status < 300 or answer.status in known, f"{method} {path}{query} {body}: {answer.status}"
            seen.add(operation["operationId"])
    assert len(seen) == len(operations) - 1


def test_messages_of_a_stream_are_as_the_document_says(place: Place) -> None:
    media = DOCUMENT["paths"]["/v1/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    connection = http.client.HTTPConnection("127.0.0.1", place.open.port, timeout=30)
    connection.request("GET", f"/v1/stream?topics={','.join(MESSAGES)}")
    answer = connection.getresponse()
    seen: set[str] = set()
    sent, ends = 0, time.monotonic() + 60
    while seen != set(MESSAGES):
        assert time.monotonic() < ends, seen
        if "slate" in seen or sent == 0:
            other = http.client.HTTPConnection("127.0.0.1", place.open.port, timeout=20)
            body = msgspec.json.encode(event("streamed", ("teapot", "oolong", "cups")[sent % 3]))
            other.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
            assert other.getresponse().status == 200
            other.close()
            sent += 1
        line = answer.readline().decode().strip()
        if line.startswith("event: "):
            topic, data = line.removeprefix("event: "), json.loads(answer.readline().decode().removeprefix("data: "))
            wrong = errors(media["x-messages"][topic], data, components=CLOSED)
            assert not wrong, f"{topic}: {wrong}"
            seen.add(topic)
    connection.close()


def test_the_python_quickstarts_run(place: Place) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    printed = []
    place.site.write(ITEMS, b"teapot", msgspec.json.encode(Item(item_id="teapot", title="Teapot")))
    place.site.producer.flush(30)
    until(lambda: json.loads(place.open.page("/v1/items/teapot")[1]).get("title") == "Teapot", "the item")
    for block in blocks:
        command = [sys.executable, "-c", block.replace(ADDRESS, place.open.pages)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    assert "404 item 'no such item': must be in the catalogue" in printed[0]
    assert re.search(r"\d+\.\d+\.\d+ \['", printed[1])
    assert until(lambda: json.loads(place.open.page("/v1/items/teapot")[1])["price"] == 27.0, "the price")


def test_the_typescript_quickstart_runs(place: Place, typescript: Project) -> None:
    (block,) = re.findall(r"^```ts\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert ADDRESS in block
    printed = typescript.run("quickstart", block.replace(ADDRESS, place.open.pages))
    assert "written 1" in printed
    assert "404 item 'no such item': must be in the catalogue" in printed
    assert re.search(r"^slate \d+$", printed, re.MULTILINE)
