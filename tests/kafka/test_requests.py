"""Slates that are asked for, over HTTP, with a real Kafka and a real worker: made as of now, settled once, in time."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.config import Gateway
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.requests import Response
from stream.records.schemas import Event, EventType, Item, Outcome, Recommendation
from stream.records.topics import ITEMS, OUTCOMES, RECOMMENDATIONS, RESPONSES
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, event, read, until, walk

pytestmark = pytest.mark.kafka
PATH = "/v1/recommendations"
DAYS_S = 3 * 86_400.0
AGO = [event("ada", f"first-{n}", f"ada-{n}") for n in range(3)]
WITHIN_MS = 9_000


class Running(NamedTuple):
    """A site with a worker that has learned, and a gateway that has slates of more than an hour made anew."""

    site: Site
    gateway: GatewayProcess

    def ask(self, user: str, **fields: Any) -> tuple[int, Any]:
        body = {"user_id": user, "deadline_ms": WITHIN_MS} | fields
        return ask_json(self.gateway.port, "POST", PATH, body, {})[:2]

    def get(self, user: str, query: str = "") -> tuple[int, Any]:
        return ask_json(self.gateway.port, "GET", f"/v1/users/{user}/recommendations{query}", None, {})[:2]

    def newest(self, user: str = "ada") -> Any:
        """The decision of a user's newest slate; None: there is none."""
        return ask_json(self.gateway.port, "GET", f"/v1/users/{user}", None, {})[1].get("decision_id")

    def published(self, decision_id: str) -> Recommendation:
        """A slate on `recommendations`."""
        found = self.site.wait_for(RECOMMENDATIONS, lambda all_: [r for r in all_ if is_of(r, decision_id)], "slate")
        return next(slate for slate in read(found, Recommendation) if slate.decision_id == decision_id)

    def outcomes(self, *decisions: str) -> dict[str, Outcome]:
        """What became of decisions; all copies of an outcome are identical."""
        wanted = set(decisions)

        def look(all_: list[Any]) -> bool:
            return wanted <= {each.decision_id for each in read(all_, Outcome)}

        found = read(self.site.wait_for(OUTCOMES, look, "outcomes"), Outcome)
        unique = {msgspec.json.encode(each): each for each in found if each.decision_id in wanted}
        assert len(unique) == len(wanted)
        return {each.decision_id: each for each in unique.values()}


def is_of(record: Any, decision_id: str) -> bool:
    return record.value is not None and f'"{decision_id}"'.encode() in record.value


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("asked")
    site = Site(broker.address, "asked")
    for n in range(20):
        for kind in ("first", "second"):
            site.write(ITEMS, f"{kind}-{n}".encode(), msgspec.json.encode(Item(item_id=f"{kind}-{n}")))
    site.producer.flush(30)
    events: list[tuple[EventType, Event]] = [*walk("asked", 30, 300), *(("click", each) for each in AGO)]
    settings = Gateway(stale_s=3_600.0, request_ms=WITHIN_MS, rate=1e6, burst=1e6)
    with (
        WorkerProcess(site.config, folder / "worker") as worker,
        GatewayProcess(msgspec.structs.replace(site.config, gateway=settings), folder / "gateway") as gateway,
    ):
        for process in (worker, gateway):
            process.wait_ready()
        for kind, each in events:
            site.send((kind, msgspec.structs.replace(each, timestamp=each.timestamp - DAYS_S)))
        site.send(("view", event("ben", "first-1", "ben-1")))  # somebody is here now: else the site is a replay
        site.learned([*(each.event_id for each in AGO), "ben-1"], 60.0)
        place = Running(site, gateway)
        until(place.newest, "the old slate", 60.0)
        until(lambda: place.newest("ben"), "the slate of now")
        yield place
    site.close()


def test_who_comes_back_after_days_gets_a_slate_of_now_and_their_event_settles_it_once(running: Running) -> None:
    old = running.newest()
    status, found = running.ask("ada", k=5, exclude=["second-0", "second-1"])
    assert (status, found["status"]) == (200, "fresh"), found["stale"]
    assert abs(found["timestamp"] - time.time()) < 60
    assert found["event_id"] is None
    shown = [item["item_id"] for item in found["items"]]
    assert len(shown) == len(set(shown)) == 5
    assert not {"second-0", "second-1"} & set(shown)
    assert all(0 < item["propensity"] <= 1 and item["source"] != "fill" for item in found["items"])
    assert [slot.item_id for slot in running.published(found["decision_id"]).slots] == shown

    click = event("ada", shown[1], "ada-back", decision_id=found["decision_id"])
    running.site.send(("click", click))
    outcomes = running.outcomes(old, found["decision_id"])
    assert outcomes[old].outcome in ("replaced", "silent"), "silent, if its window was found to be over before"
    asked = outcomes[found["decision_id"]]
    assert (asked.outcome, asked.hit, asked.items, asked.event_id) == ("hit", 1, shown, "ada-back")
    running.site.learned(["ada-back"]).check()


def test_a_read_has_the_slate_of_days_ago_made_anew(running: Running) -> None:
    user = next(each.user_id for _, each in walk("asked", 30, 300))
    with ThreadPoolExecutor(4) as pool:
        found = [each.result() for each in [pool.submit(running.get, user, "?k=4") for _ in range(4)]]
    assert {status for status, _ in found} == {200}
    assert {each["status"] for _, each in found} == {None}
    (decision,) = {each["decision_id"] for _, each in found}
    slate = running.published(decision)
    assert (slate.event_id, abs(slate.timestamp - time.time()) < 60) == (None, True)
    assert running.get(user)[1]["decision_id"] == decision, "it is new"


def test_who_has_done_nothing_yet_is_served_by_the_model(running: Running) -> None:
    status, found = running.ask("stranger", k=3)
    assert (status, found["status"], found["fallback"], len(found["items"])) == (200, "fresh", None, 3)
    running.site.send(("view", event("stranger", found["items"][0]["item_id"], "first-visit")))
    assert running.outcomes(found["decision_id"])[found["decision_id"]].hit == 0


def test_asked_again_before_anything_happens_the_first_is_replaced(running: Running) -> None:
    first, second = (running.ask("twice", k=2)[1]["decision_id"] for _ in range(2))
    assert first != second
    assert running.outcomes(first)[first].outcome == "replaced"


def test_many_at_once_are_answered_each_once(running: Running) -> None:
    users = [f"many-{n}" for n in range(60)]
    with ThreadPoolExecutor(20) as pool:
        found = [each.result() for each in [pool.submit(running.ask, user, k=2) for user in users]]
    assert {status for status, _ in found} == {200}
    assert {each["status"] for _, each in found} == {"fresh"}
    assert [each["user_id"] for _, each in found] == users
    responses = read(running.site.records(RESPONSES), Response)
    assert max(Counter(each.request_id for each in responses).values()) == 1
    assert len({each.recommendation.decision_id for each in responses if each.recommendation}) == len(responses)


def test_while_no_worker_runs_the_last_slate_is_given_and_nobody_is_answered_later(
    broker: Broker, tmp_path: Path
) -> None:
    site = Site(broker.address, "asked-kill")
    mine = event("ada", "a", "kill-1")
    for item in "abc":
        site.write(ITEMS, item.encode(), msgspec.json.encode(Item(item_id=item)))
    with GatewayProcess(site.config, tmp_path / "gateway") as gateway:
        place = Running(site, gateway)
        with WorkerProcess(site.config, tmp_path / "first") as worker:
            for process in (worker, gateway):
                process.wait_ready()
            site.send(("view", mine))
            slate = site.slate("kill-1")
            assert place.ask("ada")[1]["status"] == "fresh"
            worker.kill(signal.SIGKILL)
        last = place.ask("ada", deadline_ms=200)
        assert (last[0], last[1]["status"], last[1]["user_id"]) == (200, "last", "ada")
        assert last[1]["decision_id"] != slate.decision_id, "the one that was asked for before"
        assert place.ask("nobody", deadline_ms=200)[0] == 503
        with WorkerProcess(site.config, tmp_path / "second") as worker:
            worker.wait_ready()
            until(lambda: place.ask("nobody", deadline_ms=2_000)[0] == 200, "the next worker", 60.0)
            late = [each for each in read(site.records(RESPONSES), Response) if each.status == "late"]
            assert {each.user_id for each in late} >= {"ada", "nobody"}
            assert all(each.recommendation is None for each in late)
            site.send(("click", event("ada", "b", "kill-2")))
            place.outcomes(last[1]["decision_id"])
            folded = site.learned(["kill-2"])
            folded.check()
            assert folded.settled[last[1]["decision_id"]] == 1
    site.close()
