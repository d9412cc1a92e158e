"""Files sent to a real worker: each event is learned once, and replay says what became of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream import cli
from stream.client.producer import Sender
from stream.client.taken_in import Follower
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.schemas import Event
from stream.state.user_block import EVENT_IDS
from tests.support.kafka_site import Site, until

pytestmark = pytest.mark.kafka
HEADER = "user_id,item_id,event,timestamp\n"
DAY = 86_400


@pytest.fixture(scope="module")
def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(broker.address, "replay-learned")
    with WorkerProcess(site.config, tmp_path_factory.mktemp("worker") / "log") as worker:
        until(lambda: worker.page("/readyz")[0] == 200, "a worker", 120.0)
        yield site
    site.close()


@pytest.fixture(autouse=True)
def settings(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_BROKER", site.config.kafka.broker)
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", site.config.kafka.namespace)
    monkeypatch.setenv("HEADWATER_KAFKA_PARTITIONS", str(site.config.kafka.partitions))


def day(user: str, n: int, count: int = 40) -> str:
    """Lines of one day; every fourth stands twice."""
    start = 1_700_000_000 + n * DAY
    lines = [f"{user}{k % 3},{user}-day{n}-{k},view,{start + 10 * k}\n" for k in range(count * 3 // 4)]
    return "".join(lines + lines[: count - len(lines)])


def replay(path: Path, text: str, *options: str) -> int:
    path.write_text(text)
    return cli.main(["replay", str(path), *options])


def test_two_days_are_learned_and_each_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = day("twodays", 0), day("twodays", 1)
    for name, text, code, says in (
        ("log.csv", HEADER + one, 0, "learned 40 of 40 events\n"),
        ("log.csv", HEADER + two, 0, "learned 40 of 40 events\n"),  # the next day's file, under the same name
        ("log.csv", HEADER + two, 1, "learned none of 40 events; 40 were duplicates, learned before\n"),
        ("renamed.csv", HEADER + one, 1, "learned none of 40 events; 40 were duplicates"),
        ("joined.csv", HEADER + one + two + day("twodays", 2), 0, "learned 40 of 120 events; 80 were duplicates"),
        ("cut.csv", HEADER + one[: len(one) // 2], 1, "learned none of "),
    ):
        assert replay(tmp_path / name, text) == code, name
        captured = capsys.readouterr()
        assert says in captured.out
        assert ("headwater: nothing of what was sent was learned" in captured.err) == (code == 1)


def test_a_user_with_more_events_than_a_worker_remembers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = EVENT_IDS + 70
    lines = [f"heavy,h{n % 9},click,{1_700_000_000 + n}\n" for n in range(count)]
    assert replay(tmp_path / "log.csv", HEADER + "".join(lines)) == 0
    assert f"learned {count} of {count} events\n" in capsys.readouterr().out
    assert replay(tmp_path / "again.csv", HEADER + "".join(lines)) == 1
    assert "all events of the file were sent before: nothing was sent" in capsys.readouterr().err
    assert replay(tmp_path / "more.csv", HEADER + "".join([*lines, "heavy,h0,click,1700009999\n"])) == 0
    out = capsys.readouterr().out
    assert f"left out {count} events that were sent before" in out
    assert "learned 1 of 1 events\n" in out


def test_dead_letters_are_told_apart_from_duplicates(site: Site) -> None:
    events = [Event(event_id=f"d{n}", user_id=f"dead{n % 5}", item_id="i", timestamp=1.7e9 + n) for n in range(20)]
    events[3:5] = [Event(event_id=f"b{n}", user_id="dead ", item_id="i", timestamp=1.7e9) for n in range(2)]
    events[7] = Event(event_id="ms", user_id="dead0", item_id="i", timestamp=1.7e12)
    events.append(events[0])
    with Follower(site.config.kafka) as follower, Sender(site.config.kafka) as sender:
        for event in events:
            sender.event("view", event)
        sender.flush()
        found = follower.wait(sender.offsets, 60.0)
    assert (found.sent, found.learned, found.duplicates, found.waiting) == (21, 17, 1, 0)
    assert dict(found.dead) == {"bad_id": 2, "bad_timestamp": 1}


def test_without_a_worker_it_says_so(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Site(broker.address, "replay-alone")
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", "replay-alone")
    assert replay(tmp_path / "log.csv", HEADER + day("alone", 0)) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("sent 0 items and 40 events in ")
    assert captured.err == "no worker runs: the records wait in Kafka, and are learned when one does\n"
    assert replay(tmp_path / "log.csv", HEADER + day("alone", 1), "--wait", "0") == 0
    assert capsys.readouterr().err == ""
    alone.close()
