"""Questions among requests, and what is wrong with a question, in words."""

import json
from typing import Any

import msgspec
import pytest

from stream.records.codec import Rejection, decode_request, encode
from stream.records.questions.reading import decode_answer, decode_question, is_question
from stream.records.questions.records import DEADLINE_MS, KINDS, OF_ALL, Question, QuestionAnswer
from stream.records.requests import Request, Response

NOW = 1_700_000_000.0


def question(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "question": "similar", "of": "a"} | fields).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_it_was_written_and_is_no_request(kind: str) -> None:
    given = Question(request_id="r", question=kind, of=None if kind in OF_ALL else "a")  # type: ignore[arg-type]
    assert is_question(encode(given))
    assert decode_question(encode(given), NOW) == given
    assert given.deadline_ms == DEADLINE_MS
    refused = decode_request(b"a", encode(given), NOW)  # what a worker from before questions makes of it
    assert isinstance(refused, Rejection), "an older worker must make no slate of it"
    assert refused.reason == "missing_field"


def test_requests_and_nonsense_are_no_questions() -> None:
    request = Request(request_id="question", user_id='"question"', exclude=['{"question": "similar"}'])
    for value in (None, b"", b"{", b'"question"', encode(request), b'{"question": null}', b'\xff"question"'):
        assert not is_question(value)


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (question(question="simular"), "wrong_type", "question: Invalid enum value 'simular'"),
        (question(of=None), "missing_field", "`of` must name an item where similar is asked; it is missing"),
        (question(question="similar_users", of=None), "missing_field", "`of` must name a user where similar_users"),
        (question(question="popular"), "out_of_range", "`of` must be left out where popular is asked; got 'a'"),
        (question(category="tea"), "out_of_range", "`category` is for popular, rising, latest; similar was asked"),
        (question(question="popular", of=None, category=""), "out_of_range", "length >= 1"),
        (question(k=0), "out_of_range", "`int` >= 1"),
        (question(k=101), "out_of_range", "`int` <= 100"),
        (question(deadline_ms=0), "out_of_range", ">= 1"),
        (question(of=""), "out_of_range", "length >= 1"),
        (question(of="a\nb"), "bad_id", "`of` must"),
        (question(of="é" * 200), "id_too_long", "`of` must"),
        (question(request_id="a\x00"), "bad_id", "`request_id` must"),
        (question(of=7), "wrong_type", "Expected `str"),
        (question(timestamp=NOW + 1e9), "bad_timestamp", "`timestamp`"),
        (b'{"question": "similar", "of": "a"}', "missing_field", "missing required field `request_id`"),
        (question() + b" " * 600_000, "too_large", "must have at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(value: bytes, reason: str, detail: str) -> None:
    found = decode_question(value, NOW)
    assert isinstance(found, Rejection)
    assert (found.reason, detail in found.detail) == (reason, True), found


def test_answers_are_told_from_slates() -> None:
    listed = QuestionAnswer(request_id="r", question="popular", status="answered", model_version=1)
    slate = Response(request_id="r", user_id='"question":', status="empty", reason='{"question": "popular"}')
    assert decode_answer(encode(listed)) == listed
    assert decode_answer(encode(slate)) == slate
    with pytest.raises(msgspec.DecodeError):
        decode_answer(b'{"question": "popular"}')
