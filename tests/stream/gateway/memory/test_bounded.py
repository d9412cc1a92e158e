"""What is kept has a bound in bytes."""

import sys

import pytest

from stream.gateway.memory.bounded import ENTRY_BYTES, Bounded, item_bytes
from stream.records.schemas import Item


def test_the_longest_unasked_makes_room() -> None:
    dropped = list[str]()
    store = Bounded[bytes](3 * (ENTRY_BYTES + 10), len, dropped.append)
    for key in "abc":
        store[key] = b"x" * 10
    assert store["a"] == b"x" * 10
    store["d"] = b"x" * 10
    assert (dropped, sorted(store), store.evicted) == (["b"], ["a", "c", "d"], 1)
    store["a"] = b"x" * 200
    assert store.currsize <= store.maxsize
    del store["a"]
    assert store.evicted == len(dropped)


@pytest.mark.parametrize(
    "item",
    [
        Item(item_id="i"),
        Item(item_id="i", title="t" * 1000, text="x" * 60_000),
        Item(item_id="i", vectors={str(n): [0.5 + n] * 4096 for n in range(2)}),
        Item(item_id="i", attributes={f"k{n}" * 20: "v" * 4000 for n in range(64)}),
        Item(item_id="i", tags=[f"{n}" * 50 for n in range(256)]),
    ],
)
def test_the_size_of_an_item_is_not_understated(item: Item) -> None:
    texts = [item.title or "", item.text or "", *item.tags, *item.attributes, *map(str, item.attributes.values())]
    lists = sum(sys.getsizeof(vector) for vector in item.vectors.values())
    assert item_bytes(item) >= lists + sum(map(sys.getsizeof, texts)) * 0.9
