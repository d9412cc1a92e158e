"""Messages of headwater.log: encoding, decoding, foreign bytes."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.records.log import (
    LOG_VERSION,
    READABLE,
    Batch,
    Claim,
    Decision,
    ForeignLogError,
    ItemChange,
    LoggedEvent,
    Message,
    ProfileChange,
    Rows,
    Settlement,
    Step,
    decode_message,
    encode_message,
)
from stream.records.schemas import Item, OutcomeType

# Acceptance


FLOATS = st.floats(allow_nan=False)
INTS = st.integers(-(2**31), 2**40)
OTHER = LOG_VERSION + 1
VERSIONS = " or ".join(map(str, READABLE))
TEXT = st.text(max_size=8)
BYTES = st.binary(max_size=12)
IDS = st.lists(TEXT, max_size=3)
ATTRIBUTES = st.dictionaries(TEXT, st.one_of(TEXT, FLOATS, st.booleans(), st.none()), max_size=3)
TRAITS = st.dictionaries(TEXT, TEXT, max_size=2)
EVENTS = st.builds(
    LoggedEvent, INTS, INTS, TEXT, TEXT, INTS, FLOATS, st.none() | TEXT, st.none() | TEXT, st.none() | FLOATS, TRAITS
)
ROWS = st.builds(Rows, BYTES, st.booleans(), INTS, FLOATS)
DECISIONS = st.builds(Decision, TEXT, FLOATS, TEXT, FLOATS, INTS, INTS, IDS, BYTES, BYTES, BYTES, BYTES, BYTES)
SETTLEMENTS = st.builds(
    Settlement, TEXT, st.sampled_from(get_args(OutcomeType)), INTS, FLOATS, FLOATS, FLOATS, FLOATS, TEXT, INTS, IDS,
    BYTES, BYTES, BYTES,
)  # fmt: skip
STEPS = st.builds(
    Step,
    TEXT,
    st.none() | EVENTS,
    IDS,
    INTS,
    st.none() | SETTLEMENTS,
    st.none() | DECISIONS,
    st.none() | ROWS,
    TRAITS,
)
ITEMS = st.builds(
    Item, item_id=TEXT, title=st.none() | TEXT, categories=IDS, price=st.none() | st.floats(0, 1e9), tags=IDS,
    text=st.none() | TEXT, attributes=ATTRIBUTES, available=st.booleans(), expires_at=st.none() | FLOATS,
    image=st.none() | TEXT, vectors=st.dictionaries(TEXT, st.lists(FLOATS, max_size=3), max_size=2),
)  # fmt: skip
RECORDS = st.one_of(
    STEPS,
    st.builds(ProfileChange, TEXT, st.none() | ATTRIBUTES),
    st.builds(ItemChange, TEXT, st.none() | ITEMS.filter(lambda item: item.item_id != "")),
)
MESSAGES = st.one_of(
    st.builds(Claim, st.just(LOG_VERSION), TEXT, TEXT),
    st.builds(
        Batch, st.just(LOG_VERSION), TEXT, INTS, INTS, st.dictionaries(TEXT, INTS, max_size=3), FLOATS,
        st.lists(RECORDS, max_size=3),
    ),
)  # fmt: skip


@settings(deadline=None, derandomize=True)
@given(MESSAGES)
def test_messages_are_decoded_as_they_were_encoded(message: Message) -> None:
    data = encode_message(message)
    again = decode_message(data, 0)
    assert again == message
    assert type(again) is type(message)
    assert encode_message(again) == data


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.builds(lambda m, n, b: encode_message(m)[:n] + b, MESSAGES, st.integers(0, 99), BYTES),
    )
)
def test_foreign_bytes_are_refused_or_decoded(data: bytes) -> None:
    try:
        message = decode_message(data, 7)
    except ForeignLogError:
        return
    assert message.version == LOG_VERSION


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b'{"event_id": "e1"}',
        encode_message(Claim(LOG_VERSION, "users/0", "t"))[:-1],
        encode_message(Claim(LOG_VERSION, "users/0", "t")) + b"\x00",
        msgspec.msgpack.encode(["merge", 1, "users/0"]),
        msgspec.msgpack.encode(["claim", 1, "users/0"]),
        b"\x94\xa5claim\x01\xa7users/0\xa1\xff",
        b"\x95\xa5claim\x01\xa7users/0\xa1t" + b"\x91" * 100_000 + b"\xc0",
    ],
    ids=["empty", "text", "json", "cut", "longer", "other tag", "field missing", "not UTF-8", "deep"],
)
def test_unreadable_bytes_stop_the_fold_with_their_offset(data: bytes) -> None:
    with pytest.raises(
        ForeignLogError, match=rf"headwater.log offset 91: must hold messages of version {VERSIONS}; got b'.*run the"
    ):
        decode_message(data, 91)


@pytest.mark.parametrize("version", READABLE)
def test_logs_of_the_version_before_are_read(version: int) -> None:
    claim = Claim(version, "users/0", "t")
    assert decode_message(encode_message(claim), 91) == claim


def test_decisions_and_settlements_of_version_5_are_homes() -> None:
    """They end one field earlier."""
    made = Decision("d", 1.0, "ranked", 0.0, 0, 0, ["a"], b"\0", b"", b"", b"", b"", request_id="r")
    settled = Settlement("d", "hit", 0, 1.0, 0.0, 1.0, 2.0, "ranked", 0, ["a"], b"\0", b"", b"", shadow=["b"])
    step = msgspec.msgpack.decode(msgspec.msgpack.encode(Step("u", None, [], 0, settled, made, None)))
    del step[5][-1], step[6][-1]
    batch = msgspec.msgpack.encode(["batch", 5, "users/0", 0, 0, {}, 1.0, [step]])
    read = decode_message(batch, 0)
    assert isinstance(read, Batch)
    assert read.records == [Step("u", None, [], 0, settled, made, None)]


@pytest.mark.parametrize("message", [Claim(OTHER, "users/0", "t"), Batch(OTHER, "users/0", 0, 0, {}, 0.0, [])])
def test_another_version_is_refused(message: Message) -> None:
    with pytest.raises(
        ForeignLogError,
        match=rf"headwater\.log offset 91: must be of version {VERSIONS}; got {OTHER}; run the",
    ):
        decode_message(encode_message(message), 91)


def test_a_foreign_log_is_not_retriable() -> None:
    assert not ForeignLogError.retriable


def test_the_slate_is_the_first_items() -> None:
    decision = Decision("d", 0.0, "sarsa", 0.1, 0, 0, ["a", "b", "c"], b"\x00\x01", b"", b"", b"", b"")
    assert decision.slate == ["a", "b"]
