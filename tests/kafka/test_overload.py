"""A worker with more to do than it has time for: it says so, defers slates, learns every event, and catches up."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stream.config import Slate, Sources
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.schemas import Recommendation
from stream.records.topics import RECOMMENDATIONS
from tests.support.installed import LINE, NAME, PYTHON, install
from tests.support.kafka_site import Site, event, read, until, walk

pytestmark = pytest.mark.kafka
SLATE_S = 0.03  # that a slate takes on any machine, since one of its sources sleeps so long
USERS, EVENTS = 300, 900  # some ten seconds of slates
SLOW = PYTHON[0].replace(
    "def top_k(self, query, k, blocked):\n",
    f"def top_k(self, query, k, blocked):\n        __import__('time').sleep({SLATE_S})\n",
)


@pytest.fixture
def site(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    install(tmp_path / "site", "last_followers", SLOW, "last-followers", LINE.replace('"', ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    site = Site(broker.address, "overload")
    site.config = msgspec.structs.replace(site.config, sources=Sources(extra=NAME), slate=Slate(wait_ms=200.0))
    yield site
    site.close()


def test_a_burst_is_learned_at_once_and_answered_in_the_end(site: Site, tmp_path: Path) -> None:
    assert "sleep" in SLOW
    log, burst = tmp_path / "log", walk("burst", USERS, EVENTS)
    newest = {record.user_id: record.timestamp for _, record in burst}
    with WorkerProcess(site.config, log) as worker:
        worker.wait_ready()
        site.send(*burst)
        began = time.monotonic()
        folded = site.learned((record.event_id for _, record in burst), within_s=60.0)
        folded.check()
        assert len(folded.decisions) < EVENTS / 2, "events are learned before their slates are made"
        until(lambda: worker.metrics()["headwater_at_limit"] == 1.0, "at the limit", within_s=30.0)
        until(lambda: worker.metrics()["headwater_slates_deferred"] == 0.0, "all slates are made", within_s=60.0)
        assert time.monotonic() - began > 0.5 * USERS * SLATE_S
        until(lambda: worker.metrics()["headwater_at_limit"] == 0.0, "no longer at the limit", within_s=60.0)
        metrics = worker.metrics()
        assert metrics["headwater_slate_deferrals_total"] > USERS / 2
        assert metrics["headwater_slate_wait_seconds_count"] >= len(newest)

        site.send(("view", event("last", "first-1", "after")))
        assert site.slate("after").user_id == "last"
    slates = {slate.user_id: slate for slate in read(site.records(RECOMMENDATIONS), Recommendation)}
    assert {user: slates[user].timestamp for user in newest} == newest, (
        "the newest slate knows all of the user's events"
    )
    lines = [line for line in log.read_text().splitlines() if "the limit" in line]
    assert ["at the limit: " in line for line in lines] == [True, False]
    assert "Start another worker" in lines[0]
