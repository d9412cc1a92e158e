"""Single fields of an item change, and the rest stays."""

import asyncio

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from stream.gateway.fields.patches import Patches, etag, matches, merged, whole_of
from stream.gateway.problems import Problem
from stream.records.schemas import Item, Profile
from stream.records.topics import ITEMS, USERS

MUG = Item(item_id="i", title="Mug", price=8.0, attributes={"colour": "red", "size": 2.0})


def changed(change: bytes) -> Item:
    return msgspec.json.decode(merged(MUG, change), type=Item)


def test_what_is_not_named_stays_and_null_clears() -> None:
    assert changed(b'{"price": 9}') == msgspec.structs.replace(MUG, price=9.0)
    assert changed(b'{"title": null}') == msgspec.structs.replace(MUG, title=None)
    assert changed(b"{}") == MUG


def test_attributes_change_one_by_one() -> None:
    assert changed(b'{"attributes": {"size": null, "new": true}}').attributes == {"colour": "red", "new": True}
    assert changed(b'{"attributes": null}').attributes == {}


def test_a_change_that_has_not_come_back_is_the_newest_until_another_version_comes() -> None:
    key = ITEMS.name, "i"
    patches, ours, theirs = Patches(), Item(item_id="i", title="ours"), Item(item_id="i", title="theirs")
    assert patches.newest(key, MUG) == MUG
    patches.wrote(key, MUG, ours)
    assert patches.newest(key, MUG) == ours
    assert patches.newest(key, theirs) == theirs


def test_a_change_of_another_version_is_refused() -> None:
    def asked(tag: str) -> None:
        matches(make_mocked_request("PATCH", "/", headers={"If-Match": tag}), MUG)

    for tag in (etag(MUG)["ETag"], "*", f'"old", {etag(MUG)["ETag"]}'):
        asked(tag)
    for tag, record in (('"old"', MUG), (f"W/{etag(MUG)['ETag']}", MUG), ("*", None), (etag(MUG)["ETag"], None)):
        with pytest.raises(Problem) as refused:
            matches(make_mocked_request("PATCH", "/", headers={"If-Match": tag}), record)
        assert refused.value.status == 412
    assert etag(MUG) != etag(msgspec.structs.replace(MUG, price=9.0))


def test_users_change_as_items_do() -> None:
    ada, patches = Profile(user_id="ada", attributes={"country": "NL", "age": 30.0}), Patches()
    after = msgspec.json.decode(merged(ada, b'{"attributes": {"age": null, "plan": "gold"}}'), type=Profile)
    assert after.attributes == {"country": "NL", "plan": "gold"}
    assert msgspec.json.decode(merged(ada, b'{"attributes": null}'), type=Profile) == Profile(user_id="ada")
    nobody: Profile | None = None
    patches.wrote((USERS.name, "i"), nobody, ada)
    assert patches.newest((USERS.name, "i"), nobody) == ada
    assert patches.newest((ITEMS.name, "i"), MUG) == MUG, "an item of the same id is another record"


def test_all_fields_are_answered() -> None:
    assert whole_of(Item(item_id="i")).keys() == set(Item.__struct_fields__)


def test_changes_of_one_item_take_turns() -> None:
    patches, order = Patches(), list[str]()

    async def change(name: str, item_id: str) -> None:
        async with patches.turn((ITEMS.name, item_id)):
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    async def both(other: str) -> None:
        await asyncio.gather(change("a", "i"), change("b", other))

    asyncio.run(both("i"))
    assert order == ["a begins", "a ends", "b begins", "b ends"]
    order.clear()
    asyncio.run(both("j"))
    assert order == ["a begins", "b begins", "a ends", "b ends"]
