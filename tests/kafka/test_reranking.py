"""A search page over HTTP, with a real Kafka and a real worker: 25 hotels are given with prices, ranked, clicked."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stream.client import AsyncClient, Client
from stream.config import Gateway, Policy
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.http.answers import ServedSlate
from stream.records.requests import Candidate, Range, Response
from stream.records.schemas import Event, EventType, Item, Outcome
from stream.records.topics import ITEMS, LOG, OUTCOMES, RESPONSES
from tests.support.gateway import ask_json
from tests.support.kafka_site import Site, event, read, until

pytestmark = pytest.mark.kafka
HOTELS = 25
GIVEN = [f"hotel-{n}" for n in range(HOTELS)]
WITHIN_MS = 9_000


def price(n: int) -> float:
    """Every other hotel is cheap."""
    return 60.0 + n if n % 2 else 400.0 + n


class Running(NamedTuple):
    """A site whose worker has learned, and its gateway."""

    site: Site
    gateway: GatewayProcess

    def ask(self, user: str, **fields: Any) -> tuple[int, Any]:
        body = {"user_id": user, "deadline_ms": WITHIN_MS} | fields
        return ask_json(self.gateway.port, "POST", "/v1/recommendations", body, {})[:2]


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The thrifty have clicked cheap inns elsewhere, the rich dear ones; nobody has been to the hotels given."""
    folder, site = tmp_path_factory.mktemp("reranking"), Site(broker.address, "reranking")
    for n in range(HOTELS):
        hotel = Item(
            item_id=f"hotel-{n}", title="hotel at the beach", categories=["hotel"], price=price(n),
            attributes={"stars": n % 5 + 1},
        )  # fmt: skip
        inn = msgspec.structs.replace(hotel, item_id=f"inn-{n}")
        for item in (hotel, inn):
            site.write(ITEMS, item.item_id.encode(), msgspec.json.encode(item))
    site.producer.flush(30)
    events: list[tuple[EventType, Event]] = []
    for n in range(120):
        user, taken = ("thrifty", f"inn-{2 * (n % 12) + 1}") if n % 2 else ("rich", f"inn-{2 * (n % 12)}")
        events.append(("click", event(f"{user}-{n % 8}", taken, f"before-{n}")))
    config = msgspec.structs.replace(site.config, policy=Policy(epsilon=0.0, epsilon_floor=0.0))
    settings = Gateway(request_ms=WITHIN_MS, rate=1e6, burst=1e6)
    with (
        WorkerProcess(config, folder / "worker") as worker,
        GatewayProcess(msgspec.structs.replace(config, gateway=settings), folder / "gateway") as gateway,
    ):
        for process in (worker, gateway):
            process.wait_ready()
        for each in events:
            site.send(each)
        site.learned([each.event_id for _, each in events], 60.0)
        yield Running(site, gateway)
    site.close()


def ids(found: Any) -> list[str]:
    return [item["item_id"] for item in found["items"]]


def mean_rank(found: Any, *, cheap: bool) -> float:
    ranks = [rank for rank, item in enumerate(ids(found)) if (price(int(item.partition("-")[2])) < 200) == cheap]
    return sum(ranks) / len(ranks)


def test_hotels_are_given_with_prices_ranked_clicked_and_settled_once(running: Running) -> None:
    candidates = [{"item_id": hotel, "price": price(n)} for n, hotel in enumerate(GIVEN)]
    status, found = running.ask("thrifty-1", candidates=candidates, fields=["price"])
    assert (status, found["status"], found["short"], found["filled"]) == (200, "fresh", None, 0)
    assert sorted(ids(found)) == sorted(GIVEN), "all of them, and nothing else"
    assert all(0 < item["propensity"] <= 1 for item in found["items"])
    assert mean_rank(found, cheap=True) < mean_rank(found, cheap=False) - 5, "cheap ones first for who took cheap ones"
    rich = running.ask("rich-2", candidates=candidates)[1]
    assert mean_rank(rich, cheap=True) > mean_rank(rich, cheap=False) + 5

    taken = ids(found)[22]  # far down: no policy drew its place
    click = event("thrifty-1", taken, "booked", decision_id=found["decision_id"])
    running.site.send(("click", click))
    decision = found["decision_id"]

    def settled(all_: list[Any]) -> list[Outcome]:
        return [each for each in read(all_, Outcome) if each.decision_id == decision]

    outcomes = settled(running.site.wait_for(OUTCOMES, settled, "outcome"))
    assert len({msgspec.json.encode(each) for each in outcomes}) == 1
    assert (outcomes[0].outcome, outcomes[0].hit, outcomes[0].event_id) == ("hit", 22, "booked")
    assert outcomes[0].items == ids(found)
    folded = running.site.learned(["booked"])
    folded.check()
    assert folded.settled[decision] == 1


def test_prices_of_now_count_not_those_of_the_catalogue(running: Running) -> None:
    turned = [{"item_id": hotel, "price": price(n + 1)} for n, hotel in enumerate(GIVEN)]
    found = running.ask("thrifty-3", candidates=turned)[1]
    assert mean_rank(found, cheap=True) > mean_rank(found, cheap=False) + 5, "what was cheap is dear now"


def test_200_hits_come_back_in_order_with_unknown_ones_last(running: Running) -> None:
    unknown = [f"new-{n}" for n in range(175)]
    status, found = running.ask("thrifty-1", candidates=unknown + GIVEN)
    assert (status, len(found["items"])) == (200, 200)
    assert sorted(ids(found)[:25]) == sorted(GIVEN)
    assert ids(found)[25:] == unknown
    first = running.ask("thrifty-1", candidates=unknown + GIVEN, k=12)[1]
    assert (len(first["items"]), first["asked"]) == (12, 12)


def test_a_filter_holds_and_nothing_takes_the_places_of_what_it_leaves_out(running: Running) -> None:
    wanted = {"category": "hotel", "stars": [4, 5], "price": {"max": 200}}
    status, found = running.ask("rich-4", k=20, filter=wanted)
    fitting = {f"{kind}-{n}" for kind in ("hotel", "inn") for n in range(HOTELS) if n % 5 + 1 > 3 and price(n) <= 200}
    assert (status, {*ids(found)}) == (200, fitting)
    assert (found["filled"], found["asked"]) == (0, 20)
    assert "asked for 20 items, got" in found["short"]
    status, found = running.ask("rich-4", filter={"colour": "red"})
    assert (status, found["status"], found["items"], found["fallback"]) == (200, "empty", [], None)
    assert found["short"] == "no item meets the filter: none has 'colour'; see the names in the catalogue"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"candidates": ["i"] * 501}, "Expected `array` of length <= 500"),
        ({"candidates": [{"item_id": "i", "price": "9"}]}, "$.candidates[0].price"),
        ({"candidates": [{"id": "i"}]}, "missing required field `item_id`"),
        ({"candidates": ["a\u200b"]}, "`candidates` must have no control or invisible characters"),
        ({"candidate": ["a"]}, "did you mean 'candidates'?"),
        ({"filtr": {}}, "did you mean 'filter'?"),
        ({"filter": {"price": {"low": 3}}}, "`price` must be a text, a number"),
        ({"filter": {"price": {"min": 3, "max": 1}}}, "`price` must have a min that is not above its max"),
        ({"k": 41}, "`k` must be at most 40 without `candidates`"),
        ({"anchors": ["i"] * 21}, "`$.anchors`"),
        ({"anchors": [""]}, "`$.anchors[0]`"),
        ({"from": "similr"}, "Invalid enum value 'similr'"),
        ({"from": "popular", "candidates": ["a"]}, "`from` must be left out with `candidates`; got 'popular'"),
        ({"from_": "popular"}, "unknown field `from_`"),
        ({"context": {"country": 3}}, "`$.context[...]`"),
        ({"after": 7}, "`$.after`"),
    ],
)
def test_misuse_is_refused_with_what_must_hold(running: Running, fields: dict[str, Any], says: str) -> None:
    status, problem = running.ask("rich-1", **fields)
    assert status == 422
    assert says in problem["detail"]


def test_both_clients_ask_the_same(running: Running) -> None:
    async def first_three() -> ServedSlate:
        async with AsyncClient(url) as client:
            return await client.recommend("rich-5", candidates=[*GIVEN], k=3, deadline_ms=WITHIN_MS)

    url = f"http://127.0.0.1:{running.gateway.port}"
    given: list[str | Candidate] = [Candidate(item_id=hotel, price=price(n)) for n, hotel in enumerate(GIVEN)]
    with Client(url) as client:
        found = client.recommend("thrifty-5", candidates=given, filter={"stars": Range(min=2.0)}, deadline_ms=WITHIN_MS)
    assert sorted(item.item_id for item in found.items) == sorted(h for n, h in enumerate(GIVEN) if n % 5)
    assert {"ranked"} >= {item.source for item in found.items[20:]}
    assert len(asyncio.run(first_three()).items) == 3


def test_a_product_page_and_more_of_it_leave_homes_slate_alone(running: Running) -> None:
    home = running.ask("rich-6", k=3)[1]["decision_id"]
    shown, after = list[str](), None
    for _ in range(3):
        status, found = running.ask("rich-6", k=4, anchors=["inn-4"], **({"after": after} if after else {}))
        assert (status, found["status"], len(found["items"])) == (200, "fresh", 4)
        after = found["decision_id"]
        shown += ids(found)
    assert len({*shown, "inn-4"}) == 13, "no repeats, and not the anchor"
    assert ask_json(running.gateway.port, "GET", "/v1/users/rich-6", None, {})[1]["decision_id"] == home
    similar = running.ask("rich-6", k=4, anchors=["inn-4"], **{"from": "similar"})[1]
    assert len(similar["items"]) == 4
    running.site.send(("view", event("rich-6", shown[9], "more", decision_id=after)))
    running.site.learned(["more"]).check()
    status, problem = running.ask("rich-6", k=4, anchors=["inn-4"], after=after)
    assert (status, problem["reason"]) == (409, "refused")
    assert problem["detail"].endswith("ask without `after`, with what is shown in `exclude`")


def test_the_next_page_goes_on_after_a_kill(broker: Broker, tmp_path: Path) -> None:
    site = Site(broker.address, "paging")
    for hotel in GIVEN:
        site.write(ITEMS, hotel.encode(), msgspec.json.encode(Item(item_id=hotel)))
    site.producer.flush(30)
    with GatewayProcess(site.config, tmp_path / "gateway") as gateway:
        place = Running(site, gateway)
        with WorkerProcess(site.config, tmp_path / "first") as worker:
            for process in (worker, gateway):
                process.wait_ready()
            site.send(("view", event("ada", "hotel-3", "seen")))
            site.learned(["seen"])
            first = place.ask("ada", k=8)[1]
            name = first["decision_id"].encode()  # the answer comes first, so a page may be lost that is not logged yet
            until(lambda: any(name in (record.value or b"") for record in site.records(LOG)), "the page in the log")
            worker.kill(signal.SIGKILL)
        with WorkerProcess(site.config, tmp_path / "second") as worker:
            worker.wait_ready()
            until(lambda: place.ask("ada", k=8, after=first["decision_id"])[0] == 200, "the next worker", 60.0)
            second = place.ask("ada", k=8, after=first["decision_id"])[1]
            third = place.ask("ada", k=8, after=second["decision_id"])[1]
            shown = ids(first) + ids(second) + ids(third)
            assert len({*shown}) == len(shown) == 24
            site.send(("click", event("ada", ids(second)[5], "clicked", decision_id=second["decision_id"])))
            folded = site.learned(["clicked"])
            folded.check()
            assert folded.settled[second["decision_id"]] == 1
    site.close()


def test_without_an_answer_the_page_shows_its_own_order(broker: Broker, tmp_path: Path) -> None:
    site = Site(broker.address, "reranking-alone")
    with GatewayProcess(site.config, tmp_path / "gateway") as gateway:
        gateway.wait_ready()
        begun = time.monotonic()
        status, problem = Running(site, gateway).ask("ada", candidates=GIVEN, deadline_ms=200)
        assert (status, problem["reason"]) == (503, "late")
        assert problem["detail"].endswith(": show the candidates in your own order, or try again")
        assert time.monotonic() - begun < 5
    site.close()


def test_over_kafka_each_request_is_answered_once(running: Running) -> None:
    responses = read(running.site.records(RESPONSES), Response)
    assert len({each.request_id for each in responses}) == len(responses)
