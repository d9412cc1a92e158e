"""Bodies of requests for slates: one or several, and what is refused."""

import json
from typing import Any

import pytest

from stream.gateway.asking.bodies import request_of, requests_of
from stream.gateway.problems import Problem
from stream.records.http.asked import MAX_REQUESTS, SlateRequest


def test_one_or_several() -> None:
    one = b'{"user_id": "ada"}'
    assert [bytes(each) for each in requests_of(one)[0]] == [one]
    assert not requests_of(one)[1]
    for count in (1, MAX_REQUESTS):
        documents, several = requests_of(b'{"requests": [' + b", ".join([one] * count) + b"]}")
        assert (len(documents), several) == (count, True)
        assert all(request_of(bytes(each)) == SlateRequest(user_id="ada") for each in documents)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "must be a JSON object"),
        (b'{"requests": [' + b"[]," * 30_000 + b"[]]}", 413, "commas"),
        (b"[]", 422, "Expected `object`, got `array`"),
        (b'{"requests": []}', 422, "requests: must be 1 to 20; got 0"),
        (b'{"requests": [%s]}' % b",".join([b"{}"] * (MAX_REQUESTS + 1)), 422, "must be 1 to 20; got 21"),
        (b'{"requests": 7}', 422, "Expected `array`, got `int`"),
        (b'{"requests": [], "user_id": "ada"}', 422, "unknown field `user_id`"),
    ],
)
def test_a_body_that_is_none(body: bytes, status: int, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        requests_of(body)
    assert refused.value.status == status
    assert detail in refused.value.detail


def test_ids_are_utf_8() -> None:
    with pytest.raises(Problem) as refused:
        request_of(b'{"user_id": "\xff"}')
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"user_id": None}, "Expected `str`, got `null` - at `$.user_id`"),
        ({"user_id": " ada"}, "user_id: must not begin or end with white space"),
        ({"user": "ada"}, "unknown field `user`; did you mean 'user_id'?"),
        ({"k": 0}, "`$.k`"),
        ({"k": 41}, "`k` must be at most 40 without `candidates`; got 41"),
        ({"k": "5"}, "`$.k`"),
        ({"candidates": ["i"] * 501}, "`$.candidates`"),
        ({"candidates": [{"item": "i"}]}, "missing required field `item_id` - at `$.candidates[0]`"),
        ({"filter": {"size": 3, "price": {"from": 3}}}, "; `price` must be a text, a number, true or false"),
        ({"deadline_ms": 0}, "`$.deadline_ms`"),
        ({"deadline_ms": 10_001}, "`$.deadline_ms`"),
        ({"exclude": "tea"}, "`$.exclude`"),
        ({"exclude": ["i"] * 201}, "`$.exclude`"),
        ({"exclude": ["tea", "\u200b"]}, "`exclude` must have no control or invisible characters"),
    ],
)
def test_a_field_that_is_not_as_it_must_be(fields: dict[str, Any], detail: str) -> None:
    with pytest.raises(Problem) as refused:
        request_of(json.dumps({"user_id": "ada"} | fields).encode())
    assert refused.value.status == 422
    assert detail in refused.value.detail
