"""What is sent again, how soon, and what an answer says."""

import msgspec
import pytest

from stream.client import NoAnswerError, Patience, ProblemError
from stream.client.http import calls
from stream.client.http.call import Reply
from stream.client.http.retries import FIRST_S, LONGEST_S, result_of
from stream.records.http.answers import ProblemDetails
from stream.records.schemas import Event

READ, TOKEN = calls.get_item("i"), calls.issue_token("ada")
EVENTS = calls.write_events(Event(type="view", event_id="e", user_id="u", item_id="i", timestamp=1.7e9))
PATIENCE = Patience(timeout_s=10.0, retries=3)


def problem(status: int, retry_after_s: float | None = None) -> ProblemError:
    return ProblemError("GET /", ProblemDetails(title="", status=status, detail=""), retry_after_s)


@pytest.mark.parametrize(
    ("error", "read", "token"),
    [
        (problem(429), True, True),  # it was not carried out
        (problem(503), True, False),
        (problem(502), True, False),
        (problem(504), True, False),
        (problem(500), False, False),
        (problem(404), False, False),
        (problem(409, 1.0), True, False),  # it is under way
        (problem(422), False, False),
        (NoAnswerError("", sent=False), True, True),
        (NoAnswerError("", sent=True), True, False),
    ],
)
def test_what_is_sent_again(error: ProblemError | NoAnswerError, read: bool, token: bool) -> None:
    for call, again in ((READ, read), (EVENTS, read), (TOKEN, token)):
        assert (PATIENCE.pause(call, error, 0, 10.0, 0.5) is not None) is again


def test_pauses_grow_and_are_drawn() -> None:
    def pause(attempt: int, uniform: float) -> float | None:
        return Patience(retries=20).pause(READ, problem(503), attempt, 100.0, uniform)

    assert [pause(n, 1.0) for n in range(4)] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert pause(0, 0.0) == FIRST_S / 2
    assert pause(19, 1.0) == LONGEST_S


def test_the_gateways_wish_is_heeded_within_the_time_of_the_call() -> None:
    assert PATIENCE.pause(READ, problem(429, 3.0), 0, 10.0, 0.0) == 3.0
    assert PATIENCE.pause(READ, problem(429, 3.0), 0, 2.0, 0.0) is None, "it is told at once, not after two seconds"
    assert PATIENCE.pause(READ, problem(429), 3, 10.0, 0.0) is None, "three times are enough"


def test_answers_and_problems() -> None:
    assert result_of(calls.healthz(), Reply(200, {}, b"alive")) == "alive"
    body = msgspec.json.encode({"title": "Conflict", "status": 409, "detail": "send all", "reason": "x", "newer": 1})
    with pytest.raises(ProblemError, match="GET /v1/items/i: 409: send all") as caught:
        result_of(READ, Reply(409, {"retry-after": "7"}, body))
    assert (caught.value.status, caught.value.retry_after_s, caught.value.problem.reason) == (409, 7.0, "x")
    with pytest.raises(ProblemError, match="502: <html>") as caught:
        result_of(READ, Reply(502, {}, b"<html>" + b"x" * 500))
    assert caught.value.retriable
    assert len(caught.value.problem.detail) == 200
    with pytest.raises(NoAnswerError, match="cannot be read"):
        result_of(READ, Reply(200, {}, b'{"item_id": 7}'))
    with pytest.raises(ProblemError, match="302"):
        result_of(READ, Reply(302, {}, b""))
