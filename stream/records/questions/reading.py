"""Reading records of `requests` and `responses`, where questions and answers stand among those of slates."""

from typing import Any

import msgspec
from msgspec import Struct

from stream.records import ids, times
from stream.records.codec import Rejection, decode_record
from stream.records.questions.records import OF_ALL, OF_ITEMS, Question, QuestionAnswer
from stream.records.requests import MAX_REQUEST_BYTES, Response


class _Kind(Struct):
    question: Any = None


_KIND = msgspec.json.Decoder(_Kind)
_QUESTION = msgspec.json.Decoder(Question)
_ANSWER = msgspec.json.Decoder(QuestionAnswer)
_RESPONSE = msgspec.json.Decoder(Response)


def is_question(value: bytes | None) -> bool:
    """Whether a record of `requests` is a question, or meant as one; all else is a request for a slate.

    >>> is_question(b'{"question": "popular"}'), is_question(b'{"user_id": "question"}'), is_question(b"{")
    (True, False, False)
    """
    if not value or b'"question"' not in value:
        return False
    try:
        return _KIND.decode(value).question is not None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def decode_question(value: bytes, now: float) -> Question | Rejection:
    """Read a question; `now` in unix seconds bounds its timestamp from above.

    >>> decode_question(b'{"request_id": "r", "question": "similar"}', 1e9).detail
    'question: `of` must name an item where similar is asked; it is missing'
    """
    if len(value) > MAX_REQUEST_BYTES:
        return Rejection("too_large", f"question: must have at most {MAX_REQUEST_BYTES} bytes; got {len(value)}")
    found = decode_record(_QUESTION, "question", value)
    if isinstance(found, Rejection):
        return found
    named = {"request_id": found.request_id} | ({} if found.of is None else {"of": found.of})
    for field, text in named.items():
        if wrong := ids.fault(text):
            return Rejection("id_too_long" if ids.length_fault(text) else "bad_id", f"question: `{field}` {wrong}")
    if found.timestamp is not None and (wrong := times.fault(found.timestamp, now)):
        return Rejection("bad_timestamp", f"question: `timestamp` {wrong}")
    kind, of_all = found.question, found.question in OF_ALL
    if found.of is None and not of_all:
        what = "an item" if kind in OF_ITEMS else "a user"
        return Rejection("missing_field", f"question: `of` must name {what} where {kind} is asked; it is missing")
    if found.of is not None and of_all:
        return Rejection("out_of_range", f"question: `of` must be left out where {kind} is asked; got {found.of!r}")
    if found.category is not None and not of_all:
        return Rejection("out_of_range", f"question: `category` is for {', '.join(OF_ALL)}; {kind} was asked")
    return found


def decode_answer(value: bytes) -> Response | QuestionAnswer:
    """Read a record of `responses`.

    Raises
    ------
    msgspec.DecodeError, UnicodeDecodeError
        if it is none
    """
    return (_ANSWER if is_question(value) else _RESPONSE).decode(value)
