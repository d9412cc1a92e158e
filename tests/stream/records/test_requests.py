"""Requests for slates on the wire: what is taken, what is refused and why; answers survive."""

import json
from typing import Any

import msgspec
import pytest

from stream.records.codec import Rejection, decode_request, encode
from stream.records.requests import (
    FILTERED_VALUES,
    MAX_CANDIDATES,
    MAX_CONDITIONS,
    MAX_EXCLUDED,
    MAX_REQUEST_BYTES,
    MAX_SLOTS,
    Candidate,
    Range,
    Request,
    Response,
)
from stream.records.schemas import MAX_ID_BYTES, Recommendation, Slot

NOW = 1_800_000_000.0
GOOD: dict[str, Any] = {"request_id": "r1", "user_id": "u1"}


def made(**fields: object) -> bytes:
    return json.dumps(GOOD | fields).encode()


def test_a_request_needs_two_ids_only() -> None:
    assert decode_request(b"u1", made(), NOW) == Request(request_id="r1", user_id="u1")


def test_what_is_written_is_what_is_read() -> None:
    whole = Request(
        request_id="r1", user_id="é", k=MAX_SLOTS, exclude=["a", "b"], timestamp=NOW - 5, deadline_ms=250,
        candidates=["a", Candidate(item_id="b", price=2.5)], anchors=["c"], from_="all", context={"country": "NL"},
        after="7.3.1", placement="cart",
        filter={"category": ["tea", "pots"], "price": Range(max=9.0), "attributes.size": 4.0, "new": True},
    )  # fmt: skip
    assert decode_request("é".encode(), encode(whole), NOW) == whole


def test_the_largest_request_fits() -> None:
    ids = ["\U0001f600" * (MAX_ID_BYTES // 4)] * MAX_EXCLUDED
    given: list[str | Candidate] = [Candidate(item_id=ids[0], price=1234567.891)] * MAX_CANDIDATES
    largest = Request(
        request_id=ids[0], user_id=ids[0], exclude=ids, candidates=given,
        filter={f"\U0001f600{n:0>126}": ["\U0001f600" * 64] * FILTERED_VALUES for n in range(MAX_CONDITIONS)},
    )  # fmt: skip
    assert decode_request(None, encode(largest), NOW) == largest
    assert isinstance(decode_request(None, made(exclude=["i" * MAX_ID_BYTES] * MAX_EXCLUDED), NOW), Request)


@pytest.mark.parametrize(
    ("value", "key", "reason", "detail"),
    [
        (None, b"u1", "empty", "has no value"),
        (b"{", b"u1", "not_json", "must be a JSON object"),
        (b'{"request_id": "r1"}', b"u1", "missing_field", "`user_id`"),
        (b'{"request_id": "r1", "userid": "u1"}', b"u1", "missing_field", "did you mean 'user_id'?"),
        (made(k=0), b"u1", "out_of_range", "`$.k`"),
        (made(k=MAX_SLOTS + 1), b"u1", "out_of_range", "`k` must be at most 40 without `candidates`; got 41"),
        (made(k=MAX_CANDIDATES + 1), b"u1", "out_of_range", "`$.k`"),
        (made(candidates=["i"] * (MAX_CANDIDATES + 1)), b"u1", "out_of_range", "`$.candidates`"),
        (made(candidates=["i", {"item_id": " j"}]), b"u1", "bad_id", "`candidates` must not begin or end with"),
        (made(candidates=[{"item_id": "i", "price": -1}]), b"u1", "out_of_range", "`$.candidates[0].price`"),
        (made(candidates=[{"item_id": "i", "price": 1e300}]), b"u1", "out_of_range", "a price must be at most"),
        (made(candidates=[{"price": 1}]), b"u1", "missing_field", "`item_id`"),
        (made(candidates=[7]), b"u1", "wrong_type", "`$.candidates[0]`"),
        (made(candidates="i"), b"u1", "wrong_type", "`$.candidates`"),
        (made(filter={"size": 3, "colour": None}), b"u1", "wrong_type", "; `colour` must be a text, a number"),
        (made(filter={"price": {"mn": 3}}), b"u1", "wrong_type", "; `price` must be a text, a number"),
        (made(filter={"price": {"min": "3"}}), b"u1", "wrong_type", "; `price` must be"),
        (made(filter={"price": {"min": 3, "max": 2}}), b"u1", "out_of_range", "`price` must have a min that is not"),
        (made(filter={"price": {}}), b"u1", "missing_field", "`price` must have a `min` or a `max`"),
        (made(filter={"tag": []}), b"u1", "out_of_range", "; `tag` must be"),
        (made(filter={"tag": ["a"] * (FILTERED_VALUES + 1)}), b"u1", "out_of_range", "; `tag` must be"),
        (made(filter={f"f{n}": 1 for n in range(MAX_CONDITIONS + 1)}), b"u1", "out_of_range", "`$.filter`"),
        (made(anchors=["i"] * 21), b"u1", "out_of_range", "`$.anchors`"),
        (made(anchors=["i", " "]), b"u1", "bad_id", "`anchors` must not begin or end with"),
        (made(**{"from": "best"}), b"u1", "wrong_type", "`$.from`"),
        (made(**{"from": "latest"}, candidates=["i"]), b"u1", "out_of_range", "`from` must be left out with"),
        (made(context={f"n{n}": "x" for n in range(17)}), b"u1", "out_of_range", "`$.context`"),
        (made(context={"country": 3}), b"u1", "wrong_type", "`$.context[...]`"),
        (made(after="x\u200b"), b"u1", "bad_id", "`after` must have no control"),
        (made(k="5"), b"u1", "wrong_type", "`$.k`"),
        (made(deadline_ms=0), b"u1", "out_of_range", "`$.deadline_ms`"),
        (made(exclude=["i"] * (MAX_EXCLUDED + 1)), b"u1", "out_of_range", "`$.exclude`"),
        (made(exclude=["i", " j"]), b"u1", "bad_id", "`exclude` must not begin or end with white space"),
        (made(exclude=["é" * MAX_ID_BYTES]), b"u1", "id_too_long", "`exclude` must have at most 256 bytes"),
        (made(request_id="r\u200b1"), b"u1", "bad_id", "`request_id` must have no control"),
        (made(timestamp=NOW * 1000), b"u1", "bad_timestamp", "looks like milliseconds"),
        (made(timestamp="2026"), b"u1", "bad_timestamp", "`timestamp`"),
        (made(schema_version=2), b"u1", "wrong_type", "`$.schema_version`"),
        (made(), b"u2", "wrong_key", "must be its `user_id` ('u1')"),
        (made(news="x" * MAX_REQUEST_BYTES), b"u1", "too_large", "bytes"),
    ],
)
def test_a_refusal_says_why(value: bytes | None, key: bytes, reason: str, detail: str) -> None:
    found = decode_request(key, value, NOW)
    assert isinstance(found, Rejection)
    assert found.reason == reason
    assert found.detail.startswith("request: ")
    assert detail in found.detail


def test_an_answer_survives_the_wire() -> None:
    slate = Recommendation(
        user_id="u1", decision_id="1.2.3", event_id=None, timestamp=NOW, model_version=7, epoch=1, policy="ranked",
        slots=[Slot("a", 0.5, "ranked", 1.0)],
    )  # fmt: skip
    for answer in (
        Response(request_id="r1", user_id="u1", status="fresh", recommendation=slate),
        Response(request_id="r1", user_id="u1", status="busy", reason="500 requests wait already"),
    ):
        assert msgspec.json.decode(encode(answer), type=Response) == answer
