"""The gateway as a process, with a real Kafka and a real worker; the console in a real browser."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.config import Config, Gateway
from stream.gateway.guard.keys import new_key
from stream.gateway.routes import ROUTES
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import DeadLetter, Item, Profile
from stream.records.topics import DEAD, ITEMS, USERS
from tests.support.browser import browsing
from tests.support.contract import check_answer
from tests.support.kafka_site import Site, read, until

pytestmark = pytest.mark.kafka
GUIDE = Path(__file__).parents[2] / "docs" / "gateway.md"
READ, WRITE, ADMIN = "read-" + "r" * 16, "write-" + "w" * 16, "admin-" + "a" * 16
FILMS = ["Toy Story", "Toy Soldiers", "Heat", "Alien", "Aliens", "Fargo", "Casino", "Se7en"]


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]


class Running(NamedTuple):
    """A site with a worker, a gateway without keys, and one with keys."""

    site: Site
    gateway: GatewayProcess
    locked: GatewayProcess

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, key: str = "",
        locked: bool = False,
    ) -> Answer:  # fmt: skip
        """Send one request; a body other than bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", (self.locked if locked else self.gateway).port, timeout=20)
        sent = dict(headers or {})
        if body is not None:
            sent.setdefault("content-type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        if key:
            sent["authorization"] = f"Bearer {key}"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read()
            check_answer(method, path, answer.status, dict(answer.headers), text)
            found = json.loads(text) if "json" in answer.headers.get("content-type", "") else text.decode()
            return Answer(answer.status, found, dict(answer.headers))
        finally:
            connection.close()


def event(user: str, item: str, name: str, kind: str = "view", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": name, "user_id": user, "item_id": item, "timestamp": time.time()} | fields


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    site = Site(broker.address, "gateway")
    for n, title in enumerate(FILMS):
        site.write(ITEMS, f"f{n}".encode(), msgspec.json.encode(Item(item_id=f"f{n}", title=title)))
    site.producer.flush(30)
    locked = msgspec.structs.replace(
        site.config,
        gateway=Gateway(
            keys=f"read:{READ},write:{WRITE},read+write+admin:{ADMIN}", rate=5.0, burst=20.0,
            cors_origins="https://shop.example",
        ),
    )  # fmt: skip
    with (
        WorkerProcess(site.config, folder / "worker") as worker,
        GatewayProcess(site.config, folder / "gateway", workers=worker.pages) as gateway,
        GatewayProcess(locked, folder / "locked") as shut,
    ):
        for process in (worker, gateway, shut):
            process.wait_ready()
        yield Running(site, gateway, shut)
    site.close()


def slate_after(running: Running, user: str, event_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = running.ask("GET", f"/v1/users/{user}/recommendations").body
        return found if found["event_id"] == event_id else None

    found = until(look, f"slate after {event_id}")
    assert found is not None
    return found


def test_an_event_changes_what_is_recommended(running: Running) -> None:
    before = running.ask("GET", "/v1/users/new/recommendations?k=3").body
    assert (before["fallback"], before["decision_id"], len(before["items"])) == ("trending", None, 3)
    crowd = [event(f"c{n}", f"f{item}", f"c{n}-{item}") for n in range(6) for item in (0, 1, 4)]
    assert running.ask("POST", "/v1/events", crowd)[:2] == (200, {"accepted": 18, "errors": []})
    running.site.learned([each["event_id"] for each in crowd])
    assert running.ask("POST", "/v1/events", event("new", "f0", "new-1")).body == {"accepted": 1, "errors": []}
    after = slate_after(running, "new", "new-1")
    assert after["fallback"] is None
    assert {"f1", "f4"} <= {item["item_id"] for item in after["items"]}
    assert after["items"][0]["title"] in FILMS
    assert all(0 < item["propensity"] <= 1 and item["reason"] for item in after["items"])
    short = running.ask("GET", "/v1/users/new/recommendations?k=2&exclude=f1,f4").body["items"]
    assert len(short) <= 2
    assert not {"f1", "f4"} & {item["item_id"] for item in short}


def test_ids_with_a_comma_are_excluded(running: Running) -> None:
    running.ask("PUT", "/v1/items/sofa%2C%20red", {"title": "Sofa, red"})
    until(lambda: running.ask("GET", "/v1/items?query=sofa").body["items"], "the item")

    def shown(query: str) -> set[str]:
        found = running.ask("GET", f"/v1/users/nobody/recommendations?k=40{query}").body["items"]
        return {item["item_id"] for item in found}

    everything = shown("")
    assert {"sofa, red", "f1", "f2", "f3"} <= everything
    assert everything - shown("&exclude=sofa%2C%20red") == {"sofa, red"}
    assert everything - shown("&exclude=f1&exclude=sofa%2C+red,f2") == {"sofa, red", "f1", "f2"}
    assert everything - shown("&exclude=f1%2Cf2") == {"f1", "f2"}  # as clients write it that encode every comma
    assert running.ask("DELETE", "/v1/items/sofa%2C%20red").status == 202


def test_similar_search_and_explanation(running: Running) -> None:
    running.ask("POST", "/v1/events", [event("s", f"f{n}", f"s-{n}") for n in (0, 1)])
    running.site.learned(["s-0", "s-1"])
    similar = running.ask("GET", "/v1/items/f0/similar?k=5").body
    assert similar["title"] == "Toy Story"
    assert "f1" in [item["item_id"] for item in similar["items"]]
    found = running.ask("GET", "/v1/items?query=TOY").body["items"]
    assert sorted(item["title"] for item in found) == ["Toy Soldiers", "Toy Story"]

    def explain() -> Any:
        answer = running.ask("GET", "/v1/users/s/explanation")
        if answer.status != 200:  # a worker that has no time says so
            assert int(answer.headers["Retry-After"]) > 0
            return None
        # An item of the test before was deleted: a slate that showed it may be replaced right now.
        newest = running.ask("GET", "/v1/users/s/recommendations").body["decision_id"]
        return answer.body if answer.body["decision_id"] == newest else None

    explained = until(explain, "explanation of the newest slate")
    assert len(explained["slots"]) > 1
    assert any(slot["contributions"] for slot in explained["slots"])
    pulled = {pull["title"] for slot in explained["slots"] for pull in slot["pulled_by"]}
    assert set() < pulled <= {"Toy Story", "Toy Soldiers"}
    items = running.ask("GET", "/v1/users/s/recommendations").body["items"]
    assert [item["reason"] for item in items] == [slot["reason"] for slot in explained["slots"]]


def test_a_list_is_written_but_for_its_bad_events(running: Running) -> None:
    bad = [event("p", "f1", "p-1"), event("p", "f1", "p-2", "wish"), event("p", "f1", "p-3", timestamp=1.0)]
    answer = running.ask("POST", "/v1/events", bad)
    assert (answer.status, answer.body["accepted"]) == (207, 1)
    assert [(each["index"], each["reason"]) for each in answer.body["errors"]] == [
        (1, "unknown_event_type"), (2, "bad_timestamp"),
    ]  # fmt: skip


def test_catalogue_and_users_are_written(running: Running) -> None:
    assert running.ask("PUT", "/v1/items/f99", {"title": "Brand new", "price": 3.5}).status == 202
    until(lambda: running.ask("GET", "/v1/items?query=brand").body["items"], "the item")
    written = {item.item_id: item for item in read(running.site.records(ITEMS), Item)}
    assert written["f99"].price == 3.5
    assert running.ask("PUT", "/v1/users/ada", {"attributes": {"country": "NL"}}).status == 202
    profiles = {profile.user_id: profile for profile in read(running.site.records(USERS), Profile)}
    assert profiles["ada"].attributes == {"country": "NL"}
    assert running.ask("DELETE", "/v1/items/f99").status == 202
    until(lambda: not running.ask("GET", "/v1/items?query=brand").body["items"], "the item to go")


def test_a_user_is_forgotten(running: Running) -> None:
    running.ask("POST", "/v1/events", event("gone", "f2", "gone-1"))
    slate_after(running, "gone", "gone-1")
    assert running.ask("DELETE", "/v1/users/gone").status == 202
    until(lambda: running.ask("GET", "/v1/users/gone/recommendations").body["fallback"], "to be forgotten")


def test_slates_are_streamed(running: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.gateway.port, timeout=20)
    connection.request("GET", "/v1/stream?topics=slate,event,outcome&user=heard")
    answer = connection.getresponse()
    assert answer.headers["content-type"] == "text/event-stream"
    running.ask("POST", "/v1/events", event("other", "f2", "other-1"))
    running.ask("POST", "/v1/events", event("heard", "f2", "heard-1"))
    lines = [answer.readline().decode().strip() for _ in range(6)]
    connection.close()
    streamed = {lines[n].removeprefix("event: "): json.loads(lines[n + 1].removeprefix("data: ")) for n in (0, 3)}
    assert streamed.keys() == {"event", "slate"}
    assert streamed["event"]["title"] == "Heat"
    assert streamed["slate"]["event_id"] == "heard-1"


JSON, GOOD = "application/json", event("bad", "f1", "bad-1")
BAD: list[tuple[str, str, Any, dict[str, str], int, str]] = [  # method, path, body, headers, status, detail
    ("GET", "/v1", None, {}, 404, "/docs lists all"),
    ("GET", "/v1/users//recommendations", None, {}, 404, "no such page"),
    ("POST", "/v1/users/ada/recommendations", {}, {}, 405, "must be GET, HEAD; got POST"),
    ("PATCH", "/v1/events", {}, {}, 405, "must be POST; got PATCH"),
    ("GET", "/v1/users/ada/recommendations?k=0", None, {}, 422, "k: must be a whole number from 1 to 40; got '0'"),
    ("GET", "/v1/users/ada/recommendations?k=41", None, {}, 422, "got '41'"),
    ("GET", "/v1/users/ada/recommendations?k=-1", None, {}, 422, "got '-1'"),
    ("GET", "/v1/users/ada/recommendations?k=1_0", None, {}, 422, "got '1_0': write digits only"),
    ("GET", "/v1/users/ada/recommendations?k=+5", None, {}, 422, "got ' 5': leave out the blanks"),
    ("GET", "/v1/users/ada/recommendations?k=%EF%BC%95", None, {}, 422, "got '\uff15': write the digits 0 to 9"),
    ("GET", "/v1/users/ada/recommendations?k=0000000019999", None, {}, 422, "got '0000000019999'"),
    ("GET", "/v1/users/ada/recommendations?exclude=f1,f2%00", None, {}, 422, "exclude: must have no control"),
    ("GET", "/v1/users/ada%20/recommendations", None, {}, 422, "user_id: must not begin or end with white space"),
    ("GET", "/v1/items/f1%E2%80%8B/similar", None, {}, 422, "got U+200B ZERO WIDTH SPACE"),
    ("GET", "/v1/stream?user=%00", None, {}, 422, "user: must have no control"),
    ("PUT", "/v1/items/f1%00", {"title": "x"}, {}, 422, "item_id: must have no control"),
    ("GET", "/v1/users/ada/recommendations?k=many", None, {}, 422, "got 'many'"),
    ("GET", f"/v1/users/{'x' * 257}/recommendations", None, {}, 422, "at most 256 bytes"),
    ("GET", "/v1/items/unheard/similar", None, {}, 404, "must be in the catalogue or in an event"),
    ("GET", "/v1/users/nobody/explanation", None, {}, 404, "no worker has an open slate"),
    ("GET", "/v1/stream?topics=gossip", None, {}, 422, "must be of event, outcome, slate, stats"),
    ("POST", "/v1/events", b"{}", {"content-type": "text/plain"}, 415, "must be application/json; got text/plain"),
    ("POST", "/v1/events", b"", {}, 400, "must be an event or a list"),
    ("POST", "/v1/events", b"{", {}, 400, "must be an event or a list"),
    ("POST", "/v1/events", b"\xff\xfe", {}, 400, "must be an event or a list"),
    ("POST", "/v1/events", b"[" * 10_000, {}, 400, "must be an event or a list"),
    ("POST", "/v1/events", b"[" * 100_000, {}, 413, "at most 21000 objects"),
    ("POST", "/v1/events", [], {}, 422, "1 to 1000 events; got 0"),
    ("POST", "/v1/events", [GOOD] * 1001, {}, 413, "1 to 1000 events; got 1001"),
    ("POST", "/v1/events", b"[" + b" " * 2_000_000 + b"]", {}, 413, "at most 1048576 bytes"),
    ("POST", "/v1/events", 7, {}, 422, "no event was written"),
    ("POST", "/v1/events", GOOD | {"type": None}, {}, 422, "no event was written"),
    ("POST", "/v1/events", GOOD | {"user_id": "x" * 300}, {}, 422, "no event was written"),
    ("POST", "/v1/events", GOOD | {"timestamp": time.time() * 1000}, {}, 422, "no event was written"),
    ("POST", "/v1/events", GOOD | {"price": -1}, {}, 422, "no event was written"),
    ("PUT", "/v1/items/f1", {"item_id": "f2"}, {}, 422, "item_id: must be that of the path, 'f1'; got 'f2'"),
    ("PUT", "/v1/items/f1", {"expires_at": 20_310_131}, {}, 422, "`expires_at` must be seconds since 1970"),
    ("PUT", "/v1/items/f1", {"title": 7}, {}, 422, "Expected `str | null`, got `int`"),
    ("PUT", "/v1/items/f1", [], {}, 422, "must be a JSON object; got list"),
    ("PUT", "/v1/users/ada", b"nope", {}, 400, "must be a JSON object"),
    ("PUT", "/v1/users/ada", {"attributes": {"a": [1]}}, {}, 422, "attributes"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_errors_say_what_must_hold(running: Running, bad: Any) -> None:
    method, path, body, headers, status, detail = bad
    answer = running.ask(method, path, body, headers)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert detail in answer.body["detail"]
    assert answer.body["status"] == status


def test_keys_scopes_limits_and_origins(running: Running) -> None:
    ask = running.ask
    assert ask("GET", "/v1/items", locked=True).status == 401
    assert ask("GET", "/v1/items", locked=True, key="wrong-key-wrong-key").status == 401
    assert ask("GET", "/v1/items", locked=True, key=READ).status == 200
    refused = ask("POST", "/v1/events", GOOD, locked=True, key=READ)
    assert (refused.status, "scope events" in refused.body["detail"]) == (403, True)
    assert ask("DELETE", "/v1/users/x", locked=True, key=WRITE).status == 403
    assert ask("DELETE", "/v1/users/x", locked=True, key=ADMIN).status == 202
    assert ask("GET", "/readyz", locked=True).status == 200
    answers = [ask("GET", "/v1/items", locked=True, key=READ) for _ in range(40)]
    limited = [answer for answer in answers if answer.status == 429]
    assert limited
    assert int(limited[0].headers["Retry-After"]) >= 1
    assert ask("GET", "/v1/items", locked=True, key=ADMIN).status == 200
    shared = ask("GET", "/v1/items", None, {"origin": "https://shop.example"}, locked=True, key=ADMIN).headers
    assert shared["Access-Control-Allow-Origin"] == "https://shop.example"
    other = ask("GET", "/v1/items", None, {"origin": "https://evil.example"}, locked=True, key=ADMIN).headers
    assert "Access-Control-Allow-Origin" not in other
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    assert ask("OPTIONS", "/v1/events", None, asked, locked=True).status == 204
    assert ask("OPTIONS", "/v1/events", None, asked).status == 403


def test_keys_are_replaced_and_tokens_issued_while_it_runs(running: Running, tmp_path: Path) -> None:
    """A real process: a changed file of keys holds within seconds; a token writes its user's events only."""
    (old, old_line), (new, new_line) = new_key("shop", "events+slates"), new_key("shop", "events+slates")
    path, log = tmp_path / "keys", tmp_path / "log"
    path.write_text(f"{old_line}\n")
    settings = Gateway(keys_file=str(path), token_secret="s" * 32)
    with GatewayProcess(msgspec.structs.replace(running.site.config, gateway=settings), log) as gateway:
        gateway.wait_ready()
        here = running._replace(gateway=gateway)
        token = here.ask("POST", "/v1/tokens", {"user_id": "own"}, key=old).body["token"]
        assert here.ask("POST", "/v1/events", event("own", "f1", "own-1"), key=token).status == 200
        mixed = here.ask("POST", "/v1/events", [event("own", "f1", "own-2"), event("you", "f1", "you-1")], key=token)
        assert (mixed.status, [each["reason"] for each in mixed.body["errors"]]) == (207, ["other_user"])
        assert here.ask("GET", "/v1/users/you/recommendations", key=token).status == 403
        path.write_text(f"{new_line}\n")
        until(lambda: here.ask("GET", "/v1/items", key=old).status == 401, "the end of the old key")
        assert here.ask("GET", "/v1/items", key=new).status == 200
        assert here.ask("GET", "/v1/users/own/recommendations", key=token).status == 200, "a token outlives the key"
        huge = {"vectors": {"a": [0.5] * 50_000}}
        assert here.ask("PUT", "/v1/items/huge", huge, key=new).status == 403
        gateway.kill(signal.SIGTERM)
        until(lambda: gateway.exit_code is not None, "its end")
    said = log.read_text()
    assert re.search(r'audit .*"name": "shop".*"route": "/v1/tokens", "status": 201', said)
    assert re.search(r'audit .*"name": "token of own".*"route": "/v1/events", "status": 207', said)
    assert old not in said
    assert new not in said
    assert token not in said


def test_items_beyond_the_limits_are_refused_and_are_dead_letters_on_the_topic(running: Running) -> None:
    vectors = {"a": [0.5] * 4_096, "b": [0.5] * 4_097}
    answer = running.ask("PUT", "/v1/items/huge", {"vectors": vectors})
    assert (answer.status, answer.body["reason"]) == (422, "out_of_range")
    answer = running.ask("PUT", "/v1/items/huge", {"vectors": {"a": [0] * 500_000}})
    assert answer.status == 413
    running.site.write(ITEMS, b"huge", json.dumps({"item_id": "huge", "vectors": vectors}).encode())
    running.site.producer.flush(30)

    def dead() -> list[Any]:
        return [each for each in read(running.site.records(DEAD), DeadLetter) if each.topic.endswith(ITEMS.name)]

    (letter,) = until(dead, "the dead letter")
    assert (letter.reason, "must have at most 4096 numbers; got 4097" in letter.detail) == ("out_of_range", True)
    assert running.ask("GET", "/v1/items/huge/similar").status == 404


def test_pages_are_served_with_a_policy(running: Running) -> None:
    assert "default-src 'self'" in running.ask("GET", "/docs").headers["Content-Security-Policy"]


def test_the_commands_in_the_guide_run(running: Running) -> None:
    (block,) = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "GATEWAY": running.gateway.pages}
    done = subprocess.run(
        ["bash", "-ec", block], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"accepted":1' in done.stdout
    assert '"fallback":"trending"' in done.stdout
    assert '"event_id":"web-' in done.stdout


def test_metrics_count_requests(running: Running) -> None:
    running.ask("GET", "/v1/items")
    page = str(running.ask("GET", "/metrics").body)
    assert 'headwater_gateway_requests_total{method="GET",route="/v1/items",status="200"}' in page
    assert "headwater_gateway_slates " in page


def test_sigterm_ends_it_in_order(running: Running, tmp_path: Path) -> None:
    """SIGTERM: /readyz answers 503, streams end, requests in progress are answered, exit code 0."""
    with GatewayProcess(running.site.config, tmp_path / "log") as gateway:
        gateway.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        connection.request("GET", "/v1/stream")
        stream = connection.getresponse()
        ended: list[bytes] = []
        listening = threading.Thread(target=lambda: ended.append(stream.read()))
        listening.start()
        gateway.kill(signal.SIGTERM)
        until(lambda: gateway.page("/readyz")[0] in (503, 0), "not ready")
        listening.join(10)
        assert ended
        until(lambda: gateway.exit_code is not None, "its end")
        assert gateway.exit_code == 0


ORDER = "[...document.querySelectorAll('#slots li')].map((row) => row.dataset.item).join()"
UNNAMED = """
[...document.querySelectorAll('button, input')].filter(
  (node) => !(node.textContent || node.labels?.length || node.getAttribute('aria-label'))).length
"""


@pytest.mark.usefixtures("needs_browser")
def test_the_console_shows_how_a_click_changes_the_slate(running: Running, tmp_path: Path) -> None:
    async def play() -> None:
        async with browsing(f"{running.gateway.pages}/?user=guest") as page:
            await page.until("document.querySelectorAll('#slots li').length > 2")
            trending = await page.run(ORDER)
            assert "trending" in await page.run("document.querySelector('#about').textContent")
            await page.run("query.value = 'alien'; query.dispatchEvent(new Event('input'))")
            await page.until("document.querySelectorAll('#found li').length === 2")
            await page.run("document.querySelector('#found button').click()")
            await page.until("/after the click/.test(document.querySelector('#about').textContent)")
            first = await page.run("document.querySelector('#slots .title').firstChild.textContent")
            assert first in FILMS
            assert await page.run(ORDER) != trending
            before = await page.run("slate.decision_id")
            await page.run("document.querySelector('#slots button').click()")
            await page.until("[...document.querySelectorAll('#events li')].some(e => /guest took/.test(e.textContent))")
            await page.until(f"slate.decision_id !== {json.dumps(before)}")
            await page.run(
                "[...document.querySelectorAll('#slots button')].find(b => b.textContent === 'why?').click()"
            )
            await page.until(
                "document.querySelector('#why').open && document.querySelectorAll('#why-text > *').length > 2"
            )
            assert "Ranking score" in await page.run("document.querySelector('#why-text').textContent")
            await page.run("document.querySelector('#why button').click()")
            await page.until("document.querySelector('#users').textContent !== '-'")
            assert await page.run(UNNAMED) == 0
            for name, width, dark in (("light", 1400, False), ("dark", 1400, True), ("narrow", 390, False)):
                await page.look(tmp_path / f"{name}.png", width, 900, dark=dark)
                assert await page.run("document.documentElement.scrollWidth <= innerWidth"), name
            await page.ask("Page.navigate", url=f"{running.gateway.pages}/docs")
            await page.until(f"document.querySelectorAll('#operations section').length === {len(ROUTES)}")
            form = "document.querySelector('form[data-id=search]')"
            await page.run(f"{form}.querySelector('#search-query').value = 'toy'; {form}.requestSubmit()")
            await page.until(f"{form}.nextSibling.textContent.startsWith('200')")
            assert "Toy Story" in await page.run(f"{form}.nextSibling.textContent")
            await page.run(f"{form}.querySelector('#search-If-None-Match').value = '*'; {form}.requestSubmit()")
            await page.until(f"{form}.nextSibling.textContent.startsWith('304')")
            assert page.complaints == []

    asyncio.run(play())


def test_the_command_fails_without_a_broker_or_keys(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from stream import cli

    assert cli.main(["gateway", "--port", "0", "--broker", "127.0.0.1:1"]) == 3
    assert "broker not reachable" in capsys.readouterr().err
    assert cli.main(["gateway", "--host", "0.0.0.0"]) == 2
    assert "without a key" in capsys.readouterr().err
    assert Config().gateway.host == "127.0.0.1"
