"""The desk: laid again when an array has grown; a proposal is put on it and read back."""

import numpy as np

from stream.ranking.desk import Room
from stream.records.log import ItemChange
from stream.records.schemas import Item
from tests.support.site import Site, T, did


def test_it_stays_until_an_array_is_replaced() -> None:
    site = Site("abc")
    desks = site.model.ranker._desk
    held = desks.held()
    site.take(did("u", "a", T))
    assert desks.held() is desks.held()
    for n in range(2_000):
        site.model.learn(ItemChange(f"more{n}", Item(item_id=f"more{n}")), 0)
    assert desks.held() is not held
    assert len(desks.room.place) >= 2_003
    site.model.ranking.mixer.restore(site.model.ranking.mixer.state())
    assert desks.held() is not held


def test_proposals_are_copies() -> None:
    room = Room.of(2, 3, 5, 4)
    room.put(0, np.array([4, 5], np.int32))
    room.put(1, np.empty(0, np.int32))
    proposals = room.proposals()
    room.put(0, np.array([7], np.int32))
    assert [proposal.tolist() for proposal in proposals] == [[4, 5], []]
