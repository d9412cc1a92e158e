"""What the model knows of items beyond their use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import ELIGIBLE, INELIGIBLE
from stream.records.schemas import Item
from stream.state.attributes import MAX_FACTS, as_fact
from stream.state.catalogue import NO_CATEGORY, Catalogue

T = 1_700_000_000.0


def catalogue(items: int = 1, *, allow_unknown: bool = True) -> Catalogue:
    found = Catalogue(allow_unknown=allow_unknown)
    for item in range(items):
        found.add_item(item)
    return found


@pytest.mark.parametrize(("allowed", "blocked"), [(True, ELIGIBLE), (False, INELIGIBLE)])
def test_unknown_items_are_shown_by_configuration(allowed: bool, blocked: int) -> None:
    found = catalogue(allow_unknown=allowed)
    assert (found.blocked[0], found.expires[0], found.category[0]) == (blocked, np.inf, NO_CATEGORY)
    found.describe(0, Item(item_id="a"))
    assert found.blocked[0] == ELIGIBLE


def test_availability_comes_and_goes() -> None:
    found = catalogue()
    seen = []
    for record in (Item(item_id="a", available=False), Item(item_id="a"), None, Item(item_id="a")):
        found.describe(0, record)
        seen.append(found.blocked[0])
    assert seen == [INELIGIBLE, ELIGIBLE, INELIGIBLE, ELIGIBLE]


def test_the_expiry_is_that_of_the_last_record() -> None:
    found = catalogue()
    for expires_at, expected in ((T, T), (None, np.inf)):
        found.describe(0, Item(item_id="a", expires_at=expires_at))
        assert found.expires[0] == expected


def test_the_first_category_counts_and_equal_names_are_equal_numbers() -> None:
    found = catalogue(4)
    for item, names in enumerate((["x", "y"], ["y"], ["x"], [])):
        found.describe(item, Item(item_id=str(item), categories=names))
    x, y, again, none = found.category[:4].tolist()
    assert x == again
    assert none == NO_CATEGORY
    assert len({x, y, none}) == 3


def test_a_record_replaces_the_one_before() -> None:
    found = catalogue(1)
    found.describe(0, Item(item_id="a", categories=["x"], expires_at=T))
    found.describe(0, Item(item_id="a"))
    assert (found.category[0], found.expires[0]) == (NO_CATEGORY, float("inf"))


def test_what_expires_is_blocked_from_then_on_unless_it_was_prolonged() -> None:
    found = catalogue(3)
    for item, expires_at in enumerate((T, T + 10, T)):
        found.describe(item, Item(item_id=str(item), expires_at=expires_at))
    found.describe(2, Item(item_id="2", expires_at=T + 20))
    found.expire(T - 1)
    assert found.blocked[:3].tolist() == [0, 0, 0]
    found.expire(T + 10)
    assert found.blocked[:3].tolist() == [1, 1, 0]
    found.describe(0, Item(item_id="0"))
    assert found.blocked[0] == 0


def test_age_and_use_are_counted_in_events() -> None:
    found = catalogue()
    for _ in range(3):
        found.touch(0)
    found.add_item(1)
    assert (found.born[:2].tolist(), found.used[:2].tolist(), found.events) == ([0, 3], [3, -1], 3)
    found.touch(1)
    assert found.used[1] == 4


def test_growing_keeps_what_is_known() -> None:
    found = catalogue(allow_unknown=False)
    found.describe(0, Item(item_id="a", expires_at=T, categories=["x"]))
    found.touch(0)
    before = {name: array[0].tolist() for name, array in found.state().items()}
    for item in range(1, 5000):
        found.add_item(item)
    assert {name: array[0].tolist() for name, array in found.state().items()} == before
    assert (found.size, found.blocked[4999]) == (5000, INELIGIBLE)
    assert all(len(found.state()[name]) == 5000 for name in ("blocked", "expires", "category", "born", "used"))
    assert len(found.blocked) < 4 * 5000


def facts_of(found: Catalogue, item: int) -> list[tuple[int, ...]]:
    table = found.facts.table
    rows = table.facts[table.start[item] : table.start[item] + table.size[item]]
    return [tuple(row) for row in rows.tolist()]


def test_facts_are_those_of_the_last_record() -> None:
    found = catalogue(2)
    record = Item(
        item_id="a", categories=["x", "y"], price=2.0, attributes={"brand": "b", "in": "DE, AT", "none": None}
    )
    found.describe(0, record)
    expected = [
        as_fact("category", "x"), as_fact("category", "y"), as_fact("price", 2), as_fact("attributes.brand", "b"),
        as_fact("attributes.in", "DE"), as_fact("attributes.in", "AT"),
    ]  # fmt: skip
    assert facts_of(found, 0) == expected
    assert facts_of(found, 1) == []
    found.describe(0, Item(item_id="a"))
    assert facts_of(found, 0) == []


def test_an_item_has_a_bounded_number_of_facts() -> None:
    found = catalogue()
    found.describe(0, Item(item_id="a", attributes={"in": ",".join(map(str, range(10_000)))}))
    assert len(facts_of(found, 0)) == MAX_FACTS == 512


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400)), max_size=60))
def test_facts_described_again_and_again_are_kept_in_bounded_room(changes: list[tuple[int, int]]) -> None:
    """And a snapshot continues like the original: its bytes are the same whatever way led there."""
    found, expected = catalogue(6), dict.fromkeys(range(6), 0)
    for item, number in changes:
        names = [f"{item}/{n}" for n in range(number)]
        found.describe(item, Item(item_id=str(item), attributes={name: name for name in names}))
        expected[item] = number
        for other, size in expected.items():
            wanted = sorted(f"{other}/{n}" for n in range(size))
            assert facts_of(found, other) == [as_fact(f"attributes.{name}", name) for name in wanted]
        assert len(found.facts.table.facts) <= 4 * sum(expected.values()) + 4 * 1024 + 4 * 400
    twin = Catalogue()
    twin.restore({name: array.copy() for name, array in found.state().items()})
    for each in (found, twin):
        each.describe(2, Item(item_id="2", categories=["x"]))
    assert {name: array.tobytes() for name, array in twin.state().items()} == {
        name: array.tobytes() for name, array in found.state().items()
    }


def test_the_time_of_the_first_mention_is_kept_and_is_unknown_in_snapshots_without_it() -> None:
    found, twin, heir = Catalogue(), Catalogue(), Catalogue()
    found.add_item(0, 5.0)
    found.add_item(1, 7.0)
    found.touch(0)
    twin.restore(found.state())
    heir.restore({name: array for name, array in found.state().items() if name != "since"})
    assert [each.since[:2].tolist() for each in (found, twin, heir)] == [[5.0, 7.0], [5.0, 7.0], [0.0, 0.0]]


def test_a_mask_differs_for_its_items_only_and_ends_with_its_block() -> None:
    found = Catalogue()
    for item in range(3):
        found.add_item(item)
    found.describe(1, None)
    with found.masked(np.array([0], np.int32), INELIGIBLE) as mask:
        assert mask.tolist() == [INELIGIBLE, INELIGIBLE, ELIGIBLE]
        assert found.blocked[:3].tolist() == [ELIGIBLE, INELIGIBLE, ELIGIBLE]
    with pytest.raises(ZeroDivisionError), found.masked(np.array([2], np.int32), INELIGIBLE):
        raise ZeroDivisionError
    with found.masked(np.array([], np.int32), INELIGIBLE) as mask:
        assert mask.tolist() == found.blocked[:3].tolist()


def test_what_expires_after_the_fold_is_known_before_the_next() -> None:
    found = catalogue(3)
    for item, expires_at in enumerate((T, T + 9, None)):
        found.describe(item, Item(item_id=str(item), expires_at=expires_at))
    assert [found.expiring(now).tolist() for now in (T - 1, T, T + 9)] == [[], [0], [0, 1]]
    found.expire(T)
    assert [found.expiring(now).tolist() for now in (T, T + 9)] == [[], [1]]
