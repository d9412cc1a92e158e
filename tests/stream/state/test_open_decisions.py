"""Open decisions of a user: by placement, by name, opened and closed; who has none beside home's takes no byte more."""

from typing import Any

import msgspec

from stream.records.log import Decision, Settlement
from stream.state.open_decisions import all_open, close_open, find_open, open_at, put_open
from stream.state.stored_users import encode_user, read_users, same_users
from stream.state.user import NOTHING, User
from stream.state.users import Users


def decision(name: str, placement: str = "") -> Decision:
    return Decision(name, 0.0, "ranked", 0.0, 0, 0, [], b"", b"", b"", b"", b"", placement=placement)


def settled(name: str, placement: str = "") -> Settlement:
    return Settlement(
        name, "miss", -1, 0.0, 0.0, 0.0, 0.0, "ranked", 0, [], b"", b"", b"", placement=placement
    )  # fmt: skip


def opened() -> User:
    user = User()
    for name, placement in (("h", ""), ("m", "mail"), ("c", "cart"), ("h2", "/2"), ("m2", "mail")):
        put_open(user, decision(name, placement))
    return user


def test_each_placement_and_each_page_has_one() -> None:
    user = opened()
    assert [each.decision_id for each in all_open(user)] == ["h", "m2", "c", "h2"]
    assert open_at(user, "mail") is find_open(user, "m2") is not None
    assert (open_at(user, "side"), find_open(user, "m"), find_open(User(), None)) == (None, None, None)
    assert not user.unknown


def test_only_the_decision_that_is_open_is_closed() -> None:
    user = opened()
    close_open(user, settled("m", "mail"))
    close_open(user, settled("c", "mail"))
    assert len(all_open(user)) == 4
    for name, placement in (("m2", "mail"), ("h2", "/2"), ("c", "cart"), ("h", "")):
        close_open(user, settled(name, placement))
    assert (all_open(user), user.unknown) == ([], True)
    assert user.others is NOTHING, "and it takes no memory"


def test_they_are_stored_and_read_again() -> None:
    users, again = Users(), Users()
    users["u"], users["v"] = opened(), User()
    part = msgspec.msgpack.encode([msgspec.Raw(encode_user(name, user)) for name, user in users.items()])
    read_users(again, part, version=4)
    assert same_users(users, again)
    assert [each.decision_id for each in all_open(again["u"])] == ["h", "m2", "c", "h2"]


def test_who_has_none_beside_homes_takes_no_byte_more() -> None:
    user = User()
    put_open(user, decision("h"))
    fields: list[Any] = msgspec.msgpack.decode(encode_user("u", user))[1]
    assert len(fields) == 9
