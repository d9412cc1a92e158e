"""Which items are withheld: of live sites, and of old files that are sent again."""

from stream.records.schemas import Item
from stream.records.withheld import Withheld

NOW = 1_700_000_000.0


def test_a_new_description_lets_an_item_be_shown_again() -> None:
    withheld = Withheld()
    for item in (None, Item(item_id="a", available=False)):
        withheld.item("a", item)
        assert withheld.has("a")
    withheld.item("a", Item(item_id="a"))
    assert not withheld.has("a")


def test_expiry_goes_by_the_clock_and_a_later_date_replaces_the_first() -> None:
    withheld = Withheld()
    withheld.item("a", Item(item_id="a", expires_at=NOW))
    withheld.item("a", Item(item_id="a", expires_at=NOW + 10))
    assert withheld.expire(NOW + 5) == []
    assert withheld.expire(NOW + 10) == ["a"]
    withheld.item("a", Item(item_id="a"))
    assert withheld.expire(NOW + 20) == []
    assert not withheld.has("a")


def test_in_an_old_file_that_is_sent_again_items_expire_by_its_own_time() -> None:
    withheld, past = Withheld(), NOW - 1e8
    withheld.item("a", Item(item_id="a", expires_at=past + 100))
    withheld.seen(past, NOW)
    assert (withheld.event_time(NOW + 50), Withheld().event_time(NOW)) == (past + 50, NOW)
    assert withheld.expire(NOW + 50) == []
    assert withheld.expire(NOW + 101) == ["a"]


def test_memory_is_bounded_when_an_item_is_described_again_and_again() -> None:
    withheld = Withheld()
    for n in range(5_000):
        withheld.item("a", Item(item_id="a", expires_at=NOW + n))
    assert len(withheld._expiring) < 2_000
