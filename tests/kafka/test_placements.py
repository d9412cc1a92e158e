"""Placements with Kafka, workers and a gateway: slates pushed and on request, settled once though a worker dies."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.config import Gateway, Placement, load
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import Item, Outcome, Recommendation
from stream.records.topics import ITEMS, OUTCOMES, PLACED, RECOMMENDATIONS, USERS
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, event, read, until

pytestmark = pytest.mark.kafka
GUIDE = Path(__file__).parents[2] / "docs" / "placements.md"
PLACEMENTS = {"cart": Placement(slots=3, push=True), "mail": Placement(slots=2, exposure="reported")}
WITHIN_MS = 9_000


@pytest.fixture
def site(broker: Broker, namespace: str) -> Iterator[Site]:
    found = Site(broker.address, namespace.rstrip("."))
    found.config = msgspec.structs.replace(
        found.config, placements=PLACEMENTS, gateway=Gateway(request_ms=WITHIN_MS, rate=1e6, burst=1e6)
    )
    yield found
    found.close()


def slate_of(site: Site, placement: str, event_id: str | None = None) -> Recommendation:
    """Ada's newest slate on the topic of placements; only if this event has caused it, if one is given."""

    def look() -> Recommendation | None:
        found = [each for each in read(site.records(PLACED), Recommendation) if each.placement == placement]
        return found[-1] if found and event_id in (None, found[-1].event_id) else None

    return until(look, f"slate of {placement}")


def outcomes(site: Site, *decisions: str) -> dict[str, Outcome]:
    """What became of decisions; all copies of an outcome are identical."""

    def look(all_: list[Any]) -> bool:
        return {*decisions} <= {each.decision_id for each in read(all_, Outcome)}

    found = [each for each in read(site.wait_for(OUTCOMES, look, "outcomes"), Outcome) if each.decision_id in decisions]
    unique = {msgspec.json.encode(each): each for each in found}
    assert len(unique) == len(decisions)
    return {each.decision_id: each for each in unique.values()}


def test_placements_are_pushed_and_asked_for_and_settled_once_though_the_worker_dies_between(
    site: Site, tmp_path: Path
) -> None:
    for n in range(12):
        site.write(ITEMS, b"i%d" % n, msgspec.json.encode(Item(item_id=f"i{n}")))
    site.producer.flush(30)
    with GatewayProcess(site.config, tmp_path / "gateway") as gateway:
        with WorkerProcess(site.config, tmp_path / "first") as worker:
            for process in (worker, gateway):
                process.wait_ready()

            def get(query: str) -> Any:
                return ask_json(gateway.port, "GET", f"/v1/users/ada/recommendations{query}", None, {})

            site.send(("view", event("ben", "i11", "first")))  # before the site has an item, a slate waits for one
            site.learned(["first"], 60.0)
            site.send(*(("view", event("ada", f"i{n}", f"e{n}")) for n in range(3)))
            home, cart = site.slate("e2"), slate_of(site, "cart", "e2")
            assert (home.placement, len(cart.slots)) == ("home", 3)
            body = {"user_id": "ada", "placement": "mail", "deadline_ms": WITHIN_MS}
            status, mail, _ = ask_json(gateway.port, "POST", "/v1/recommendations", body, {})
            assert (status, mail["status"], mail["placement"], len(mail["items"])) == (200, "fresh", "mail", 2)
            assert slate_of(site, "mail").decision_id == mail["decision_id"]
            assert get("")[1]["decision_id"] == home.decision_id, "home's reader is not misled"
            until(lambda: get("?placement=cart")[1]["decision_id"] == cart.decision_id, "cart over HTTP")
            assert get("?placement=cart")[1]["placement"] == "cart"
            status, wrong, _ = get("?placement=kart")
            assert (status, wrong["detail"]) == (422, "placement: must be one of home, cart, mail; got 'kart'")
            worker.kill(signal.SIGKILL)
        named = mail["items"][1]["item_id"]
        site.send(("click", event("ada", named, "of the mail", decision_id=mail["decision_id"])))
        with WorkerProcess(site.config, tmp_path / "second") as worker:
            worker.wait_ready()
            site.learned(["of the mail"], 60.0).check()
            after = outcomes(site, mail["decision_id"], home.decision_id, cart.decision_id)
            asked = after[mail["decision_id"]]
            assert (asked.outcome, asked.hit, asked.placement, asked.event_id) == ("hit", 1, "mail", "of the mail")
            assert {after[each.decision_id].outcome for each in (home, cart)} == {"replaced"}
            assert slate_of(site, "cart", "of the mail").decision_id != cart.decision_id
            site.write(USERS, b"ada", None)
            site.wait_for(
                PLACED,
                lambda all_: {b"ada/cart", b"ada/mail"} <= {r.key for r in all_ if r.value is None},
                "tombstones",
            )
            assert any(record.key == b"ada" and record.value is None for record in site.records(RECOMMENDATIONS))
            until(lambda: get("?placement=cart")[1]["fallback"] == "trending", "cart to be forgotten")


def test_the_page_about_placements_says_what_is_so(site: Site, tmp_path: Path) -> None:
    """Its configuration is read by worker and gateway, its commands run."""
    text = GUIDE.read_text("utf-8")
    ((table,), (block,)) = (re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S) for kind in ("toml", "bash"))
    (tmp_path / "headwater.toml").write_text(table)
    site.config = msgspec.structs.replace(site.config, placements=load(tmp_path / "headwater.toml", {}).placements)
    for item in ("teapot", "cups", "sencha"):
        site.write(ITEMS, item.encode(), msgspec.json.encode(Item(item_id=item)))
    site.producer.flush(30)
    with WorkerProcess(site.config, tmp_path / "worker") as worker, GatewayProcess(site.config) as gateway:
        for process in (worker, gateway):
            process.wait_ready()
        site.send(("view", event("ben", "sencha", "first")))
        site.learned(["first"], 60.0)
        done = subprocess.run(
            ["bash", "-ec", block], env={**os.environ, "GATEWAY": gateway.pages}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        for name in ("home", "cart", "mail"):
            assert f'"placement":"{name}"' in done.stdout
        (product,) = (each for each in read(site.records(PLACED), Recommendation) if each.placement == "product")
        assert outcomes(site, product.decision_id)[product.decision_id].outcome == "hit"
