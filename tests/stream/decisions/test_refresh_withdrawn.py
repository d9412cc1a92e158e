"""Open slates that show withdrawn items are replaced, the worst first, those of dormant users too."""

import msgspec

from stream.config import Slate
from stream.decisions.refresh import AT_ONCE, Withdrawn
from stream.records.log import ItemChange, Step
from stream.records.schemas import Item
from tests.support.site import Site, T, did, steps


def shows(site: Site, user: str) -> list[str]:
    open_ = site.shard.users[user].open
    assert open_ is not None
    return open_.slate


def test_a_deleted_an_unavailable_and_an_expired_item_leave_the_open_slate_without_an_event() -> None:
    ends = (None, Item(item_id="b", available=False), Item(item_id="b", expires_at=T))
    for end in ends:
        site = Site("abcd")
        site.take(did("u", "a", T))
        assert "b" in shows(site, "u")
        site.take(ItemChange("b", end), did("v", "a", T + 1))
        batch = site.engine.refresh(site.shard, 8)
        assert batch is not None
        site.fold(batch)
        assert "b" not in shows(site, "u")
        (step,) = [each for each in steps(batch) if each.user_id == "u"]
        assert step.settled is not None
        assert step.settled.outcome == "replaced"
        assert site.engine.refresh(site.shard, 8) is None


def test_the_worst_comes_first_and_rounds_are_bounded() -> None:
    site = Site("abcd")
    for n in range(6):
        site.take(did(f"u{n}", "a", T + n))
    three = msgspec.structs.replace
    open_ = site.shard.users["u3"].open
    assert open_ is not None
    for n in (0, 1, 2, 4, 5):  # they show one item only
        user = site.shard.users[f"u{n}"]
        assert user.open is not None
        user.open = three(user.open, items=["b"], sources=b"\0")
    site.take(ItemChange("b", None), ItemChange("c", None))
    found = Withdrawn(site.shard.users)
    assert found.take(site.model.catalogue, site.model.vocabulary, 1) == [("u3", "")]
    rest = found.take(site.model.catalogue, site.model.vocabulary, 2)
    assert len(rest) == 2
    assert len(found._left) == 0 <= AT_ONCE
    site.take(*(did(name, "a", T + 100) for name in ("u0", "u1", "u2", "u4", "u5")))
    assert found.take(site.model.catalogue, site.model.vocabulary, 9) == [], "their new slates are clean"


def test_nothing_is_refreshed_where_refreshing_is_off() -> None:
    site = Site("abcd", slate=Slate(slots=5, refresh_s=0.0))
    site.take(did("u", "a", T))
    site.take(ItemChange("b", None))
    assert site.engine.refresh(site.shard, 8) is None
    assert isinstance(site.take(did("u", "a", T + 1)).records[0], Step)
