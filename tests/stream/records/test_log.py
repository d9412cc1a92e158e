"""Messages of headwater.log and the rules by which they are accepted."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.records.log import (
    LOG_VERSION,
    Acceptance,
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
    ShardState,
    Step,
    Verdict,
    decode_message,
    encode_message,
)
from stream.records.schemas import Item, OutcomeType

# Acceptance


def claim(token: str = "t", shard: str = "users/0") -> Claim:
    return Claim(LOG_VERSION, shard, token)


def batch(
    epoch: int, seq: int, views: int = 0, *, watermark: float = 0.0, shard: str = "users/0", topic: str = "events.view"
) -> Batch:
    return Batch(LOG_VERSION, shard, epoch, seq, {topic: views} if views else {}, watermark, [])


def judged(*messages: Message) -> tuple[list[Verdict], Acceptance]:
    rules = Acceptance()
    return [rules.judge(message, offset) for offset, message in enumerate(messages)], rules


def test_batches_of_the_claim_are_accepted_in_order() -> None:
    verdicts, rules = judged(claim(), batch(0, 0, 3), batch(0, 1, 5, watermark=9.0), batch(0, 2))
    assert verdicts == ["claimed", "accepted", "accepted", "accepted"]
    assert rules.shards == {"users/0": ShardState(0, 3, {"events.view": 5}, 9.0, 4)}


def test_nothing_is_accepted_without_a_claim() -> None:
    assert judged(batch(0, 0), batch(1, 0))[0] == ["fenced"] * 2


def test_the_last_claim_in_the_log_wins_whoever_wrote_it() -> None:
    verdicts, rules = judged(
        claim("a"), claim("b"), batch(0, 0, 3), batch(1, 0, 4), claim("a"), batch(1, 1, 5), batch(4, 0, 6)
    )
    assert verdicts == ["claimed", "claimed", "fenced", "accepted", "claimed", "fenced", "accepted"]
    assert rules.shards["users/0"] == ShardState(4, 1, {"events.view": 6}, 0.0, 7)


def test_a_second_copy_of_the_own_claim_ends_the_first() -> None:
    assert judged(claim("a"), batch(0, 0), claim("a"), batch(0, 1), batch(2, 0))[0] == [
        "claimed", "accepted", "claimed", "fenced", "accepted",
    ]  # fmt: skip


def test_a_second_copy_and_what_stands_behind_a_hole_are_ignored() -> None:
    verdicts, rules = judged(
        claim(), batch(0, 0, 3), batch(0, 0, 3), batch(0, 2, 9), batch(0, 3, 12), batch(0, 1, 6), batch(0, 2, 9)
    )
    assert verdicts == ["claimed", "accepted", "duplicate", "gap", "gap", "accepted", "accepted"]
    assert rules.shards["users/0"].next == {"events.view": 9}


def test_sources_do_not_know_each_other() -> None:
    verdicts, rules = judged(
        claim(), claim(shard="users/1"), batch(1, 0), batch(0, 0, 2), batch(1, 0, 7, shard="users/1")
    )
    assert verdicts == ["claimed", "claimed", "fenced", "accepted", "accepted"]
    assert [state.next["events.view"] for state in rules.shards.values()] == [2, 7]


def test_a_claim_keeps_positions_and_watermark_which_only_rises() -> None:
    _, rules = judged(claim(), batch(0, 0, 3, watermark=9.0), claim(), batch(2, 0, 4, watermark=7.0))
    assert rules.shards["users/0"] == ShardState(2, 1, {"events.view": 4}, 9.0, 4)


def test_positions_that_go_back_are_counted() -> None:
    assert judged(claim(), batch(0, 0, 3), batch(0, 1, 3))[1].backward == 0
    assert judged(claim(), batch(0, 0, 3), batch(0, 1, 2))[1].backward == 1


def test_a_topic_that_a_batch_does_not_touch_does_not_go_back() -> None:
    _, rules = judged(claim(), batch(0, 0, 3), batch(0, 1, 2, topic="events.click"), batch(0, 2))
    assert rules.shards["users/0"].next == {"events.view": 3, "events.click": 2}
    assert rules.backward == 0


# Encoding

FLOATS = st.floats(allow_nan=False)
INTS = st.integers(-(2**31), 2**40)
OTHER = LOG_VERSION + 1
TEXT = st.text(max_size=8)
BYTES = st.binary(max_size=12)
IDS = st.lists(TEXT, max_size=3)
ATTRIBUTES = st.dictionaries(TEXT, st.one_of(TEXT, FLOATS, st.booleans(), st.none()), max_size=3)
TRAITS = st.dictionaries(TEXT, TEXT, max_size=2)
HAPPENINGS = st.builds(
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
    st.none() | HAPPENINGS,
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
def test_what_is_written_is_what_is_read(message: Message) -> None:
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
def test_foreign_bytes_are_refused_or_read_and_nothing_else(data: bytes) -> None:
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
        encode_message(claim())[:-1],
        encode_message(claim()) + b"\x00",
        msgspec.msgpack.encode(["merge", 1, "users/0"]),
        msgspec.msgpack.encode(["claim", 1, "users/0"]),
        b"\x94\xa5claim\x01\xa7users/0\xa1\xff",
        b"\x95\xa5claim\x01\xa7users/0\xa1t" + b"\x91" * 100_000 + b"\xc0",
    ],
    ids=["empty", "text", "json", "cut", "longer", "other tag", "field missing", "not UTF-8", "deep"],
)
def test_what_cannot_be_read_stops_the_fold_and_says_where(data: bytes) -> None:
    with pytest.raises(
        ForeignLogError, match=rf"headwater.log offset 91: must hold messages of version {LOG_VERSION}; got b'.*run the"
    ):
        decode_message(data, 91)


@pytest.mark.parametrize("message", [Claim(OTHER, "users/0", "t"), Batch(OTHER, "users/0", 0, 0, {}, 0.0, [])])
def test_another_version_is_refused(message: Message) -> None:
    with pytest.raises(
        ForeignLogError,
        match=rf"headwater\.log offset 91: must be of version {LOG_VERSION}; got {OTHER}; run the",
    ):
        decode_message(encode_message(message), 91)


def test_a_foreign_log_is_not_worth_a_retry() -> None:
    assert not ForeignLogError.retriable


def test_the_slate_is_the_first_of_the_items() -> None:
    decision = Decision("d", 0.0, "sarsa", 0.1, 0, 0, ["a", "b", "c"], b"\x00\x01", b"", b"", b"", b"")
    assert decision.slate == ["a", "b"]
