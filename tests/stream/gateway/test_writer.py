"""Which events of a request are accepted, and for which topic."""

import time

import pytest

from stream.gateway.writer import _decode
from stream.records.codec import Rejection

EVENT = '{"type": "%s", "event_id": "e", "user_id": "ada", "item_id": "cup", "timestamp": %f}'


def test_the_type_decides_the_topic() -> None:
    found = _decode((EVENT % ("click", time.time())).encode(), None)
    assert not isinstance(found, Rejection)
    kind, event = found
    assert (kind, event.user_id, event.item_id) == ("click", "ada", "cup")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"7", "wrong_type"),
        (b'{"type": 7}', "wrong_type"),
        (b"{}", "unknown_event_type"),
        (b'{"type": "wish"}', "unknown_event_type"),
        (b'{"type": "view", "user_id": "ada"}', "missing_field"),
        ((EVENT % ("view", 1.0)).encode(), "bad_timestamp"),
        (b'{"type": "view", "user_id": tru}', "not_json"),
        (b'{"type": "view", "user_id": "\xff"}', "not_json"),
        (b'{"type": "view", "x": "' + b"y" * 70_000 + b'"}', "too_large"),
    ],
)
def test_events_that_workers_could_not_read_are_refused(document: bytes, reason: str) -> None:
    found = _decode(document, None)
    assert isinstance(found, Rejection)
    assert found.reason == reason


def test_a_token_writes_events_of_its_user_only() -> None:
    document = (EVENT % ("click", time.time())).encode()
    assert not isinstance(_decode(document, "ada"), Rejection)
    found = _decode(document, "ben")
    assert isinstance(found, Rejection)
    assert found.reason == "other_user"
