"""Fields that a record does not have are named, with the name that was meant."""

from collections.abc import Iterable

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


def test_no_more_names_are_compared_than_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One body of 60,000 names held a gateway, or the loop of a worker, for ten seconds."""
    compared = list[str]()

    def noted(name: str, known: Iterable[str]) -> str:
        compared.append(name)
        return nearest(name, known)

    monkeypatch.setattr("stream.records.unknown.nearest", noted)
    many = b"{" + b",".join(b'"many%d": 1' % n for n in range(60_000)) + b"}"
    parts = b'{"variants": [' + b",".join([many[:900].rpartition(b",")[0] + b"}"] * 200) + b"]}"
    for _ in range(2):  # the second time nothing is compared
        assert len(unknown_fields(Item, many)) == len(unknown_fields(Experiment, parts)) == MOST
        assert len(compared) <= 2 * 70
