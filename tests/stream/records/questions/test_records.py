"""Records of questions and answers survive, at their largest too."""

from stream.records.codec import encode
from stream.records.questions.reading import decode_answer, decode_question
from stream.records.questions.records import (
    KINDS,
    MAX_CATEGORY,
    MAX_LISTED,
    OF_ALL,
    OF_ITEMS,
    OF_USERS,
    ListedItem,
    ListedUser,
    Question,
    QuestionAnswer,
)
from stream.records.requests import MAX_DEADLINE_MS
from stream.records.schemas import MAX_ID_BYTES

LONG = "\U0001f600" * (MAX_ID_BYTES // 4)
KAFKA_BYTES = 1_000_000  # of a record, by default


def test_every_kind_is_of_something() -> None:
    assert {*OF_ALL, *OF_ITEMS, "similar_users"} == {*KINDS}
    assert {*OF_USERS} <= {*KINDS} - {*OF_ALL}


def test_the_largest_question_is_read() -> None:
    largest = Question(
        request_id=LONG, question="rising", category="é" * MAX_CATEGORY, k=MAX_LISTED, timestamp=1e9,
        deadline_ms=MAX_DEADLINE_MS,
    )  # fmt: skip
    assert decode_question(encode(largest), 1.7e9) == largest


def test_the_largest_answer_fits_into_a_record() -> None:
    largest = QuestionAnswer(
        request_id=LONG, question="audience", status="answered", model_version=1 << 40,
        items=[ListedItem(LONG, 0.123456789, "covisitation")] * MAX_LISTED,
        users=[ListedUser(LONG, 0.123456789, LONG)] * MAX_LISTED,
    )  # fmt: skip
    assert len(encode(largest)) < KAFKA_BYTES / 5
    assert decode_answer(encode(largest)) == largest
