"""Requests on a real Kafka, answered by workers: as of now, once, also when one is killed; and docs/requests.md."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.codec import encode
from stream.records.requests import Request, Response
from stream.records.schemas import Recommendation
from stream.records.topics import RECOMMENDATIONS, REQUESTS, RESPONSES
from tests.support.kafka_site import Site, event, read, until

ROOT = Path(__file__).parents[2]
SNIPPET = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "requests.md").read_text("utf-8"), re.M | re.S)
DAY = 86_400.0

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(broker.address, "asked-worker")
    with WorkerProcess(site.config, tmp_path_factory.mktemp("asked-worker") / "log") as worker:
        worker.wait_ready()
        days_ago = time.time() - 3 * DAY
        events = [replace(event(f"u{n}", item, f"e{n}"), timestamp=days_ago + n) for n, item in enumerate("abcd")]
        site.send(*(("view", each) for each in events))
        site.learned(each.event_id for each in events)
        yield site
    site.close()


def ask(site: Site, *requests: Request) -> None:
    for request in requests:
        site.write(REQUESTS, request.user_id.encode(), encode(request))
    site.producer.flush(10)


def responses(site: Site, *request_ids: str, within_s: float = 30.0) -> dict[str, list[Response]]:
    """All responses to requests, once each has one."""
    found: dict[str, list[Response]] = {}

    def look() -> bool:
        found.clear()
        for record in site.records(RESPONSES):
            response = msgspec.json.decode(record.value, type=Response)
            found.setdefault(response.request_id, []).append(response)
        return found.keys() >= {*request_ids}

    until(look, f"responses to {len(request_ids)} requests", within_s)
    return found


def slate(response: Response) -> Recommendation:
    assert response.recommendation is not None, response
    return response.recommendation


def test_who_comes_back_after_days_gets_a_slate_as_of_now_that_their_next_event_settles(site: Site) -> None:
    ask(site, Request(request_id="back", user_id="u0", k=2, exclude=["b"], deadline_ms=60_000))
    (response,) = responses(site, "back")["back"]
    made = slate(response)
    assert abs(made.timestamp - time.time()) < 60
    assert len(made.slots) == 2
    assert "b" not in {slot.item_id for slot in made.slots}
    assert made in read(site.records(RECOMMENDATIONS), Recommendation)
    site.send(("click", event("u0", made.slots[0].item_id, "back-click")))
    outcome = site.outcome(made.decision_id)
    assert (outcome.outcome, outcome.hit, outcome.event_id) == ("hit", 0, "back-click")


def test_a_stranger_is_served_and_nobody_waits_past_a_deadline(site: Site) -> None:
    ask(site, Request(request_id="stranger", user_id="nobody-knows-me"))
    made = slate(responses(site, "stranger")["stranger"][0])
    assert {slot.item_id for slot in made.slots} == {"a", "b", "c", "d"}
    late = Request(request_id="late", user_id="u1", deadline_ms=1)
    site.producer.send(site.name(REQUESTS), key=b"u1", value=encode(late), timestamp_ms=int(1000 * (time.time() - 5)))
    site.producer.flush(10)
    (response,) = responses(site, "late")["late"]
    assert (response.status, response.recommendation) == ("late", None)


def test_the_page_runs_as_it_stands(site: Site) -> None:
    block = "\n".join(SNIPPET).replace("127.0.0.1:9092", site.config.kafka.broker)
    for topic in (REQUESTS, RESPONSES):
        block = block.replace(f'"{topic.name}"', f'"{site.name(topic)}"')
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    one = "'[a-d]'"
    assert re.fullmatch(rf"fresh \[{one}, {one}\]\n\[{one}, {one}\]\n\[\]\n\[\]\n", done.stdout), done.stdout


def test_a_worker_is_killed_with_requests_under_way(broker: Broker, tmp_path: Path) -> None:
    """Each request is answered, none is decided twice, and each response of the owner that counts is in the log."""
    site = Site(broker.address, "asked-killed")
    try:
        site.send(*(("view", event(f"u{n}", "abcd"[n % 4], f"k{n}")) for n in range(8)))
        names = [f"r{n}" for n in range(120)]
        requests = [Request(request_id=name, user_id=f"u{n % 10}") for n, name in enumerate(names)]
        with WorkerProcess(site.config, tmp_path / "first") as first:
            first.wait_ready()
            site.learned(f"k{n}" for n in range(8))
            ask(site, *requests[:60])
            responses(site, names[0])
            first.kill(signal.SIGKILL)
        ask(site, *requests[60:])
        with WorkerProcess(site.config, tmp_path / "second") as second:
            second.wait_ready()
            found = responses(site, *names, within_s=60.0)
            log = site.folded(lambda log: log.requests.keys() >= {*names}, "all requests in the log")
        log.check()
        for name in names:
            (decided,) = log.requests[name]
            assert decided in {slate(each).decision_id for each in found[name]}
    finally:
        site.close()
