"""Attributes as facts: equal values are equal facts, and the table holds what was put last."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.records.schemas import Item
from stream.state.attributes import MAX_FACTS, Facts, as_fact, attribute_facts, item_facts


def test_equal_values_are_equal_facts() -> None:
    assert as_fact("price", 0.0) == as_fact("price", -0.0) == as_fact("price", 0)
    assert as_fact("new", True) == as_fact("new", "true") != as_fact("new", 1.0)
    assert as_fact("price", "2") != as_fact("price", 2.0) != as_fact("weight", 2.0)
    assert (as_fact("price", "2")[0] & 1, as_fact("price", 2.0)[0] & 1) == (0, 1), "the last bit: a number"


def test_facts_of_an_item_in_order_and_once() -> None:
    item = Item(item_id="i", categories=["x", "y", "x"], price=2.0, attributes={"b": "DE, AT", "a": True, "c": None})
    assert item_facts(item) == [
        as_fact("category", "x"), as_fact("category", "y"), as_fact("price", 2.0), as_fact("attributes.a", "true"),
        as_fact("attributes.b", "DE"), as_fact("attributes.b", "AT"),
    ]  # fmt: skip
    assert list(attribute_facts({"b": 1.0, "a": ""})) == [as_fact("attributes.b", 1.0)]


def test_facts_of_an_item_are_bounded() -> None:
    countries = ",".join(f"c{n}" for n in range(MAX_FACTS + 9))
    found = item_facts(Item(item_id="i", attributes={"countries": countries}))
    assert len(found) == MAX_FACTS
    assert found[-1] == as_fact("attributes.countries", f"c{MAX_FACTS - 1}")


def rows_of(facts: Facts, item: int) -> list[tuple[int, int]]:
    table = facts.table
    rows = table.facts[table.start[item] : table.start[item] + table.size[item]]
    return [(int(field), int(value)) for field, value in rows]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300)), max_size=60))
def test_the_table_agrees_with_a_dictionary(changes: list[tuple[int, int]]) -> None:
    """Sizes up and down, so that rows are reused, moved and packed."""
    facts, expected = Facts(), dict[int, list[tuple[int, int]]]()
    facts.make_room(6)
    for n, (item, size) in enumerate(changes):
        expected[item] = [(n, place) for place in range(size)]
        facts.put(item, expected[item])
    for item in range(6):
        assert rows_of(facts, item) == expected.get(item, [])
    kept = sum(map(len, expected.values()))
    assert len(facts.table.facts) <= 2 * (2 * kept + 1024 + 300), "holes are packed"
    again = Facts()
    state = facts.state(6)
    again.restore(state["facts"], state["fact_counts"])
    assert [rows_of(again, item) for item in range(6)] == [expected.get(item, []) for item in range(6)]


def test_the_same_facts_have_the_same_state_whatever_came_before() -> None:
    short, long = Facts(), Facts()
    for facts in (short, long):
        facts.make_room(2)
    long.put(0, [(1, 1)] * 9)
    long.put(1, [(3, 3)])
    long.put(0, [(2, 2)])
    short.put(0, [(2, 2)])
    short.put(1, [(3, 3)])
    for name, array in short.state(2).items():
        assert np.array_equal(array, long.state(2)[name]), name


def test_room_for_items_keeps_what_is_there() -> None:
    facts = Facts()
    facts.make_room(1)
    facts.put(0, [(1, 2)])
    facts.make_room(3)
    facts.make_room(2)
    assert (len(facts.table.start), rows_of(facts, 0), rows_of(facts, 2)) == (3, [(1, 2)], [])
