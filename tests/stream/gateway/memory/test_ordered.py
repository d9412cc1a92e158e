"""Ids in order, against a sorted list."""

import random

import pytest

from stream.gateway.memory import ordered
from stream.gateway.memory.ordered import OrderedIds


@pytest.mark.parametrize("block", [1, 2, 7, 1_000])
def test_it_is_a_sorted_set(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(ordered, "BLOCK", block)
    rng, ids, truth = random.Random(f"ids {block}"), OrderedIds(), set[str]()
    for n in range(4_000):
        name = rng.choice("aé\U0001f375") + str(rng.randrange(300))
        if rng.random() < (0.7 if n < 2_000 else 0.3):
            ids.add(name)
            truth.add(name)
        else:
            ids.discard(name)
            truth.discard(name)
        if n % 50 == 0:
            start = rng.choice(["", name, "zzz"])
            assert ids.after(start, 20) == sorted(each for each in truth if each > start)[:20]
            assert len(ids) == len(truth)
    assert ids.after("", 10_000) == sorted(truth, key=str.encode)
    for name in truth:
        ids.discard(name)
    assert (len(ids), ids.after("", 5)) == (0, [])
    ids.add("back")
    assert ids.after("", 5) == ["back"]


def test_a_list_read_page_by_page_misses_none_that_stays_and_shows_none_twice() -> None:
    rng, ids = random.Random("pages"), OrderedIds()
    stays = {f"s{rng.random()}" for _ in range(5_000)}
    for name in stays:
        ids.add(name)
    seen, last = list[str](), ""
    while page := ids.after(last, 100):
        seen += page
        last = page[-1]
        for _ in range(50):
            ids.add(f"s{rng.random()}")
        ids.discard(last) if last not in stays else None
    assert stays <= set(seen)
    assert len(seen) == len(set(seen))
