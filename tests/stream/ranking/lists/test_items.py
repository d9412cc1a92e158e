"""Lists of items from the model: what is on them, in which order, and what never is."""

from collections.abc import Callable

import numpy as np
import pytest

from learners import CoVisitation
from stream.config import Slate
from stream.ranking.lists.items import ALIKE, CHUNK, LEAST_EVENTS, ItemLists, Listing
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.catalogue import Catalogue
from tests.support.site import PURCHASE, Site, T, did

TEAS = {
    "green": Item(item_id="green", title="Green tea", categories=["tea"]),
    "black": Item(item_id="black", title="Black tea", categories=["tea"]),
    "white": Item(item_id="white", title="White tea", categories=["tea"]),
    "pot": Item(item_id="pot", title="Pot of clay", categories=["pots"]),
    "coal": Item(item_id="coal", title="Charcoal", categories=["fuel"]),
}


@pytest.fixture
def site() -> Site:
    """Five items that are described, and no event."""
    site = Site(slate=Slate(slots=5))
    site.take(*(ItemChange(name, item) for name, item in TEAS.items()))
    return site


def listed(site: Site, listing: Listing) -> list[str]:
    return [site.model.vocabulary.ids[item] for item in listing.items.tolist()]


def numbers(site: Site, *names: str) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return site.model.vocabulary.indices(names)


def seen(site: Site, pairs: int, *names: str, kind: int = 0) -> None:
    """So many new users act on all of these, one after the other."""
    first = len(site.shard.users)
    for user in range(first, first + pairs):
        for n, name in enumerate(names):
            site.take(did(f"u{user}", name, T + 10 * user + n, kind))


def test_similar_items_are_those_seen_together_and_those_alike(site: Site) -> None:
    lists = site.model.item_lists
    cold = lists.similar(numbers(site, "green"), 5, T)
    assert listed(site, cold) == ["black", "white"], "nobody has looked at anything"
    assert set(cold.because) == {"content"}
    seen(site, 4, "green", "pot")
    warm = lists.similar(numbers(site, "green"), 5, T)
    assert listed(site, warm) == ["pot", "black", "white"]
    assert warm.because == ("covisitation", "content", "content")
    assert warm.scores[1] == pytest.approx(cold.scores[0])
    assert warm.scores[1] < ALIKE * 1.5 + 1e-9
    assert listed(site, lists.similar(numbers(site, "green"), 1, T)) == ["pot"]


def test_similar_items_of_several_are_none_of_them(site: Site) -> None:
    seen(site, 4, "green", "pot", "black")
    found = site.model.item_lists.similar(numbers(site, "green", "pot"), 5, T)
    assert listed(site, found) == ["black", "white"]


def test_also_bought_counts_purchases_alone(site: Site) -> None:
    lists = site.model.item_lists
    seen(site, 9, "green", "black")
    assert len(lists.also_bought(numbers(site, "green"), 5, T).items) == 0
    seen(site, 2, "green", "pot", kind=PURCHASE)
    site.take(did("v", "green", T + 900, PURCHASE), did("v", "black", T + 901), did("v", "coal", T + 902, PURCHASE))
    for anchor, expected in (("green", ["pot", "coal"]), ("coal", ["green"]), ("black", [])):
        found = lists.also_bought(numbers(site, anchor), 5, T)
        assert (listed(site, found), {*found.because}) == (expected, {"bought"} if expected else set())


def test_popular_is_by_events_and_by_category(site: Site) -> None:
    lists = site.model.item_lists
    assert len(lists.popular(5, T).items) == 0, "nothing is, without an event"
    seen(site, 3, "pot")
    seen(site, 2, "black")
    seen(site, 1, "white")
    assert listed(site, lists.popular(5, T)) == ["pot", "black", "white"]
    assert listed(site, lists.popular(1, T)) == ["pot"]
    assert listed(site, lists.popular(5, T, "tea")) == ["black", "white"]
    assert listed(site, lists.popular(5, T, "fuel")) == []
    assert listed(site, lists.popular(5, T, "unheard of")) == []
    assert lists.popular(5, T).scores[0] == pytest.approx(3.0, rel=0.01)


def test_rising_is_more_than_of_late_with_some_support(site: Site) -> None:
    lists, long_ago = site.model.item_lists, int(20 * site.config.sources.fast_half_life)
    for n in range(0, long_ago, 10):  # pot has half of all events, always
        site.take(
            *(did(f"o{n}", name, T + n / 1000, event_id=f"{n}{name}{m}") for m in range(5) for name in ("pot", "green"))
        )
    for n in range(40):
        site.take(did(f"n{n}", "pot", T + 800 + n), did(f"n{n}", "white", T + 800.5 + n))
    site.take(did("z", "black", T + 900))
    found = lists.rising(5, T + 1000)
    assert listed(site, found) == ["white"], "pot is as it was, and black has too few events"
    assert found.because == ("trending",)
    assert found.scores[0] > 1.0
    for n in range(int(LEAST_EVENTS)):
        site.take(did(f"y{n}", "black", T + 910 + n))
    assert listed(site, lists.rising(5, T + 1000, "tea")) == ["white", "black"]
    assert listed(site, lists.rising(5, T + 1000, "pots")) == []


def test_latest_are_those_mentioned_last(site: Site) -> None:
    lists = site.model.item_lists
    assert listed(site, lists.latest(3, T)) == ["coal", "pot", "white"]
    site.take(did("u", "new", T + 5))
    found = lists.latest(2, T + 9)
    assert (listed(site, found), found.scores[0], found.because[0]) == (["new", "coal"], T + 5, "latest")
    assert listed(site, lists.latest(9, T, "tea")) == ["white", "black", "green"]
    assert listed(site, lists.latest(9, T, "unheard of")) == []


def test_latest_reads_on_until_there_are_enough() -> None:
    catalogue = Catalogue()
    for item in range(2 * CHUNK + 2):
        catalogue.add_item(item, T + item)
        if item > 1:
            catalogue.describe(item, None)
    model = Site().model
    lists = ItemLists(catalogue, model.sources, CoVisitation())
    assert lists.latest(5, T).items.tolist() == [1, 0]


@pytest.mark.parametrize(
    "withdraw",
    [
        pytest.param(lambda site: site.take(ItemChange("pot", None)), id="removed"),
        pytest.param(lambda site: site.take(ItemChange("pot", Item(item_id="pot", available=False))), id="unavailable"),
        pytest.param(lambda site: site.take(ItemChange("pot", Item(item_id="pot", expires_at=T + 500))), id="expired"),
    ],
)
def test_what_is_withdrawn_is_on_no_list(site: Site, withdraw: Callable[[Site], object]) -> None:
    seen(site, 4, "green", "pot", kind=PURCHASE)
    lists, green = site.model.item_lists, numbers(site, "green")
    asked: list[Callable[[], Listing]] = [
        lambda: lists.similar(green, 9, T + 501), lambda: lists.also_bought(green, 9, T + 501),
        lambda: lists.popular(9, T + 501), lambda: lists.rising(9, T + 501), lambda: lists.latest(9, T + 501),
    ]  # fmt: skip
    before = [listed(site, ask()) for ask in asked]
    assert ["pot" in names for names in before] == [True, True, True, False, True]
    withdraw(site)
    after = [listed(site, ask()) for ask in asked]
    assert not any("pot" in names for names in after)
    assert site.model.catalogue.expiring(T + 501).tolist() in ([], numbers(site, "pot").tolist())


def test_asking_changes_nothing(site: Site) -> None:
    seen(site, 4, "green", "pot", kind=PURCHASE)
    site.take(ItemChange("pot", Item(item_id="pot", expires_at=T + 500)))
    before, blocked = site.model.fingerprint(), site.model.catalogue.blocked.copy()
    slate, lists = site.drawn("u0").decision, site.model.item_lists
    for now in (T, T + 501):
        lists.similar(numbers(site, "green", "black"), 9, now)
        lists.also_bought(numbers(site, "green"), 9, now)
        lists.popular(9, now, "tea")
        lists.rising(9, now)
        lists.latest(9, now)
    assert site.model.fingerprint() == before
    assert site.model.catalogue.blocked.tolist() == blocked.tolist()
    assert site.drawn("u0").decision == slate
