"""Snapshots: a copy of one instant while users go on changing, and what is put together from chunks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import Rewards
from stream.decisions.shard import Shard
from stream.records.acceptance import ShardState
from stream.records.log import LOG_VERSION, Batch, LoggedEvent, ProfileChange, Record, Step
from stream.state.snapshot import (
    CHUNK_BYTES,
    Assembly,
    Chunk,
    ForeignSnapshotError,
    UsersCopy,
    Whole,
    chunks,
    sliced,
    users_of,
)
from stream.state.user import User
from stream.state.users import Users, apply, close
from tests.support.users import encoded

T = 1_700_000_000.0
STATE = ShardState(3, 7, {"events.view": 5}, T)


def step(user: str, item: str, time: float) -> Step:
    return Step(user, LoggedEvent(0, 0, f"{user}{item}{time}", item, 0, time, None, None), [], 0, None, None, None)


def of(**users: User) -> Users:
    found = Users()
    found.update(users)
    return found


CHANGES = st.one_of(
    st.tuples(st.just("event"), st.sampled_from("uvwxyz"), st.sampled_from("ab"), st.integers(0, 5000)),
    st.tuples(st.just("forget"), st.sampled_from("uvwxyz")),
    st.tuples(st.just("copy"), st.integers(1, 3)),
    st.tuples(st.just("close"), st.booleans()),
)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(CHANGES, max_size=20), st.lists(CHANGES, max_size=30))
def test_the_copy_is_of_one_instant_whatever_happens_meanwhile(before: list[Any], after: list[Any]) -> None:
    shard, records, time = Shard("users/0", 3, Rewards(idle_s=3000.0)), list[Record](), T

    def happen(change: Any, copy: UsersCopy | None) -> None:
        nonlocal time
        if change[0] == "event":
            time += change[3]
            records.append(step(change[1], change[2], time))
            shard.watermark = time
            shard.apply(records[-1])  # type: ignore[arg-type]
        elif change[0] == "forget":
            records.append(ProfileChange(change[1], None))
            shard.apply(records[-1])  # type: ignore[arg-type]
        elif change[0] == "close":
            shard.message(list(records), {}, last=change[1])
            records.clear()
        elif copy is not None:
            copy.some(change[1])

    for change in before:
        happen(change, None)
    happen(("close", True), None)  # a copy is made between two batches
    then = encoded(shard.users)
    copy = shard.start_copy()
    for change in after:
        happen(change, copy)
    while not copy.some(1):
        pass
    state, users = users_of(copy.parts())
    assert encoded(users) == then
    assert state == copy.state


def test_the_copy_needs_to_know_what_changes() -> None:
    """The test above can fail: without the calls before a change, the copy is of no instant."""
    users = of(u=User(), v=User())
    copy = UsersCopy(users, STATE)
    apply(users, step("v", "a", T), 1800.0)
    copy.some(5)
    assert encoded(users_of(copy.parts())[1]) == encoded(users) != encoded(of(u=User(), v=User()))


def test_many_users_take_several_chunks() -> None:
    users = of(**{f"user-{n}": User(attributes={"about": "x" * 1000}) for n in range(2000)})
    copy = UsersCopy(users, STATE)
    assert copy.some(10_000)
    parts = copy.parts()
    assert len(parts) == 1 + -(-sum(map(len, parts[1:])) // CHUNK_BYTES)
    assert max(map(len, parts)) < CHUNK_BYTES + 10
    state, found = users_of(parts)
    assert (state, encoded(found)) == (STATE, encoded(users))


def test_no_users_are_a_snapshot_too() -> None:
    copy = UsersCopy(Users(), STATE)
    assert copy.some(1)
    assert users_of(copy.parts()) == (STATE, {})


def test_idle_users_leave_at_the_end_of_a_batch_and_others_do_not() -> None:
    users = Users()
    for n, user in enumerate("uvw"):
        close(users, batch(users, step(user, "a", T + 1000 * n)))
    left: list[str] = []
    close(users, batch(users, step("u", "b", T + 3000), idle_before=T + 1500), left.append)
    assert (list(users), left) == (["w", "u"], ["v"])


def batch(users: Users, record: Step, idle_before: float = 0.0) -> Batch:
    """One step, applied, in a batch of its own."""
    apply(users, record, 1800.0)
    assert record.event is not None
    return Batch(LOG_VERSION, "users/0", 0, 0, {}, record.event.time, [record], idle_before=idle_before)


# Chunks


def test_chunks_of_several_snapshots_may_mix_and_repeat() -> None:
    one, other = [list(chunks("users/1", epoch, 9, [b"a", b"b", b"c"])) for epoch in (4, 6)]
    assembly = Assembly()
    order = [other[2], one[0], one[2], other[2], other[0], one[0], one[1], other[1]]
    found = [assembly.add(position, record) for position, record in enumerate(order, 20)]
    assert [whole for whole in found if whole] == [
        Whole("users/1", 9, 21, [b"a", b"b", b"c"]), Whole("users/1", 9, 20, [b"a", b"b", b"c"])
    ]  # fmt: skip


def test_an_incomplete_snapshot_is_not_returned() -> None:
    assembly = Assembly()
    assert [assembly.add(n, record) for n, record in enumerate([*chunks("model", 0, 5, [b"a", b"b"])][:1])] == [None]
    assert assembly.add(1, next(iter(chunks("model", 0, 6, [b"c"])))) == Whole("model", 6, 1, [b"c"])


def test_a_damaged_chunk_does_not_count() -> None:
    chunk = msgspec.msgpack.decode(next(iter(chunks("model", 0, 5, [b"a"]))), type=Chunk)
    assert Assembly().add(0, msgspec.msgpack.encode(msgspec.structs.replace(chunk, data=b"b"))) is None


@pytest.mark.parametrize("record", [b"garbage", b"", msgspec.msgpack.encode(Chunk(1, "model", 0, 5, 0, 1, 0, b""))])
def test_a_foreign_version_is_refused(record: bytes) -> None:
    with pytest.raises(
        ForeignSnapshotError,
        match=r"position 4: must be of version 3 or 4; got .*; run the headwater version",
    ):
        Assembly().add(4, record)


def test_slices() -> None:
    assert sliced(b"") == [b""]
    data = bytes(CHUNK_BYTES + 1)
    assert [len(part) for part in sliced(data)] == [CHUNK_BYTES, 1]
