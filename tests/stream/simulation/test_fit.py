"""Shoppers fitted to a log."""

import numpy as np
import pytest

from stream.datasets.readers import Entry
from stream.errors import UsageError
from stream.records.schemas import Event, EventType, Item
from stream.simulation.fit import fitted


def touch(user: str, item: str, n: int, kind: EventType = "view") -> Entry:
    return kind, Event(event_id=f"e{n}", user_id=user, item_id=item, timestamp=1e9 + n)


def test_tastes_are_fitted() -> None:
    entries: list[Entry] = [Item(item_id="war", categories=["w"]), Item(item_id="love", categories=["l"])]
    entries += [touch("ann", "love", n, "purchase") for n in range(20)]
    entries += [touch("bob", "war", 100 + n) for n in range(10)]
    found = fitted(entries, "s")
    users = {"ann": 0, "bob": 1}
    love, war = found.category.tolist()
    assert found.taste[users["ann"], love] > found.taste[users["ann"], war]
    assert found.taste[users["bob"], war] > found.taste[users["bob"], love]
    assert found.quality[0] > found.quality[1]
    assert found.habits[users["ann"]].argmax() == 2
    assert np.allclose(found.habits.sum(axis=1), 1.0)
    with pytest.raises(UsageError, match="events on items that it gives categories"):
        fitted([touch("ann", "love", 1)], "s")
