"""Export and import through a real Kafka: round trips, what changed since, processes that are killed."""

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream import cli
from stream.client.bulk import exporting, importing
from stream.client.bulk.exporting import Export
from stream.client.bulk.kinds import KINDS
from stream.client.bulk.merged import merged
from stream.client.bulk.positions import ExportPosition, ImportPosition, read_position, write_position
from stream.client.bulk.target import TargetFile
from stream.kafka.admin import check
from stream.processes.broker import Broker
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Profile
from stream.records.topics import EVENT_TOPICS, ITEMS, USERS
from tests.support.kafka_site import Site, read, until

GUIDE = Path(__file__).parents[2] / "docs" / "bulk.md"
pytestmark = pytest.mark.kafka
T = 1_700_000_000.0


@pytest.fixture
def sites(broker: Broker, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two sites with topics of their own, and a function that runs a command for one of them."""
    monkeypatch.setenv("HEADWATER_KAFKA_BROKER", broker.address)
    monkeypatch.setenv("HEADWATER_KAFKA_PARTITIONS", "4")
    one, two = Site(broker.address, f"{namespace}a"), Site(broker.address, f"{namespace}b")

    def run(site: Site, *arguments: str | Path) -> int:
        monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", site.config.kafka.namespace)
        return cli.main([str(each) for each in arguments])

    yield one, two, run
    one.close()
    two.close()


Run = Callable[..., int]


def filled(site: Site) -> None:
    for version in range(3):
        for n in range(40):
            item = Item(
                item_id=f"i{n}", title=f'Item {n}, "version" {version}\n', price=n / 3, tags=["a", "b|c"][: n % 3],
                attributes={"size": n, "new": True}, image=f"https://shop.example/{n}.jpg" if n % 2 else None,
            )  # fmt: skip
            site.write(ITEMS, item.item_id.encode(), encode(item))
            profile = Profile(user_id=f"u{n}", attributes={"version": version})
            site.write(USERS, profile.user_id.encode(), encode(profile))
    site.write(ITEMS, b"i7", None)
    site.write(USERS, b"u9", None)
    site.write(ITEMS, b"i8", b"no json")  # workers do not accept it; the one before is compacted away some day
    site.write(ITEMS, b"i11", b'{"item_id": "i11", "field_of_tomorrow": 5}')
    kinds = sorted(EVENT_TOPICS)
    site.send(*((kinds[n % 3], event(n)) for n in range(300)))


def event(n: int) -> Event:
    return Event(
        event_id=f"e{n}", user_id=f"u{n % 17}", item_id=f"i{n % 40}", timestamp=T + n, context={"device": "tv"}
    )


def state(site: Site, topic: Any) -> dict[str, Any]:
    """The newest record of each key that is one."""
    found: dict[str, Any] = {}
    for record in site.records(topic):
        if record.value is None:
            found.pop(record.key.decode(), None)
        elif record.value != b"no json":
            found[record.key.decode()] = msgspec.json.decode(record.value)
        else:
            found.pop(record.key.decode(), None)
    return found


def events(site: Site) -> dict[str, list[Event]]:
    """All events of each user, topic by topic, in the order in which they were written."""
    found: dict[str, list[Event]] = {}
    for kind, topic in EVENT_TOPICS.items():
        for each in read(site.records(topic), Event):
            found.setdefault(f"{each.user_id} {kind}", []).append(msgspec.structs.replace(each, type=None))
    return found


@pytest.mark.parametrize("end", ["jsonl", "csv", "jsonl.gz", "csv.gz"])
def test_what_is_exported_and_imported_is_the_same(sites: tuple[Site, Site, Run], tmp_path: Path, end: str) -> None:
    one, two, run = sites
    filled(one)
    for kind in KINDS:
        file = tmp_path / f"{kind}.{end}"
        assert run(one, "export", kind, file) == 0
        assert run(two, "import", kind, file) == 0
    assert state(two, USERS) == state(one, USERS)
    assert len(state(one, USERS)) == 39
    items = state(one, ITEMS)
    assert len(items) == 38
    if "csv" in end:
        assert items["i11"].pop("field_of_tomorrow") == 5
    assert state(two, ITEMS) == items
    assert events(two) == events(one)
    assert sum(map(len, events(two).values())) == 300
    assert run(one, "export", "items", file) == 2, "nothing is written over"


def test_an_export_adds_what_came_since(
    sites: tuple[Site, Site, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, run = sites
    filled(one)
    for kind in KINDS:
        file, position = tmp_path / f"{kind}.jsonl", tmp_path / f"{kind}.position"
        assert run(one, "export", kind, file, "--position", position) == 0
        assert run(two, "import", kind, file, "--position", tmp_path / f"{kind}.imported") == 0
        before = file.read_bytes()
        capsys.readouterr()
        assert run(one, "export", kind, file, "--position", position) == 0
        assert capsys.readouterr().err.startswith(f"wrote 0 {kind}")
        assert file.read_bytes() == before
    one.write(ITEMS, b"i1", None)
    one.write(ITEMS, b"i2", b'{"item_id": "i2"}')
    one.write(ITEMS, b"new", b'{"item_id": "new"}')
    one.write(USERS, b"u1", None)
    one.send(*(("view", event(n)) for n in range(300, 310)))
    for kind, count in (("items", 3), ("users", 1), ("events", 10)):
        file, position = tmp_path / f"{kind}.jsonl", tmp_path / f"{kind}.position"
        lines = file.read_bytes().count(b"\n")
        assert run(one, "export", kind, file, "--position", position) == 0
        assert file.read_bytes().count(b"\n") == lines + count
        capsys.readouterr()
        assert run(two, "import", kind, file, "--position", tmp_path / f"{kind}.imported") == 0
        assert capsys.readouterr().err.startswith(f"sent {count} {kind}")
    assert b'{"item_id":"i1","deleted":true}\n' in (tmp_path / "items.jsonl").read_bytes()
    for topic in (ITEMS, USERS):
        assert state(two, topic) == state(one, topic)
    assert events(two) == events(one)
    assert run(one, "export", "users", tmp_path / "x.jsonl", "--position", tmp_path / "items.position") == 2
    assert "is of kind 'items'; got 'users'" in capsys.readouterr().err


def test_an_import_that_is_killed_goes_on_and_sends_nothing_twice(
    sites: tuple[Site, Site, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, run = sites
    file, position, count = tmp_path / "e.jsonl.gz", tmp_path / "position", 40_000
    with gzip.open(file, "wb") as lines:
        for n in range(count):
            lines.write(json.dumps({"type": "view", **msgspec.to_builtins(event(n))}).encode() + b"\n")
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", one.config.kafka.namespace)
    command = [sys.executable, "-m", "stream.cli", "import", "events", str(file), "--position", str(position)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        try:
            until(lambda: position.exists() and json.loads(position.read_bytes())["line"] >= 4_000, "a part of it", 60)
        finally:
            child.send_signal(signal.SIGKILL)
    assert 4_000 <= json.loads(position.read_bytes())["line"] < count
    assert run(one, "import", "events", file, "--position", position) == 0
    assert "events in " in capsys.readouterr().err
    sent = Counter(each.event_id for each in read(one.records(EVENT_TOPICS["view"]), Event))
    assert (len(sent), set(sent.values())) == (count, {1})


def test_what_was_acknowledged_and_not_noted_is_not_sent_again(
    sites: tuple[Site, Site, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends between Kafka's acknowledgement and the note, each time after another part."""
    one, _, run = sites
    file, position, kinds = tmp_path / "e.csv", tmp_path / "position", sorted(EVENT_TOPICS)
    rows = [f"{kinds[n % 3]},e{n},u{n % 7},i,{T + n}\n" for n in range(250)]
    file.write_text("type,event_id,user_id,item_id,timestamp\n" + "".join(rows))
    monkeypatch.setattr(importing, "AT_ONCE", 100)
    for crash in (2, 2, 3):
        calls = Counter[str]()

        def note(path: Path | None, found: ImportPosition, calls: Counter[str] = calls, crash: int = crash) -> None:
            calls["note"] += 1
            if calls["note"] == crash:
                raise KeyboardInterrupt
            write_position(path, found)

        monkeypatch.setattr(importing, "write_position", note)
        assert run(one, "import", "events", file, "--position", position) == 130
        one.send(("view", Event(event_id=f"other-{crash}", user_id="u1", item_id="i", timestamp=T)))
    monkeypatch.setattr(importing, "write_position", write_position)
    capsys.readouterr()
    assert run(one, "import", "events", file, "--position", position) == 0
    sent = Counter(each.event_id for topic in EVENT_TOPICS.values() for each in read(one.records(topic), Event))
    assert {name for name in sent if name.startswith("e")} == {f"e{n}" for n in range(250)}
    assert {sent[f"e{n}"] for n in range(250)} == {1}


def test_a_line_that_cannot_be_accepted_is_named_with_its_field(
    sites: tuple[Site, Site, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, run = sites
    file = tmp_path / "items.csv"
    file.write_text("item_id,price,link,colour\n1,2.5,https://shop.example/1,red\n2,x,,\n3,1,/3,\n4,4,,\n")
    assert run(one, "import", "items", file, "--dry-run") == 1
    said = capsys.readouterr().err
    assert f"{file} line 3: item: `price` must be a number; got 'x'" in said
    assert f"{file} line 4: item: `link` must be an address that begins with http:// or https://" in said
    assert "colour: is no column of items, so it is not read" in said
    assert "2 items may be sent" in said
    assert run(one, "import", "items", file) == 2
    assert capsys.readouterr().err.endswith("got 'x'; nothing was sent\n")
    assert state(one, ITEMS) == {}
    assert run(one, "import", "items", file, "--skip-bad") == 0
    assert "sent 2 items" in capsys.readouterr().err
    assert set(state(one, ITEMS)) == {"1", "4"}
    assert run(one, "import", "items", tmp_path / "none.csv") == 2
    assert run(one, "import", "items", file, "--broker", "127.0.0.1:1") == 3
    assert run(one, "import", "items", file, "--broker", "127.0.0.1:1", "--dry-run") == 1


def test_the_commands_in_the_guide_run(
    sites: tuple[Site, Site, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, _ = sites
    one.send(*(("view", event(n)) for n in range(5)))
    (block,) = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    script = f"headwater() {{ '{sys.executable}' -m stream.cli \"$@\"; }}\n{block}cat catalogue.csv"
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", one.config.kafka.namespace)
    environment = {**os.environ, "PYTHONPATH": str(GUIDE.parents[1]), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-ec", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 items may be sent" in done.stderr
    assert "wrote 2 items" in done.stderr
    assert "wrote 1 items" in done.stderr
    assert "wrote 5 events" in done.stderr
    header, *rows = done.stdout.splitlines()[1:]
    assert header.endswith(",deleted")
    assert rows[-1].startswith("mug,")
    assert rows[-1].endswith(",true")
    assert any(row.startswith("teapot,Teapot,Kitchen|Tea,29.5,") for row in rows)


def test_pipes_are_read_and_written(sites: tuple[Site, Site, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, _ = sites
    filled(one)
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", one.config.kafka.namespace)
    command = [sys.executable, "-m", "stream.cli"]
    found = subprocess.run([*command, "export", "users", "-"], capture_output=True, timeout=60, check=True)
    assert found.stdout.count(b"\n") == 39
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", two.config.kafka.namespace)
    subprocess.run([*command, "import", "users", "-"], input=found.stdout, capture_output=True, timeout=60, check=True)
    assert state(two, USERS) == state(one, USERS)


@pytest.mark.parametrize("name", ["items", "events"])
def test_an_export_that_is_killed_goes_on_to_the_same_file(
    sites: tuple[Site, Site, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It ends after a mark of the file, before or after the note, again and again."""
    one, _, run = sites
    filled(one)
    whole, file, position = tmp_path / "whole.jsonl.gz", tmp_path / "part.jsonl.gz", tmp_path / "position"
    assert run(one, "export", name, whole) == 0
    monkeypatch.setattr(exporting, "AT_ONCE", 10)
    for n in range(1, 7):
        calls = Counter[str]()

        def note(path: Path | None, found: ExportPosition, calls: Counter[str] = calls, n: int = n) -> None:
            calls["note"] += 1
            if n % 2 and calls["note"] == 2:
                raise KeyboardInterrupt
            write_position(path, found)
            if calls["note"] == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(exporting, "write_position", note)
        assert run(one, "export", name, file, "--position", position) == 130
        one.write(ITEMS, f"later-{n}".encode(), f'{{"item_id": "later-{n}"}}'.encode())
        one.send(("view", Event(event_id=f"later-{n}", user_id="u1", item_id="i", timestamp=T)))
    monkeypatch.setattr(exporting, "write_position", write_position)
    assert run(one, "export", name, file, "--position", position) == 0
    lines = gzip.decompress(file.read_bytes()).splitlines()
    assert [line for line in lines if b"later" not in line] == gzip.decompress(whole.read_bytes()).splitlines()
    assert len(lines) == len(set(lines))
    assert run(one, "export", name, file, "--position", position) == 0
    ids = Counter(json.loads(line)["item_id" if name == "items" else "event_id"] for line in
                  gzip.decompress(file.read_bytes()).splitlines())  # fmt: skip
    assert {f"later-{n}" for n in range(1, 7)} <= set(ids)


def test_a_record_that_is_compacted_away_meanwhile_is_taken_from_behind(
    sites: tuple[Site, Site, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two readings newer records come, and the old ones go: an item must not be missing for that."""
    one, _, _ = sites
    for n in range(20):
        one.write(ITEMS, f"i{n}".encode(), f'{{"item_id": "i{n}", "title": "old"}}'.encode())
    one.producer.flush(30)
    readings = list[Any]()

    async def meanwhile(consumer: Any, starts: Any, ends: Any) -> AsyncIterator[Any]:
        readings.append(ends)
        if len(readings) == 2:
            for n in range(0, 20, 2):
                one.write(ITEMS, f"i{n}".encode(), f'{{"item_id": "i{n}", "title": "new"}}'.encode())
            one.write(ITEMS, b"i1", b'{"item_id": "i1", "title": "new"}')
            one.producer.flush(30)
        async for record in merged(consumer, starts, ends):
            if (
                len(readings) != 2 or record.partition > 0
            ):  # a broker compacts when it likes, so those of one are left out
                yield record

    monkeypatch.setattr(exporting, "merged", meanwhile)
    position, config = ExportPosition(kind="items", namespace=one.config.kafka.namespace, file="f"), one.config.kafka
    with TargetFile(str(tmp_path / "f.jsonl"), "jsonl", KINDS["items"]) as target:
        export = Export(config, KINDS["items"], tmp_path / "position", position, lambda _, __: None)
        asyncio.run(export.run(target, check(config)))
    found = [json.loads(line) for line in (tmp_path / "f.jsonl").read_bytes().splitlines()]
    names = [each["item_id"] for each in found]
    deleted = {f"i{n}" for n in range(20)} - set(names)
    assert len(names) == len(set(names))
    assert all(int(name[1:]) % 2 and name != "i1" for name in deleted), "only those without a newer record are gone"
    assert {each["title"] for each in found} == {"old", "new"}
    again = read_position(tmp_path / "position", position)
    assert (again.ends, again.changes) == ({}, True)


def test_events_come_in_the_order_in_which_they_were_written(sites: tuple[Site, Site, Run], tmp_path: Path) -> None:
    one, _, run = sites
    for n in range(30):
        one.send((sorted(EVENT_TOPICS)[n % 3], event(n)))
        time.sleep(0.002)  # so that no two have one millisecond
    assert run(one, "export", "events", tmp_path / "e.jsonl") == 0
    lines = (tmp_path / "e.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["event_id"] for line in lines] == [f"e{n}" for n in range(30)]
