"""Addresses, and the attempts of a call."""

import pytest

from stream.client import NoAnswerError, Patience
from stream.client.http import calls
from stream.client.http.exchange import Attempts, Exchange


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://shop.example", "http://", "http://a/?b=1", "http://a/#b"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="url: must be like http"):
        Exchange(url, "", Patience())


def test_attempts_end() -> None:
    attempts, lost = Attempts(Patience(retries=2)), NoAnswerError("lost", sent=True)
    assert all(attempts.pause(calls.readyz(), lost) < 1.0 for _ in range(2))
    with pytest.raises(NoAnswerError, match="lost"):
        attempts.pause(calls.readyz(), lost)
    assert 9.0 < attempts.left_s < 10.0


def test_a_stream_that_lasted_begins_a_new_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stream.client.http.exchange.time.monotonic", lambda: now[0])
    attempts, lost, call = Attempts(Patience(retries=2)), NoAnswerError("lost", sent=True), calls.readyz()
    for _ in range(5):
        now[0] += 3600.0
        assert attempts.lost(call, lost) <= 0.1
    attempts.lost(call, lost)
    with pytest.raises(NoAnswerError):
        attempts.lost(call, lost)
