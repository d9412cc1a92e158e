"""Lists that the model answers, with a real Kafka, two workers and a gateway; and by the topics alone."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from stream import cli
from stream.config import Gateway
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.log import Batch, decode_message
from stream.records.questions.reading import decode_answer
from stream.records.questions.records import Question, QuestionAnswer, QuestionKind
from stream.records.schemas import Event, EventType, Item
from stream.records.topics import ITEMS, LOG, REQUESTS, RESPONSES
from tests.support.gateway import ask_json
from tests.support.kafka_site import PARTITIONS, Site, until

pytestmark = pytest.mark.kafka
TEAS = ("green", "black", "white", "oolong")
READERS = 12  # users over all partitions


class Running(NamedTuple):
    """Two workers who share the users, and an open gateway."""

    site: Site
    workers: tuple[WorkerProcess, WorkerProcess]
    gateway: GatewayProcess

    def ask(self, path: str) -> Any:
        status, body, _ = ask_json(self.gateway.port, "GET", path, None, {})
        assert status == 200, (status, body)
        return body


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everybody reads green, then black; three buy the pot with it; nobody has touched white tea yet."""
    folder = tmp_path_factory.mktemp("lists")
    site = Site(broker.address, "lists")
    items = [Item(item_id=name, title=f"{name.title()} tea", categories=["tea"]) for name in TEAS]
    for item in (*items, Item(item_id="pot", title="Clay pot", categories=["pots"])):
        site.write(ITEMS, item.item_id.encode(), msgspec.json.encode(item))
    site.producer.flush(30)
    config = msgspec.structs.replace(site.config, gateway=Gateway(request_ms=5_000))
    with (
        WorkerProcess(site.config, folder / "one") as one,
        WorkerProcess(site.config, folder / "two") as two,
        GatewayProcess(config, folder / "gateway") as gateway,
    ):
        for process in (one, two, gateway):
            process.wait_ready()
        did: list[tuple[str, str, EventType]] = []
        for n in range(READERS):
            did += [(f"r{n}", "green", "view"), (f"r{n}", "black", "view")]
        for n in range(3):
            did += [(f"b{n}", "green", "purchase"), (f"b{n}", "pot", "purchase")]
        events = [
            (kind, Event(event_id=f"e{n}", user_id=user, item_id=item, timestamp=time.time()))
            for n, (user, item, kind) in enumerate(did)
        ]
        site.send(*events)
        site.learned(event.event_id for _, event in events)
        yield Running(site, (one, two), gateway)
    site.close()


def ids(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def test_lists_of_items(running: Running) -> None:
    def similar() -> Any:  # the gateway reads the events too
        body = running.ask("/v1/items/green/similar")
        return body if {"black", "pot"} <= {*ids(body)[:2]} else None

    body = until(similar, "what goes with green tea")
    assert [item["source"] for item in body["items"]] == ["covisitation", "covisitation", "content", "content"]
    assert (body["items"][0]["reason"], body["status"]) == ("goes with Green tea", "fresh")
    assert {*ids(running.ask("/v1/items/white/similar"))} == {"green", "black", "oolong"}, "by their words"
    assert ids(running.ask("/v1/items/green/also-bought")) == ["pot"]
    assert ids(running.ask("/v1/popular?k=2")) == ["green", "black"]
    assert ids(running.ask("/v1/popular?category=pots")) == ["pot"]
    assert ids(running.ask("/v1/popular?exclude=green&category=tea")) == ["black"]
    assert {*ids(running.ask("/v1/latest?category=tea"))} == {*TEAS}
    assert running.ask("/v1/rising?category=coal")["items"] == []


def test_lists_of_users_come_from_all_partitions(running: Running) -> None:
    body = running.ask("/v1/items/white/audience?k=100")
    assert (body["partial"], body["answered"], body["partitions"]) == (False, PARTITIONS, PARTITIONS)
    assert {user["user_id"] for user in body["users"]} == {
        *(f"r{n}" for n in range(READERS)), *(f"b{n}" for n in range(3)),
    }  # fmt: skip
    assert {user["through"] for user in body["users"]} <= {"green", "black"}
    assert {user["user_id"] for user in running.ask("/v1/items/black/audience")["users"]} == {"b0", "b1", "b2"}
    alike = running.ask("/v1/users/r0/similar?k=5")
    assert len(alike["users"]) == 5
    assert all(user["user_id"].startswith("r") for user in alike["users"]), "they have read the same two"
    assert running.ask("/v1/users/nobody/similar")["users"] == []


def asked(site: Site, partition: int, kind: QuestionKind, **fields: Any) -> QuestionAnswer:
    """The answer that comes on `responses`, without a gateway."""
    name = f"test-{time.monotonic_ns()}"
    with site.reader(RESPONSES) as consumer:
        consumer.seek_to_end()
        for tp in consumer.assignment():
            consumer.position(tp)
        question = Question(request_id=name, question=kind, **fields)
        site.write(REQUESTS, None, encode(question), partition)
        site.producer.flush(10)

        def look() -> QuestionAnswer | None:
            for records in consumer.poll(timeout_ms=100).values():
                for record in records:
                    answer = decode_answer(record.value)
                    if answer.request_id == name and isinstance(answer, QuestionAnswer):
                        assert record.partition == partition
                        return answer
            return None

        return until(look, "the answer")


def test_by_the_topics_alone_and_nothing_goes_to_the_log(running: Running) -> None:
    site = running.site
    before = {record.offset for record in site.records(LOG)}
    for partition in range(PARTITIONS):
        assert [item.item_id for item in asked(site, partition, "popular", k=1).items] == ["green"]
        assert asked(site, partition, "audience", of="unheard").status == "unknown"
    new = [decode_message(record.value, record.offset) for record in site.records(LOG) if record.offset not in before]
    assert all(message.records for message in new if isinstance(message, Batch)), "questions are never logged"


def test_a_malformed_question_is_a_dead_letter(running: Running) -> None:
    running.site.write(REQUESTS, None, b'{"request_id": "r", "question": "similar"}', 0)
    (letter,) = running.site.dead_letters(1)
    assert (letter.reason, letter.detail) == (
        "missing_field", "question: `of` must name an item where similar is asked; it is missing",
    )  # fmt: skip


def test_the_command_asks_too(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka = running.site.config.kafka
    monkeypatch.setenv("HEADWATER_KAFKA_NAMESPACE", kafka.namespace)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["ask", *arguments, "--broker", kafka.broker])
        return code, *capsys.readouterr()

    code, out, err = run("audience", "black", "--json", "-k", "2")
    assert (code, err) == (0, "")
    assert {user["user_id"] for user in json.loads(out)["users"]} < {"b0", "b1", "b2"}
    assert "bought" in run("also_bought", "green")[1]
    assert run("rising", "--category", "coal")[1] == "nothing\n"
    code, _, err = run("similar", "unheard")
    assert (code, "the model knows no such item" in err) == (1, True)


def test_when_workers_stop_what_was_told_last_is_told_again(running: Running) -> None:
    fresh = running.ask("/v1/items/green/similar?k=3")
    for worker in running.workers:
        worker.stop()
    time.sleep(1.1)  # answers are fresh for a second
    begun = time.monotonic()
    last = running.ask("/v1/items/green/similar?k=3")
    assert ids(last) == ids(fresh)
    assert (last["status"], last["stale"]) == ("last", "no worker has answered within 2500 ms")
    assert time.monotonic() - begun < 15
    status, body, headers = ask_json(running.gateway.port, "GET", "/v1/items/pot/similar", None, {})
    assert (status, body["reason"], headers["Retry-After"]) == (503, "late", "1")
