"""Users as snapshots hold them, in this version and in version 3."""

from pathlib import Path
from zlib import decompress

import msgspec
import pytest

from stream.decisions.engine import Engine
from stream.decisions.shard import Shard
from stream.records.acceptance import ShardState
from stream.records.log import LoggedEvent, ProfileChange, Step
from stream.state.snapshot import Assembly, UsersCopy, Whole, users_of
from stream.state.stored_users import UserV3, encode_user, read_users, same_users, stored
from stream.state.user import event_hash
from stream.state.users import Users, apply
from tests.support.site import Site, did, steps
from tests.support.users import GAP, encoded

T = 1_700_000_000.0
V3 = Path(__file__).with_name("users_v3.bin")  # chunks as headwater of LOG_VERSION 4 wrote them in November 2026


def parts_of_v3() -> list[bytes]:
    assembly = Assembly()
    found = [assembly.add(n, chunk) for n, chunk in enumerate(msgspec.msgpack.decode(decompress(V3.read_bytes())))]
    assert isinstance(found[-1], Whole)
    return found[-1].parts


def test_users_of_version_3_are_the_same_users() -> None:
    parts = parts_of_v3()
    state, users = users_of(parts)
    assert (state, len(users)) == (msgspec.msgpack.decode(parts[0], type=ShardState), 4)
    old = dict(msgspec.msgpack.decode(parts[1], type=list[tuple[str, UserV3]]))
    assert list(users) == list(old)
    for user_id, user in users.items():
        was = old[user_id]
        assert [(item, *seen) for item, seen in user.seen.items()] == [
            (item, seen.times, seen.bought, seen.kind, seen.time, seen.bought_at) for item, seen in was.seen.items()
        ]
        for name in ("session", "session_id", "open", "attributes", "traits", "enrolled", "paid", "time", "touched"):
            assert getattr(user, name) == getattr(was, name), (user_id, name)
        assert user.counts == (was.events, was.depth, was.repeats, was.immediate, was.twice)
        assert user.profile == was.profile
        known = [n for n in range(130) if user.knows_event(f"x{n}" if user_id == "x" else f"e{n}")]
        assert {event_hash(f"x{n}" if user_id == "x" else f"e{n}") % 2**64 for n in known} == set(was.event_ids) - {
            event_hash("back") % 2**64
        }
    assert (users["u"].open is not None, users["v"].attributes, len(users["x"].seen)) == (
        True,
        {"country": "NL", "age": 30.0},
        4,
    )


def test_users_of_version_3_go_on_and_are_stored_in_this_version() -> None:
    _, users = users_of(parts_of_v3())
    for n in range(200):
        event = LoggedEvent(0, n, f"later{n}", f"i{n % 230}", n % 3, 1.8e9 + n, None, None)
        for user_id in "ux":
            apply(users, Step(user_id, event, [], 0, None, None, None), GAP)
    copy = UsersCopy(users, ShardState(3, 7, {}, T))
    assert copy.some(99)
    _, again = users_of(copy.parts())
    assert encoded(again) == encoded(users)
    assert same_users(again, users)
    again["u"].touch(T)
    assert not same_users(again, users)
    assert not again["x"].knows_event("x129")
    assert again["x"].knows_event("later199")


def test_everything_of_a_user_is_stored() -> None:
    site = Site("abcdef")
    for n, item in enumerate("abcabdea"):
        step = site.step(did("u", item, T + 60 * n, n % 3))
    site.take(ProfileChange("u", {"country": "NL"}))
    found = Users()
    read_users(found, msgspec.msgpack.encode([msgspec.Raw(encode_user("u", site.shard.users["u"]))]), version=4)
    assert stored(found["u"]) == stored(site.shard.users["u"])
    assert (found["u"].open, found["u"].attributes, found["u"].session) == (
        step.decision,
        {"country": "NL"},
        [*"abcabdea"],
    )
    heir = Shard("users/0", 0, site.config.rewards, users=found, watermark=site.shard.watermark)
    event = did("u", "b", T + 999)
    (one,) = steps(Engine(site.config, site.model).batch(heir, [event], {}))
    (other,) = steps(site.propose(event))
    assert msgspec.structs.replace(one, decision=None, rows=None) == msgspec.structs.replace(
        other, decision=None, rows=None
    )


@pytest.mark.parametrize("events", [0, 1, 400])
def test_stored_users_are_equal_whatever_their_items_are_numbered(events: int) -> None:
    one, other = Users(), Users()
    for n in range(50):
        apply(other, Step("first", LoggedEvent(0, 0, f"{n}", f"z{n}", 0, T, None, None), [], 0, None, None, None), GAP)
    for users in (one, other):
        apply(users, ProfileChange("u", {}), GAP)
        for n in range(events):
            event = LoggedEvent(0, 0, f"e{n}", f"i{n * n % 300}", n % 3, T + n, None, None)
            apply(users, Step("u", event, [], 0, None, None, None), GAP)
    assert stored(one["u"]) == stored(other["u"])
    assert events == 0 or one["u"].numbers.find("i0") != other["u"].numbers.find("i0") or "i0" not in one["u"].seen
