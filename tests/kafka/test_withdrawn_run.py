"""Slates as they are read, with a real Kafka: without withdrawn items, filled up."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import Item
from stream.records.topics import ITEMS
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, until

pytestmark = pytest.mark.kafka
ITEM_IDS = [f"i{n:02}" for n in range(30)]


class Running(NamedTuple):
    """A site whose worker has stopped after it made a slate: nobody will refresh it."""

    site: Site
    gateway: GatewayProcess

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        return ask_json(self.gateway.port, method, path, body, headers)

    def slate(self, query: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/v1/users/ada/recommendations{query}")[1]
        return found

    def run(self, *arguments: str) -> str:
        config = self.site.config.kafka
        own = {f"HEADWATER_KAFKA_{name.upper()}": str(getattr(config, name)) for name in ("broker", "namespace")}
        found = subprocess.run(
            [sys.executable, "-m", "stream.cli", *arguments], capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | own,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        return found.stdout


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("withdrawn")
    site = Site(broker.address, "withdrawn")
    for item_id in ITEM_IDS:
        site.write(ITEMS, item_id.encode(), msgspec.json.encode(Item(item_id=item_id, title=f"Title {item_id}")))
    site.producer.flush(30)
    with GatewayProcess(site.config, folder / "gateway") as gateway:
        found = Running(site, gateway)
        with WorkerProcess(site.config, folder / "worker") as worker:
            worker.wait_ready()
            gateway.wait_ready()
            event = {"type": "view", "event_id": "e1", "user_id": "ada", "item_id": "i00", "timestamp": time.time()}
            assert found.ask("POST", "/v1/events", event)[0] == 200
            until(lambda: found.slate()["decision_id"], "slate")
        yield found
    site.close()


def test_withdrawn_items_leave_the_slate_of_a_dormant_user_everywhere(running: Running) -> None:
    before = [item["item_id"] for item in running.slate()["items"]]
    deleted, hidden, old = before[0], before[3], before[7]
    assert running.ask("DELETE", f"/v1/items/{deleted}")[0] == 202
    assert running.ask("PATCH", f"/v1/items/{hidden}", {"available": False})[0] == 202
    assert running.ask("PATCH", f"/v1/items/{old}", {"expires_at": time.time() - 1})[0] == 202
    gone = {deleted, hidden, old}

    def cleared() -> dict[str, Any] | None:
        found = running.slate()
        return None if gone & {item["item_id"] for item in found["items"]} else found

    found = until(cleared, "slate without the withdrawn items")
    assert found["left_out"] == {"excluded": 0, "withdrawn": 3}
    assert len({item["item_id"] for item in found["items"]}) == len(before)
    assert [item["propensity"] for item in found["items"] if item["source"] == "fill"] == [None] * 3
    told = json.loads(running.run("recommend", "ada", "--json"))
    assert set(told["withdrawn"]) == gone
    shown = [slot["item_id"] for slot in told["slots"]]
    assert not gone & set(shown)
    assert len(set(shown)) == len(before)
    assert [slot["propensity"] for slot in told["slots"] if slot["source"] == "fill"] == [None] * 3
    assert f"Title {deleted}" not in running.run("watch", "--user", "ada", "--limit", "1")


def test_k_and_exclude_are_filled_up_or_said(running: Running) -> None:
    few = running.slate("?k=20&exclude=" + ",".join(ITEM_IDS[10:18]))
    assert (len(few["items"]), few["asked"], few["short"]) == (20, 20, None) or few["short"]
    many = running.slate("?k=40")
    assert many["asked"] == 40
    assert many["short"] == f"asked for 40 items, got {len(many['items'])}: no other item is known that may be shown"
    assert len(many["items"]) > 20


def test_unknown_parameters_are_refused_and_unknown_fields_are_named(running: Running) -> None:
    status, found, _ = running.ask("GET", "/v1/users/ada/recommendations?excude=i01")
    assert (status, "did you mean 'exclude'?" in found["detail"]) == (422, True)
    status, found, _ = running.ask("PUT", "/v1/items/new", {"titel": "Mug"})
    assert (status, found["warnings"]) == (
        202, ["titel: is no field of items, so it is not read; did you mean 'title'?"]
    )  # fmt: skip
    event = {"type": "view", "event_id": "e2", "user_id": "bob", "item_id": "i01", "timestamp": time.time()}
    status, found, _ = running.ask("POST", "/v1/events", event | {"desicion_id": "1.2.3"})
    assert (status, found["warnings"]) == (
        200, ["desicion_id: is no field of events, so it is not read; did you mean 'decision_id'?"]
    )  # fmt: skip
