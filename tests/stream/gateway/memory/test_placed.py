"""Newest slates of placements: one each, of the newest owner, forgotten with their user, within a bound."""

from stream.gateway.memory.placed import PlacedSlates
from stream.records.codec import encode
from stream.records.schemas import Recommendation


def record(user: str, placement: str, name: str, epoch: int = 3) -> bytes:
    return encode(
        Recommendation(
            user_id=user, decision_id=name, event_id=None, timestamp=1.0, model_version=1, epoch=epoch, policy="ranked",
            slots=[], placement=placement,
        )
    )  # fmt: skip


def names(found: PlacedSlates, *keys: tuple[str, str]) -> list[str | None]:
    slates = [found.newest(*key) for key in keys]
    return [None if slate is None else slate.decision_id for slate in slates]


def test_each_placement_keeps_its_newest() -> None:
    found = PlacedSlates(1e6)
    for user, placement, name in (("a", "cart", "1"), ("a", "mail", "2"), ("a/cart", "cart", "3"), ("a", "cart", "4")):
        assert found.take(f"{user}/{placement}", record(user, placement, name)) is not None
    assert names(found, ("a", "cart"), ("a", "mail"), ("a/cart", "cart"), ("b", "cart")) == ["4", "2", "3", None]


def test_slates_of_former_owners_are_left_out() -> None:
    found = PlacedSlates(1e6)
    found.take("a/cart", record("a", "cart", "new", epoch=5))
    assert found.take("a/cart", record("a", "cart", "old", epoch=4)) is None
    assert names(found, ("a", "cart")) == ["new"]


def test_a_tombstone_deletes_one_and_forgetting_all_of_a_user() -> None:
    found = PlacedSlates(1e6)
    for placement in ("cart", "mail"):
        for user in ("a", "b"):
            found.take(f"{user}/{placement}", record(user, placement, placement))
    assert found.take("b/cart", None) is None
    found.forget("a")
    assert names(found, ("a", "cart"), ("a", "mail"), ("b", "cart"), ("b", "mail")) == [None, None, None, "mail"]
    assert len(found._epochs) == len(found.slates) == 1


def test_memory_is_bounded() -> None:
    found = PlacedSlates(20_000)
    for n in range(100):
        found.take(f"u{n}/cart", record(f"u{n}", "cart", str(n)))
    assert 0 < len(found.slates) < 40
    assert len(found._epochs) == len(found.slates)
