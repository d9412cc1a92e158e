"""Given items as candidates: their order, what sources say of them, prices of now."""

from typing import Any

import numpy as np
import pytest

from stream.config import Slate, Sources
from stream.ranking.candidates import CandidateRequest, Ranked
from stream.ranking.desk import lists_of
from stream.ranking.given import priced
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.user import NOBODY
from tests.support.site import PURCHASE, Site, T, did

ITEMS = 30


def made(**sections: Any) -> Site:
    site = Site(**({"slate": Slate(slots=4)} | sections))
    for n in range(ITEMS):
        item = Item(item_id=f"i{n}", title=f"thing {n % 5}", price=1.0 + n, categories=[f"c{n % 3}"])
        site.take(ItemChange(item.item_id, item))
    for n in range(60):
        site.take(did("uvw"[n % 3], f"i{n * n % 19}", T + n))
    return site


def ranked(site: Site, given: list[int], user: str = "u", k: int = 4) -> Ranked:
    asked = CandidateRequest(user, site.shard.users.get(user, NOBODY), T + 100)
    return site.model.ranker.rank_given(asked, np.array(given, np.int32), k, np.zeros(len(given)))


def test_all_are_ranked_and_the_best_are_list_0() -> None:
    site, given = made(), [25, 3, 9, 14, 7, 0, 16]
    found = ranked(site, given)
    assert sorted(found.order.tolist()) == sorted(given)
    assert np.all(np.diff(found.scores) <= 0)
    lists = site.model.ranker.lists()
    assert lists.shape == (1 + len(site.model.sources), 4)
    assert lists[0].tolist() == found.order[:4].tolist()
    assert {*lists.ravel().tolist()} <= {*given, -1}


def test_a_source_lists_those_that_it_scores_the_best_first() -> None:
    site, given = made(), [25, 3, 9, 14, 7, 0, 16]
    ranked(site, given)
    popular = [source.name for source in site.model.sources].index("popularity")
    query = site.model.ranker.query("u", site.shard.users["u"], T + 100)
    scores = dict(zip(given, site.model.sources[popular].score_many(query, np.array(given, np.int32)), strict=True))
    listed = [item for item in site.model.ranker.lists()[1 + popular].tolist() if item >= 0]
    assert listed
    assert [scores[item] for item in listed] == sorted((s for s in scores.values() if s > 0), reverse=True)[:4]


def test_nothing_given_ranks_nothing() -> None:
    assert len(ranked(made(), []).order) == 0


def test_extra_sources_score_what_is_given_too() -> None:
    site = made(sources=Sources(extra="trending,new_items"))
    assert sorted(ranked(site, [5, 4, 29]).order.tolist()) == [4, 5, 29]


def test_what_was_bought_stays_in() -> None:
    site = made(slate=Slate(slots=4, exclude_bought=True))
    site.take(did("u", "i3", T + 90, kind=PURCHASE))
    assert 3 in ranked(site, [3, 4]).order


def test_rules_exclude_and_boost_but_pin_and_cap_nothing() -> None:
    rules = """
    cap = [{ field = "category", at_most = 1 }]
    pin = [{ item = "i29", slot = 1 }]
    exclude = [{ items = [{ field = "price", op = ">", value = 20 }] }]
    boost = [{ items = [{ field = "item", op = "=", value = "i12" }], multiply = 1000.0 }]
    bought = [{ again = "never" }]
    """
    site = made()
    site.take(did("u", "i3", T + 90, kind=PURCHASE))
    treatment = site.model._make_treatment(site.config, rules)
    asked = CandidateRequest("u", site.shard.users["u"], T + 100)
    found = treatment.ranker.rank_given(asked, np.array([25, 9, 12, 3, 6], np.int32), 4, np.zeros(5))
    assert found.order[0] == 12
    assert sorted(found.order.tolist()) == [3, 6, 9, 12]


def test_the_room_is_clean_for_the_next_user() -> None:
    site = made()
    before = site.slate("v", T + 100)
    ranked(site, list(range(ITEMS)))
    assert site.slate("v", T + 100) == before
    assert np.all(site.model.ranker._desk.room.place == -1)
    assert lists_of(site.model.ranker._desk.room).shape[1] == 4


@pytest.mark.parametrize("fails", [False, True])
def test_prices_of_now_are_gone_afterwards(fails: bool) -> None:
    known = np.array([1.0, 2.0, 3.0])
    try:
        with priced(known, np.array([2, 0], np.int32), np.array([9.0, 0.0])):
            assert known.tolist() == [1.0, 2.0, 9.0]
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert known.tolist() == [1.0, 2.0, 3.0]
