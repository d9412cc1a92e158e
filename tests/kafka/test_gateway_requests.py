"""Slates that are asked for over HTTP, with a real Kafka; the worker's side is a `Responder`."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.config import Gateway
from stream.gateway.guard.keys import new_key
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess
from stream.records.codec import encode
from stream.records.requests import Request, Response
from stream.records.schemas import Item, Recommendation
from stream.records.topics import ITEMS, RECOMMENDATIONS, RESPONSES
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, event, until
from tests.support.responder import Responder, answer, fresh, made, nothing

pytestmark = pytest.mark.kafka
KEY, LINE = new_key("shop", "slates+admin")
PATH = "/v1/recommendations"
OLD_S, STALE_S = 1_000.0, 500.0


class Running(NamedTuple):
    """A site with a gateway with keys, an open one that has old slates made anew, and somebody who answers."""

    site: Site
    locked: GatewayProcess
    open: GatewayProcess
    responder: Responder

    def ask(self, body: Any, key: str = KEY, **headers: str) -> tuple[int, Any, dict[str, str]]:
        sent = {"authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return ask_json(self.locked.port, "POST", PATH, body, sent)

    def get(self, user: str, query: str = "", **headers: str) -> tuple[int, Any, dict[str, str]]:
        return ask_json(self.open.port, "GET", f"/v1/users/{user}/recommendations{query}", None, headers)

    def get_user(self, user: str) -> Any:
        return ask_json(self.open.port, "GET", f"/v1/users/{user}", None, {})[1]

    def publish(self, user: str, version: int = 10, age_s: float = OLD_S, items: str = "ab") -> Recommendation:
        """A slate on the topic, as both gateways have it when this returns."""
        request = Request(request_id="-", user_id=user, timestamp=time.time() - age_s)
        slate = made(request, version, items=items)
        self.site.write(RECOMMENDATIONS, user.encode(), encode(slate))
        self.site.producer.flush(10)
        for gateway, headers in ((self.open, {}), (self.locked, {"authorization": f"Bearer {KEY}"})):
            until(lambda: ask_json(gateway.port, "GET", f"/v1/users/{user}", None, headers)[0] == 200, "slate")  # noqa: B023
        return slate


@pytest.fixture(scope="module")
def site_with_gateways(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("requests")
    site = Site(broker.address, "requests")
    for name in "abcde":
        item = Item(item_id=name, title=f"Item {name}", price=9.5, available=name != "e")
        site.write(ITEMS, name.encode(), msgspec.json.encode(item))
    site.producer.flush(30)
    locked = Gateway(keys=LINE, token_secret="s" * 32, request_ms=5_000, max_waiting=3, rate=10.0, burst=2_000.0)
    anew = Gateway(stale_s=STALE_S, request_ms=300)
    with (
        GatewayProcess(msgspec.structs.replace(site.config, gateway=locked), folder / "locked") as shut,
        GatewayProcess(msgspec.structs.replace(site.config, gateway=anew), folder / "open") as ajar,
        Responder(site) as responder,
    ):
        for process in (shut, ajar):
            process.wait_ready()
        yield Running(site, shut, ajar, responder)
    site.close()


@pytest.fixture
def running(site_with_gateways: Running) -> Running:
    site_with_gateways.responder.answers = fresh
    return site_with_gateways


def refusing(status: Any, reason: str) -> Any:
    def answers(request: Request) -> Iterable[Response]:
        yield Response(request_id=request.request_id, user_id=request.user_id, status=status, reason=reason)

    return answers


def test_a_slate_is_made_when_it_is_asked_for(running: Running) -> None:
    running.responder.answers = lambda request: [answer(request, made(request, items="abce"))]
    before = time.time()
    status, found, headers = running.ask({"user_id": "new", "k": 3, "exclude": ["b"], "fields": ["price"]})
    assert (status, found["status"], found["stale"]) == (200, "fresh", None)
    assert headers["Content-Language"] == "en"
    assert headers["Cache-Control"] == "no-store"
    assert [item["item_id"] for item in found["items"]][:2] == ["a", "c"]
    assert "e" not in [item["item_id"] for item in found["items"]], "it is not available"
    assert found["left_out"] == {"excluded": 0, "withdrawn": 1}
    assert found["items"][0] == {
        "item_id": "a", "title": "Item a", "score": 0.5, "source": "ranked", "propensity": 0.25, "price": 9.5,
        "reason": found["items"][0]["reason"],
    }  # fmt: skip
    (request,) = running.responder.of("new")
    assert (request.k, request.exclude, request.deadline_ms) == (3, ["b"], 5_000)
    assert before - 1 <= (request.timestamp or 0.0) <= time.time()


def test_another_request_is_another_slate(running: Running) -> None:
    versions = iter(range(500, 600))
    running.responder.answers = lambda request: [answer(request, made(request, next(versions)))]
    found = [running.ask({"user_id": "twice"})[1]["decision_id"] for _ in range(2)]
    assert found == ["5.500.0", "5.501.0"]
    assert len({each.request_id for each in running.responder.of("twice")}) == 2


def test_without_an_answer_in_time_the_last_slate_is_given_and_says_so(running: Running) -> None:
    slate = running.publish("slow")
    running.responder.answers = nothing
    begun = time.monotonic()
    status, found, _ = running.ask({"user_id": "slow", "deadline_ms": 200})
    assert 0.2 <= time.monotonic() - begun < 4.0
    assert (status, found["status"], found["decision_id"]) == (200, "last", slate.decision_id)
    assert found["stale"] == "no worker has answered within 200 ms"
    assert running.responder.of("slow")[0].deadline_ms == 200
    status, problem, headers = running.ask({"user_id": "slow-and-new", "deadline_ms": 200})
    assert (status, problem["reason"], headers["Retry-After"]) == (503, "late", "1")
    assert "there is no older one" in problem["detail"]


@pytest.mark.parametrize("status", ["busy", "late", "refused"])
def test_who_is_told_that_none_is_made_does_not_wait(running: Running, status: str) -> None:
    slate = running.publish(f"told-{status}")
    running.responder.answers = refusing(status, "too many wait")
    begun = time.monotonic()
    _, found, _ = running.ask({"user_id": f"told-{status}", "deadline_ms": 9_000})
    assert (found["status"], found["stale"], found["decision_id"]) == ("last", "too many wait", slate.decision_id)
    assert running.ask({"user_id": "unknown", "deadline_ms": 9_000})[1]["reason"] == status
    assert time.monotonic() - begun < 8.0


def test_nothing_to_show(running: Running) -> None:
    running.responder.answers = refusing("empty", "no item may be shown")
    status, found, _ = running.ask({"user_id": "bored", "k": 2})
    assert (status, found["status"], found["fallback"], found["decision_id"]) == (200, "empty", "trending", None)


def test_several_are_answered_each_by_itself(running: Running) -> None:
    running.responder.answers = lambda request: fresh(request) if request.user_id == "ada" else ()
    bodies = [{"user_id": "ada", "k": 1}, {"user_id": "ben", "deadline_ms": 100}, {"user_id": "ada", "k": 0}]
    status, found, _ = running.ask({"requests": bodies})
    assert status == 207
    slate, late, wrong = found["answers"]
    assert (slate["problem"], slate["slate"]["user_id"], len(slate["slate"]["items"])) == (None, "ada", 1)
    assert (late["slate"], late["problem"]["status"], late["problem"]["reason"]) == (None, 503, "late")
    assert (wrong["slate"], wrong["problem"]["status"]) == (None, 422)
    status, found, headers = running.ask({"requests": bodies[:1] * 2}, accept_language="en")
    assert (status, headers["Content-Language"]) == (200, "en")
    assert [each["slate"]["status"] for each in found["answers"]] == ["fresh", "fresh"]


def test_a_token_asks_for_its_user_only(running: Running) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    signed = ask_json(running.locked.port, "POST", "/v1/tokens", {"user_id": "ada"}, headers)[1]["token"]
    assert running.ask({"user_id": "ada"}, key=signed)[0] == 200
    status, problem, _ = running.ask({"user_id": "ben"}, key=signed)
    assert (status, "signed for another user" in problem["detail"]) == (403, True)
    _, found, _ = running.ask({"requests": [{"user_id": "ada"}, {"user_id": "ben"}]}, key=signed)
    assert [each["problem"] and each["problem"]["status"] for each in found["answers"]] == [None, 403]
    assert not running.responder.of("ben")[1:], "nothing is asked for others"


def test_more_than_may_wait_are_refused_at_once(running: Running) -> None:
    running.responder.answers = nothing
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(running.ask, {"user_id": f"w{n}", "deadline_ms": 3_000}) for n in range(3)]
        until(lambda: all(running.responder.of(f"w{n}") for n in range(3)), "three that wait")
        begun = time.monotonic()
        status, problem, headers = running.ask({"user_id": "one-more"})
        assert (status, problem["reason"], headers["Retry-After"]) == (429, "full", "1")
        assert time.monotonic() - begun < 1.0
        assert [each.result()[0] for each in waiting] == [503] * 3
    running.responder.answers = fresh
    assert running.ask({"user_id": "one-more"})[0] == 200
    assert len(running.responder.of("one-more")) == 1


def test_it_counts_as_ten_reads(running: Running) -> None:
    def left(headers: dict[str, str]) -> int:
        return int(headers["RateLimit"].partition("r=")[2].partition(";")[0])

    first = left(running.ask({"user_id": "ada"})[2])
    second = left(running.ask({"requests": [{"user_id": "ada"}] * 3})[2])
    assert 10 <= first - second <= 30  # ten come back in a second
    assert left(running.ask({"requests": [{"user_id": "ada"}] * 20})[2]) < second - 100


def test_answers_of_others_and_what_is_none_change_nothing(running: Running) -> None:
    def answers(request: Request) -> Iterable[Response]:
        for value in (b"\xff", b"{", b'{"request_id": "%s"}' % request.request_id.encode(), None):
            running.site.write(RESPONSES, b"ada", value)
        yield Response(request_id=f"other{request.request_id}", user_id="ada", status="busy")
        yield from fresh(request)
        yield from refusing("busy", "twice")(request)

    running.responder.answers = answers
    for _ in range(2):
        assert running.ask({"user_id": "ada"})[1]["status"] == "fresh"


def test_a_fenced_owner_is_not_heard(running: Running) -> None:
    running.publish("moved")  # of epoch 5

    def answers(request: Request) -> Iterable[Response]:
        yield answer(request, made(request, 2_000, epoch=4, items="d"))
        yield answer(request, made(request, 1_500, epoch=6, items="c"))

    running.responder.answers = answers
    found = running.ask({"user_id": "moved", "k": 1})[1]
    assert (found["decision_id"], [item["item_id"] for item in found["items"]]) == ("6.1500.0", ["c"])


def test_an_event_that_came_meanwhile_has_the_newer_slate(running: Running) -> None:
    def answers(request: Request) -> Iterable[Response]:
        newer = running.publish("quick", 3_000, age_s=0.0)
        assert newer.model_version == 3_000
        yield answer(request, made(request, 2_000))

    running.publish("quick", 10)
    running.responder.answers = answers
    until(lambda: running.ask({"user_id": "quick"})[1]["decision_id"] == "5.3000.0", "the newer one")


def test_a_read_has_an_old_slate_made_anew(running: Running) -> None:
    def published(request: Request) -> Iterable[Response]:  # as a worker does
        slate = made(request)
        running.site.write(RECOMMENDATIONS, request.user_id.encode(), encode(slate))
        yield answer(request, slate)

    slate = running.publish("back")
    running.responder.answers = published
    status, found, headers = running.get("back", "?k=1")
    assert (status, found["status"], found["stale"]) == (200, None, None)
    assert found["decision_id"] != slate.decision_id
    assert [each.k for each in running.responder.of("back")] == [None], "for all who read: as many slots as usual"

    def held() -> bool:
        return bool(running.get_user("back")["decision_id"] == found["decision_id"])

    until(held, "the new slate")
    assert running.get("back", "?k=1", **{"if-none-match": headers["ETag"]})[0] == 304
    assert len(running.responder.of("back")) == 1, "it is new"


def test_a_read_of_a_new_slate_asks_for_nothing(running: Running) -> None:
    running.publish("here", age_s=STALE_S / 2)
    assert running.get("here")[1]["status"] is None
    assert running.get("nobody")[1]["fallback"] == "trending"
    assert not running.responder.of("here")
    assert not running.responder.of("nobody")


def test_a_read_gives_the_old_slate_if_a_new_one_takes_too_long(running: Running) -> None:
    slate = running.publish("waits")
    running.responder.answers = nothing
    status, found, headers = running.get("waits")
    assert (status, found["status"], found["decision_id"]) == (200, "last", slate.decision_id)
    assert found["stale"] == "no worker has answered within 300 ms"
    assert running.get("waits", **{"if-none-match": headers["ETag"]})[0] == 304
    asked = len(running.responder.of("waits"))
    with ThreadPoolExecutor(8) as pool:
        found = [each.result()[1]["status"] for each in [pool.submit(running.get, "waits") for _ in range(8)]]
    assert set(found) == {"last"}
    assert 1 <= len(running.responder.of("waits")) - asked < 8, "those who ask meanwhile wait for the same answer"


def test_after_and_age_together(running: Running) -> None:
    running.publish("both")
    mine = event("both", "a", "mine")
    running.site.send(("view", mine))
    until(lambda: running.get("both")[0] == 200, "it")
    slate = msgspec.structs.replace(running.publish("both", 4_000, age_s=0.0), event_id="mine", model_version=4_001)
    running.site.write(RECOMMENDATIONS, b"both", encode(slate))
    asked = len(running.responder.of("both"))
    _, found, _ = running.get("both", "?after=mine")
    assert found["after"] == {"event_id": "mine", "known": True}
    assert len(running.responder.of("both")) == asked, "a slate of this moment"


def test_metrics(running: Running) -> None:
    running.ask({"user_id": "counted"})
    page = running.locked.page("/metrics")[1]
    for status in ("fresh", "late", "busy", "refused", "empty", "full"):
        assert float(page.partition(f'headwater_gateway_asked_total{{status="{status}"}} ')[2].split()[0]) > 0, status
    assert "headwater_gateway_waiting 0.0" in page
    assert 'headwater_gateway_unreadable_total{topic="responses"} 2.0' in page


def test_a_gateway_that_starts_again_forgets_what_waited(running: Running, tmp_path: Path) -> None:
    with GatewayProcess(running.site.config, tmp_path / "again") as gateway:
        gateway.wait_ready()
        status, found, _ = ask_json(gateway.port, "POST", PATH, {"user_id": "ada"}, {})
        assert (status, found["status"]) == (200, "fresh")
    prefixes = {each.request_id.partition("-")[0] for each in running.responder.of("ada")}
    assert len(prefixes) >= 2
