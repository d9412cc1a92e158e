"""What comes in a request is checked whole, and before work is done; odd requests as a whole: test_app.py."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from stream.gateway.parameters import (
    _LIST,
    MANY,
    MAX_EXCLUDED,
    MAX_SEPARATORS,
    count_of,
    events_of,
    excluded,
    id_of,
    token_request,
    with_id,
)
from stream.gateway.problems import Problem


def asked(query: str = "", user: str = "ada") -> Any:
    return make_mocked_request("GET", f"/v1/users/{user}{query}", match_info={"user_id": user})


def refusal(call: Any, *arguments: Any) -> Problem:
    with pytest.raises(Problem) as found:
        call(*arguments)
    return found.value


def test_counts_are_looked_at_whole() -> None:
    assert [count_of(asked(query), 40) for query in ("", "?k=1", "?k=07", "?k=40")] == [20, 1, 7, 40]
    for wrong in ("0", "41", "-1", "1e1", "%2B5", "1_0", "0000000019999", "9" * 5_000, "%EF%BC%95", "5%20", "4.0"):
        assert refusal(count_of, asked(f"?k={wrong}"), 40).status == 422, wrong
    assert refusal(count_of, asked("?k=5&k=6"), 40).detail == "k: must be given once; got 2"
    empty = "k: must be a whole number from 1 to 40; got '': leave k out for 20"
    assert refusal(count_of, asked("?k="), 40).detail == empty


def test_excluded_ids_are_few_and_are_ids() -> None:
    assert excluded(asked("?exclude=a,b&exclude=c,,"), nobody) == {"a", "b", "c"}
    assert excluded(asked("?exclude=a%2Cb"), {"a,b"}.__contains__) == {"a,b"}
    most = ",".join(str(n) for n in range(MAX_EXCLUDED))
    assert len(excluded(asked(f"?exclude={most}"), nobody)) == MAX_EXCLUDED
    assert "at most 200 items; got 201" in refusal(excluded, asked(f"?exclude={most},more"), nobody).detail
    assert "more than 1000" in refusal(excluded, asked("?exclude=" + "a," * (MAX_SEPARATORS + 1)), nobody).detail
    assert refusal(excluded, asked("?exclude=" + "x" * 257), nobody).status == 422
    assert refusal(excluded, asked("?exclude=a%0Ab"), nobody).status == 422


def nobody(_: str) -> bool:
    """No item is known."""
    return False


def test_ids_of_the_path_are_ids() -> None:
    assert id_of(asked(), "user_id") == "ada"
    assert refusal(id_of, asked(user=".."), "user_id").detail == "user_id: must not be '..', which means another path"


class Counting:
    """A decoder that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def decode(self, body: bytes) -> list[msgspec.Raw]:
        self.calls += 1
        return _LIST.decode(body)


def test_huge_lists_are_refused_before_their_elements_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    monkeypatch.setattr("stream.gateway.parameters._LIST", counting)
    for body, status in (
        (b"[" + b"1," * (MANY + 1) + b"1]", 400),
        (b"[" + b'"",' * (MANY + 1) + b'""]', 400),
        (b"[" + b"{}," * (MANY + 2_000) + b"{}]", 413),
        (b'[{"a": [' + b"[]," * (MANY + 2_000) + b"[]]}]", 413),
    ):
        assert refusal(events_of, body, 1_000).status == status
    assert counting.calls == 0
    assert len(events_of(b'[{"a": 1}, 2]', 1_000)) == 2
    event = b'{"a": [' + b"1," * MANY + b"1]}"
    assert [bytes(each) for each in events_of(b"[" + event + b"]", 1_000)] == [event]
    assert counting.calls == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b"[01]", b"[NaN]", b'["\xff"]', b'{"a": 1} x', b"[" * 10_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal(events_of, body, 10).status == 400


def test_a_document_gets_the_id_of_its_path_and_keeps_the_rest() -> None:
    for body in (b'{"a": 1e5, "b": "\\u00e9"}', b'{"user_id": "ada", "a": 1e5, "b": "\\u00e9"}'):
        found = msgspec.json.decode(with_id(body, "user_id", asked()))
        assert found == {"user_id": "ada", "a": 1e5, "b": "é"}
    for body, status, says in (
        (b'{"user_id": "ben"}', 422, "must be that of the path, 'ada'; got 'ben'"), (b"[]", 422, "got list"),
        (b"7", 422, "got int"), (b"nope", 400, "JSON object"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 422, "at most 16 deep"),
    ):  # fmt: skip
        problem = refusal(with_id, body, "user_id", asked())
        assert problem.status == status
        assert says in problem.detail


def test_tokens_are_asked_for_within_bounds() -> None:
    assert token_request(b'{"user_id": "ada"}', 60.0, 100.0) == ("ada", 60.0)
    assert token_request(b'{"user_id": "ada", "seconds": 100}', 60.0, 100.0) == ("ada", 100.0)
    for body in (b'{"user_id": "ada", "seconds": 101}', b'{"user_id": "ada", "second": 1}', b'{"user_id": "\\u0007"}'):
        assert refusal(token_request, body, 60.0, 100.0).status == 422
