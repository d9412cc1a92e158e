"""Items and users are changed over HTTP, with a real Kafka; what cannot be read stops neither gateway nor worker."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import Profile
from stream.records.topics import ITEMS, OUTCOMES, RECOMMENDATIONS, USERS, VIEWS
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, read, until

pytestmark = pytest.mark.kafka


class Running(NamedTuple):
    """A site with a gateway."""

    site: Site
    gateway: GatewayProcess
    log: Path

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        return ask_json(self.gateway.port, method, path, body, headers)


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    log = tmp_path_factory.mktemp("changes") / "gateway"
    site = Site(broker.address, "changes")
    with GatewayProcess(site.config, log) as gateway:
        gateway.wait_ready()
        yield Running(site, gateway, log)
    site.close()


def test_put_is_whole_patch_is_partial_get_reads(running: Running) -> None:
    path = "/v1/items/mug"

    def reads(**wanted: Any) -> dict[str, str] | None:
        status, found, headers = running.ask("GET", path)
        return headers if status == 200 and {key: found[key] for key in wanted} == wanted else None

    assert running.ask("PATCH", path, {"price": 8})[0] == 404
    assert running.ask("PUT", path, {"title": "Mug", "price": 9, "tags": ["blue"]})[0] == 202
    headers = until(lambda: reads(title="Mug", price=9.0), "item")
    for n in range(5):  # none of these waits for the one before to come back
        assert running.ask("PATCH", path, {"price": 8 + n, "attributes": {f"a{n}": n}})[0] == 202
    until(lambda: reads(title="Mug", price=12.0, tags=["blue"], attributes={f"a{n}": n for n in range(5)}), "patched")
    assert running.ask("PATCH", path, {"price": 1}, **{"if-match": headers["ETag"]})[0] == 412
    assert running.ask("PUT", path, {"price": 8})[0] == 202
    until(lambda: reads(title=None, price=8.0, tags=[]), "item put whole")
    for method in ("PUT", "PATCH"):
        assert running.ask(method, path, {"price": 1}, **{"if-match": headers["ETag"]})[0] == 412
        assert running.ask(method, "/v1/items/nowhere", {"price": 1}, **{"if-match": "*"})[0] == 412
    now = running.ask("GET", path)[2]["ETag"]
    assert running.ask("PUT", path, {"price": 7}, **{"if-match": now})[0] == 202


def test_users_are_put_whole_patched_in_part_and_read(running: Running) -> None:
    path = "/v1/users/eve"

    def reads(attributes: dict[str, Any]) -> dict[str, str] | None:
        status, found, headers = running.ask("GET", path)
        return headers if status == 200 and found["attributes"] == attributes else None

    assert running.ask("PATCH", path, {"attributes": {"country": "NL"}})[0] == 202, "no PUT is needed before"
    first = until(lambda: reads({"country": "NL"}), "user")
    for n in range(5):  # none of these waits for the one before to come back
        assert running.ask("PATCH", path, {"attributes": {f"a{n}": n}})[0] == 202
    everything = {"country": "NL"} | {f"a{n}": n for n in range(5)}
    until(lambda: reads(everything), "patched")
    status, found, _ = running.ask("PATCH", path, {"attributes": {"a0": None}, "atributes": {}})
    assert (status, "did you mean 'attributes'?" in found["warnings"][0]) == (202, True)
    until(lambda: reads({name: value for name, value in everything.items() if name != "a0"}), "one less")
    for method in ("PUT", "PATCH"):
        assert running.ask(method, path, {"attributes": {}}, **{"if-match": first["ETag"]})[0] == 412
    assert running.ask("PATCH", path, {"attributes": {"a": [1]}})[0] == 422
    assert running.ask("PATCH", path, {"attributes": {"a" * 129: 1}})[0] == 422
    assert running.ask("PATCH", path, {"user_id": "adam"})[0] == 422
    assert running.ask("PUT", path, {"attributes": {"country": "BE"}})[0] == 202
    until(lambda: reads({"country": "BE"}), "user put whole")
    assert running.ask("DELETE", path)[0] == 202
    assert running.ask("PATCH", path, {"attributes": {"plan": "gold"}})[0] == 202, "what was deleted does not come back"
    until(lambda: reads({"plan": "gold"}), "described afresh")
    newest = {profile.user_id: profile for profile in read(running.site.records(USERS), Profile)}
    assert newest["eve"].attributes == {"plan": "gold"}


def test_a_record_that_it_cannot_use_does_not_stop_a_gateway(running: Running) -> None:
    bad = (
        (OUTCOMES, None), (OUTCOMES, b"[]"), (OUTCOMES, b"\xff"), (RECOMMENDATIONS, b"{"),
        (RECOMMENDATIONS, b'{"a": 1}'), (ITEMS, b"\xff"), (ITEMS, b'{"item_id": 7}'), (USERS, b"{"), (VIEWS, b"\x00"),
    )  # fmt: skip
    for topic, value in bad:
        running.site.write(topic, b"x", value)
    running.site.write(RECOMMENDATIONS, b"\xff\xfe", b"{}")  # a key that is no text
    running.site.producer.flush(30)
    assert running.ask("PUT", "/v1/items/after", {"title": "After"})[0] == 202
    until(lambda: running.ask("GET", "/v1/items/after")[0] == 200, "what came after them")

    def counted() -> bool:
        page = running.gateway.page("/metrics")[1]
        return all(
            f'headwater_gateway_unreadable_total{{topic="{topic.name}"}} {count}.0' in page
            for topic, count in ((OUTCOMES, 2), (RECOMMENDATIONS, 3))
        )

    until(counted, "the count")
    assert running.gateway.page("/readyz")[0] == 200
    assert "cannot be read" in running.log.read_text()


def test_a_worker_counts_records_with_fields_that_nobody_reads(running: Running, tmp_path: Path) -> None:
    event = {"event_id": "odd", "user_id": "odd", "item_id": "mug", "timestamp": time.time(), "desicion_id": "1"}
    running.site.write(VIEWS, b"odd", json.dumps(event).encode())
    running.site.write(ITEMS, b"mug", b'{"item_id": "mug", "titel": "Mug"}')
    running.site.producer.flush(30)
    with WorkerProcess(running.site.config, tmp_path / "worker") as worker:
        worker.wait_ready()
        running.site.learned(["odd"])

        def counted() -> bool:
            found = worker.metrics()
            return all(found.get(f'headwater_unknown_fields_total{{topic="{t.name}"}}') for t in (VIEWS, ITEMS))

        until(counted, "the count")
    assert "did you mean" in (tmp_path / "worker").read_text()
