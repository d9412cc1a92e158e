"""Dead letters on a real Kafka: listed, shown, sent again once."""

from collections.abc import Iterator

import msgspec
import pytest

from stream import cli
from stream.processes.broker import Broker
from stream.records.codec import encode
from stream.records.schemas import DeadLetter
from stream.records.topics import DEAD, VIEWS
from tests.support.kafka_site import Site, event

pytestmark = pytest.mark.kafka


@pytest.fixture
def site(broker: Broker, namespace: str) -> Iterator[Site]:
    site = Site(broker.address, namespace.rstrip("."))
    yield site
    site.close()


def run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", site.config.kafka.namespace)
    return cli.main(["dead", *arguments, "--broker", site.config.kafka.broker])


def died(site: Site, n: int, reason: str = "bad_timestamp") -> bytes:
    value = encode(event("ada", f"i{n}", f"e{n}"))
    letter = DeadLetter(
        topic=site.name(VIEWS), partition=0, offset=n, timestamp=1_700_000_000.0, reason=reason,
        detail=f"event {n}: the clock was wrong", key=b"ada", value=value,
    )  # fmt: skip
    site.write(DEAD, b"ada", msgspec.json.encode(letter))
    site.producer.flush(30)
    return value


def test_list_show_replay(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, monkeypatch, "list") == 0
    assert "there are none" in capsys.readouterr().out
    values = [died(site, n, "bad_timestamp" if n < 3 else "not_json") for n in range(4)]
    assert run(site, monkeypatch, "list", "--last", "2") == 0
    told = capsys.readouterr().out
    assert "bad_timestamp 3, not_json 1" in told
    assert "event 3" in told
    assert "event 1" not in told
    assert run(site, monkeypatch, "show", "1") == 0
    assert capsys.readouterr().out.strip().encode() == values[1]
    assert run(site, monkeypatch, "show", "99") == 1
    assert "must hold offset 99" in capsys.readouterr().err
    assert run(site, monkeypatch, "replay", "--reason", "bad_timestamp", "--limit", "2") == 0
    assert "sent 2 again; the next one starts at offset 2" in capsys.readouterr().out
    assert run(site, monkeypatch, "replay", "--reason", "bad_timestamp") == 0
    assert "sent 1 again; the next one starts at offset 4" in capsys.readouterr().out
    assert run(site, monkeypatch, "replay") == 0
    assert "sent 0 again" in capsys.readouterr().out
    sent = site.records(VIEWS)
    assert [(record.key, record.value) for record in sent] == [(b"ada", value) for value in values[:3]]
    assert run(site, monkeypatch, "replay", "--from", "3") == 0
    assert [record.value for record in site.records(VIEWS)] == values
