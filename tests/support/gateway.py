"""Read models of a gateway, the records that fill them, and questions to a running one."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from stream.gateway.read_model import ReadModel
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Recommendation, Slot
from tests.support.contract import check_answer

T = 1_700_000_000.0


def viewed(read_model: ReadModel, user: str, *items: str, at: float = T) -> None:
    for n, item in enumerate(items):
        event = Event(event_id=f"{user}-{item}-{at}", user_id=user, item_id=item, timestamp=at + n)
        read_model.event("view", event, at + n)


def slate(user: str = "ada", epoch: int = 1, items: str = "xyz", event: str | None = None) -> bytes:
    return encode(
        Recommendation(
            user_id=user, decision_id=f"{epoch}.0.0", event_id=event, timestamp=T, model_version=1, epoch=epoch,
            policy="ranked", slots=[Slot(item, 0.5, "ranked", 1.0) for item in items],
        )
    )  # fmt: skip


def full() -> ReadModel:
    """Five users viewed a then b, five viewed c then d; the catalogue has these four and e."""
    read_model = ReadModel()
    for item in "abcde":
        read_model.item(item, Item(item_id=item, title=item.upper()))
    for n in range(5):
        viewed(read_model, f"u{n}", "a", "b", at=T + 10 * n)
        viewed(read_model, f"v{n}", "c", "d", at=T + 10 * n)
    return read_model


def ask_json(
    port: int, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of the answer to a request whose body, if there is one, is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        sent = {"content-type": "application/json", **headers}
        connection.request(method, path, None if body is None else json.dumps(body).encode(), sent)
        answer = connection.getresponse()
        text = answer.read()
        check_answer(method, path, answer.status, dict(answer.headers), text)
        return answer.status, json.loads(text) if text else None, dict(answer.headers)
    finally:
        connection.close()
