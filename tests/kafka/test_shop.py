"""A shop, page by page: the lines of docs/shop.md, and its page in a browser, with a real Kafka and a real worker."""

import asyncio
import functools
import http.server
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from stream.config import Gateway, load
from stream.processes.broker import Broker, free_ports
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.schemas import Event, EventType, Item, Outcome
from stream.records.topics import ITEMS, OUTCOMES
from tests.support.browser import browsing
from tests.support.kafka_site import Site, event, read, until
from tests.support.typescript import Project

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
GUIDE, SHOP = ROOT / "docs" / "shop.md", ROOT / "clients" / "shop"
GOODS = {  # item -> category, price
    "teapot": ("pots", 29.5), "samovar": ("pots", 180.0), "kettle": ("pots", 35.0), "cup": ("cups", 6.0),
    "mug": ("cups", 9.0), "bowl": ("cups", 7.5), "green-tea": ("tea", 5.0), "oolong": ("tea", 8.0),
    "assam": ("tea", 4.5), "biscuits": ("sweets", 3.0), "honey": ("sweets", 6.5), "marzipan": ("sweets", 4.0),
}  # fmt: skip
BASKETS = (("teapot", "green-tea", "cup"), ("kettle", "assam", "mug"), ("samovar", "oolong", "honey"))


class Running(NamedTuple):
    """A site with a worker, and a gateway that a page of `origin` may call."""

    site: Site
    gateway: GatewayProcess
    origin: str


def block(language: str) -> str:
    """The guide's block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def pages(folder: Path, port: int) -> Iterator[None]:
    """Serve a folder on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, origin = tmp_path_factory.mktemp("shop"), f"http://127.0.0.1:{free_ports(1)[0]}"
    (folder / "headwater.toml").write_text(block("toml"))
    site = Site(broker.address, "shop-pages")
    gateway = Gateway(request_ms=5_000, rate=1e6, burst=1e6, cors_origins=origin)
    placements = load(folder / "headwater.toml", {}).placements
    site.config = msgspec.structs.replace(site.config, placements=placements, gateway=gateway)
    for item_id, (category, price) in GOODS.items():
        found = Item(item_id=item_id, title=item_id.replace("-", " ").capitalize(), categories=[category], price=price)
        site.write(ITEMS, item_id.encode(), msgspec.json.encode(found))
    site.producer.flush(30)
    events = list[tuple[EventType, Event]]()
    for n in range(24):
        for item in BASKETS[n % 3]:
            events += [
                ("view", event(f"u{n}", item, f"{n}-{item}-v")),
                ("purchase", event(f"u{n}", item, f"{n}-{item}")),
            ]
    with (
        WorkerProcess(site.config, folder / "worker") as worker,
        GatewayProcess(site.config, folder / "gateway") as gateway_process,
    ):
        for process in (worker, gateway_process):
            process.wait_ready()
        site.send(*events)
        site.learned([each.event_id for _, each in events], 60.0)
        yield Running(site, gateway_process, origin)
    site.close()


def hits(running: Running, user: str) -> dict[str, Outcome]:
    """Outcomes of a user's decisions that were hits, by placement."""
    outcomes = read(running.site.records(OUTCOMES), Outcome)
    return {each.placement: each for each in outcomes if each.user_id == user and each.outcome == "hit"}


def test_every_line_of_the_guide_runs(running: Running) -> None:
    environment = {**os.environ, "GATEWAY": running.gateway.pages, "USER_ID": "guide"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("bash")], env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"accepted":1') == block("bash").count("\nevent '")
    assert "null" not in re.findall(r'"decision_id":("[^"]*"|null)', done.stdout)
    found = until(lambda: hits(running, "guide") if "cart" in hits(running, "guide") else None, "the cart's hit")
    assert found["cart"].items[found["cart"].hit or 0] == "green-tea"


@pytest.mark.usefixtures("needs_browser")
def test_the_shop_of_one_page(running: Running, typescript: Project, tmp_path: Path) -> None:
    (tmp_path / "shop").symlink_to(SHOP)
    (tmp_path / "typescript").symlink_to(typescript.folder)

    async def visit() -> None:
        address = f"{running.origin}/shop/?gateway={running.gateway.pages}&user=visitor"
        async with browsing(address) as page:
            titles = "[...document.querySelectorAll('main ul li')].map((entry) => entry.dataset.item)"
            await page.until("document.body.dataset.shown === '#' && document.querySelectorAll('main ul').length === 2")
            first = await page.run(titles.replace("main ul li", 'ul[data-shelf="For you"] li'))
            assert len(first) == len(set(first)) == 8
            await page.run(
                "[...document.querySelectorAll('main button')].find((b) => b.textContent === 'More').click()"
            )
            await page.until("document.querySelectorAll('ul[data-shelf=\"For you\"] li').length > 8")
            more = await page.run(titles.replace("main ul li", 'ul[data-shelf="For you"] li'))
            assert len(more) == len(set(more)), "the next page repeats nothing"
            for name, width, dark in (("light", 1200, False), ("dark", 1200, True), ("narrow", 390, False)):
                await page.look(tmp_path / f"{name}.png", width, 800, dark=dark)
                assert await page.run("document.documentElement.scrollWidth <= innerWidth"), name
            await page.run("document.querySelector('main ul li button').click()")
            await page.until("location.hash.startsWith('#item/') && document.body.dataset.shown === location.hash")
            await page.run(
                "[...document.querySelectorAll('main button')].find((b) => /cart/.test(b.textContent)).click()"
            )
            assert await page.run("document.querySelector('#count').textContent") == "1"
            await page.run("location.hash = '#cart'")
            await page.until("document.body.dataset.shown === '#cart' && document.querySelectorAll('main li').length")
            assert first[0] not in await page.run(titles)
            await page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Buy').click()")
            await page.until("document.querySelector('#said').textContent === 'Thank you.'")
            search = "document.querySelector('#search')"
            await page.run(f"{search}.query.value = 'tea'; {search}.requestSubmit()")
            await page.until("location.hash === '#search/tea' && document.body.dataset.shown === '#search/tea'")
            assert sorted(await page.run(titles)) == ["green-tea", "teapot"]
            assert page.complaints == []

    with pages(tmp_path, int(running.origin.rpartition(":")[2])):
        asyncio.run(visit())
    found = until(lambda: hits(running, "visitor"), "the hit of the click")
    assert found["home"].hit == 0
