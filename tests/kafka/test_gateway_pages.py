"""What pages ask of a gateway, with a real Kafka and a real worker: fields, languages, one's own event, repeats."""

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.config import Gateway
from stream.gateway.guard.keys import new_key
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import DeadLetter, Event, Item
from stream.records.topics import DEAD, ITEMS, VIEWS
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, read, until

pytestmark = pytest.mark.kafka
GUIDE = Path(__file__).parents[2] / "docs" / "pages.md"
KEY, LINE = new_key("shop", "events+catalogue+slates")
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
DUTCH = '[nl]\ndefault = "aanbevolen voor jou"\nby_ranking = "gekozen door de rangschikking"\n'


class Running(NamedTuple):
    """A site with a worker and a gateway with a key, two languages and a low limit."""

    site: Site
    gateway: GatewayProcess

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask_json(self.gateway.port, method, path, body, AUTHORIZED | named)


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "reasons.toml").write_text(DUTCH)
    site = Site(broker.address, "pages")
    for n in range(9):
        item = Item(
            item_id=f"i{n}", title=f"Item {n}", price=float(n), link=f"https://shop.example/{n}",
            image=f"https://shop.example/{n}.jpg", attributes={"size": n},
        )  # fmt: skip
        site.write(ITEMS, item.item_id.encode(), msgspec.json.encode(item))
    site.producer.flush(30)
    settings = Gateway(keys=LINE, reasons=str(folder / "reasons.toml"), rate=20.0, burst=1_000.0, after_s=10.0)
    with (
        WorkerProcess(site.config, folder / "worker") as worker,
        GatewayProcess(msgspec.structs.replace(site.config, gateway=settings), folder / "gateway") as gateway,
    ):
        for process in (worker, gateway):
            process.wait_ready()
        yield Running(site, gateway)
    site.close()


def event(user: str, item: str, name: str, kind: str = "view") -> dict[str, Any]:
    return {"type": kind, "event_id": name, "user_id": user, "item_id": item, "timestamp": time.time()}


def test_a_slate_is_read_as_soon_as_it_knows_ones_own_event(running: Running) -> None:
    for n in range(8):
        mine = [event("ada", f"i{n}", f"after-{n}", kind) for kind in ("view", "click")]
        mine[1]["event_id"] += "-c"
        for each in mine:
            assert running.ask("POST", "/v1/events", each)[0] == 200
        for each in mine:  # the first may never have had a slate of its own
            status, found, _ = running.ask("GET", f"/v1/users/ada/recommendations?after={each['event_id']}")
            assert (status, found["after"]) == (200, {"event_id": each["event_id"], "known": True})
            assert found["fallback"] is None
        assert found["event_id"] == mine[1]["event_id"]


def test_an_event_that_never_was_is_waited_for_within_bounds(running: Running) -> None:
    begun = time.monotonic()
    status, found, _ = running.ask("GET", "/v1/users/ada/recommendations?after=never")
    assert (status, found["after"]) == (200, {"event_id": "never", "known": False})
    assert found["decision_id"] is not None
    assert 9.5 < time.monotonic() - begun < 19.0
    assert running.ask("GET", "/v1/users/ada/recommendations?after=%00")[0] == 422
    assert running.ask("GET", "/v1/users/ada/recommendations")[1]["after"] is None


def test_items_come_with_what_a_page_shows(running: Running) -> None:
    running.ask("POST", "/v1/events", [event(user, f"i{n}", f"{user}-{n}") for user in ("f1", "f2") for n in (0, 1, 2)])
    running.site.learned([f"f2-{n}" for n in (0, 1, 2)])
    fields = "fields=price,image,link,attributes"
    for path in (
        f"/v1/users/f1/recommendations?after=f1-2&{fields}", f"/v1/users/new/recommendations?{fields}",
        f"/v1/items/i0/similar?{fields}", f"/v1/items?query=item&{fields}", f"/v1/items?limit=9&{fields}",
    ):  # fmt: skip
        items = running.ask("GET", path)[1]["items"]
        assert items, path
        for item in items:
            n = int(item["item_id"][1:])
            assert (item["title"], item["price"], item["image"], item["link"], item["attributes"]) == (
                f"Item {n}", n, f"https://shop.example/{n}.jpg", f"https://shop.example/{n}", {"size": n},
            )  # fmt: skip
        status, problem, headers = running.ask("GET", path.replace("price", "prize"))
        assert (status, headers["Content-Type"]) == (422, "application/problem+json")
        assert "did you mean 'price'?" in problem["detail"]


def test_a_stream_has_fields_and_a_language(running: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.gateway.port, timeout=20)
    connection.request("GET", "/v1/stream?topics=slate,event&user=heard&fields=price&lang=nl", headers=AUTHORIZED)
    answer = connection.getresponse()
    assert "RateLimit" in answer.headers
    running.ask("POST", "/v1/events", event("heard", "i3", "heard-1"))
    lines = [answer.readline().decode().strip() for _ in range(6)]
    connection.close()
    said = {lines[n].removeprefix("event: "): json.loads(lines[n + 1].removeprefix("data: ")) for n in (0, 3)}
    assert (said["event"]["price"], said["event"]["title"]) == (3.0, "Item 3")
    assert all(item["price"] == int(item["item_id"][1:]) for item in said["slate"]["items"])
    assert {item["reason"] for item in said["slate"]["items"]} <= {
        "gekozen door de rangschikking", "aanbevolen voor jou",
    }  # fmt: skip


def test_reasons_are_in_the_language_that_is_asked_for(running: Running) -> None:
    path = "/v1/users/nobody/recommendations?k=3"

    def reasons(query: str = "", **headers: str) -> tuple[set[str], str]:
        status, found, got = running.ask("GET", path + query, **headers)
        assert (status, got["Vary"]) == (200, "Accept-Language")
        return {item["reason"] for item in found["items"]}, got["Content-Language"]

    english, dutch = reasons(), reasons("&lang=nl")
    assert english[1] == "en"
    assert dutch == ({"aanbevolen voor jou"}, "nl")
    assert reasons(accept_language="fr, nl-BE;q=0.9") == dutch
    assert reasons("&lang=en", accept_language="nl") == english
    status, problem, _ = running.ask("GET", f"{path}&lang=fr")
    assert (status, "lang: must be one of en, nl; got 'fr'" in problem["detail"]) == (422, True)


def test_a_repeated_request_writes_nothing_twice(running: Running) -> None:
    body = [event("twice", "i1", "twice-1"), event("twice", "i2", "twice-2"), event("twice", "i2", "", "view")]
    first = running.ask("POST", "/v1/events", body, idempotency_key='"k-1"')
    again = running.ask("POST", "/v1/events", body, idempotency_key='"k-1"')
    assert first[:2] == again[:2]
    assert (first[0], first[1]["accepted"], again[2]["Idempotency-Replayed"]) == (207, 2, "true")
    status, problem, _ = running.ask("POST", "/v1/events", body[:1], idempotency_key='"k-1"')
    assert (status, "came with another body" in problem["detail"]) == (422, True)
    assert running.ask("POST", "/v1/events", body[:1], idempotency_key="")[0] == 400
    running.ask("POST", "/v1/events", event("twice", "i3", "twice-3"), idempotency_key='"k-2"')
    written = [each.event_id for each in read(running.site.records(VIEWS), Event) if each.user_id == "twice"]
    assert written == ["twice-1", "twice-2", "twice-3"]


def test_answers_say_what_is_left_of_the_limit(running: Running) -> None:
    def left() -> int:
        status, _, headers = running.ask("GET", "/v1/users?limit=1")
        assert (status, headers["RateLimit-Policy"]) == (200, '"default";q=1000;w=50')
        name, remaining, seconds = headers["RateLimit"].split(";")
        assert (name, seconds[:2]) == ('"default"', "t=")
        return int(remaining.removeprefix("r="))

    assert 0 <= left() - left() <= 2
    for status, path in ((422, "/v1/items?k=0"), (404, "/v1/items/unheard")):
        answer = running.ask("GET", path)
        assert (answer[0], "RateLimit" in answer[2]) == (status, True)


def test_the_commands_in_the_guide_run(running: Running, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    with GatewayProcess(running.site.config, tmp_path / "open") as gateway:
        gateway.wait_ready()
        environment = {**os.environ, "GATEWAY": gateway.pages}
        done = subprocess.run(
            ["bash", "-ec", block], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("304\n"), done.stdout
    assert '"known":true' in done.stdout
    assert '"title":"Teapot","price":29.5' in done.stdout


def test_a_link_that_is_none_is_refused_and_a_dead_letter_on_the_topic(running: Running) -> None:
    status, problem, _ = running.ask("PUT", "/v1/items/bad", {"link": "javascript:alert(1)"})
    assert (status, problem["reason"]) == (422, "out_of_range")
    assert "`link` must be an address that begins with http:// or https://" in problem["detail"]
    running.site.write(ITEMS, b"bad", b'{"item_id": "bad", "image": "/pictures/1.jpg"}')
    running.site.producer.flush(30)

    def dead() -> list[Any]:
        return [each for each in read(running.site.records(DEAD), DeadLetter) if "`image` must be" in each.detail]

    assert until(dead, "the dead letter")[0].reason == "out_of_range"


def test_a_file_of_reasons_that_cannot_be_used_ends_the_start(running: Running, tmp_path: Path) -> None:
    (tmp_path / "reasons.toml").write_text('[nl]\ndefault = "{title}"\n')
    settings = Gateway(reasons=str(tmp_path / "reasons.toml"))
    config = msgspec.structs.replace(running.site.config, gateway=settings)
    with GatewayProcess(config, tmp_path / "log") as gateway:
        until(lambda: gateway.exit_code is not None, "its end")
        assert gateway.exit_code == 2
    assert "[nl] default: must have no place in braces" in (tmp_path / "log").read_text()
