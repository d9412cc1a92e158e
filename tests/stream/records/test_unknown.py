"""Fields that a record does not have are named, with the name that was meant."""

import pytest

from stream.records.schemas import Event, Experiment, Item, Profile
from stream.records.unknown import CALLED, MOST, nearest, unknown_fields


@pytest.mark.parametrize(
    ("record", "body", "meant"),
    [
        (Event, b'{"userId": "u"}', "user_id"),
        (Event, b'{"desicion_id": "1"}', "decision_id"),
        (Event, b'{"quantitiy": 2}', "quantity"),
        (Item, b'{"titel": "Mug"}', "title"),
        (Item, b'{"Categories": []}', "categories"),
        (Profile, b'{"attribute": {}}', "attributes"),
        (Experiment, b'{"variants": [{"name": "a", "setting": {}}]}', "settings"),
        (Experiment, b'{"guards": [{"metrik": "hits"}]}', "metric"),
    ],
)
def test_the_name_that_was_meant_is_said(record: type[Event], body: bytes, meant: str) -> None:
    (said,) = unknown_fields(record, body)
    assert said.endswith(f"did you mean {meant!r}?")


def test_known_fields_and_what_is_no_object_are_not_spoken_of() -> None:
    for record in CALLED:
        known = b"{" + b",".join(b'"%s": 1' % name.encode() for name in record.__struct_fields__) + b"}"
        for body in (known, b"[1]", b"7", b"{", b"\xff", b"[" * 2_000, b'{"variants": 7}'):
            assert [said for said in unknown_fields(record, body) if "variants" not in said] == []


def test_however_many_and_long_they_are_few_are_named() -> None:
    many = b"{" + b",".join(b'"x%d": 1' % n for n in range(500)) + b"}"
    assert len(unknown_fields(Item, many)) == MOST
    (said,) = unknown_fields(Item, b'{"' + b"x" * 100_000 + b'": 1}')
    assert len(said) < 200
    assert nearest("x" * 100_000, ["xxx"]) == ""
