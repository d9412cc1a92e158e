"""Candidates: who is proposed, and in which lists."""

import numpy as np
import pytest

from learners.registry import LearnerError
from stream.config import Slate, Sources
from stream.ranking.candidates import CandidateRequest, Candidates
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.user import User
from tests.support.site import PURCHASE, Site, T, did


@pytest.fixture
def site() -> Site:
    """Items a to f, of which u viewed a and bought b, and f expires at T + 50."""
    site = Site("abcde", slate=Slate(slots=3, exclude_bought=True))
    site.take(ItemChange("f", Item(item_id="f", expires_at=T + 50)))
    site.take(did("u", "a", T), did("u", "b", T + 1, kind=PURCHASE), did("v", "f", T + 2))
    return site


def found(site: Site, user_id: str, now: float = T + 10, *, novel: bool = False) -> Candidates:
    user = site.shard.users.get(user_id, User())
    return site.model.ranker.candidates_for(CandidateRequest(user_id, user, now, novel), 3)


def names(site: Site, items: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[str]:
    return [site.model.vocabulary.ids[item] for item in items.tolist() if item >= 0]


@pytest.mark.parametrize(
    ("user_id", "seconds", "novel", "expected"),
    [
        ("new", 10, False, "abcdef"),
        ("new", 50, False, "abcde"),
        ("u", 10, False, "acdef"),
        ("u", 10, True, "cdef"),
        ("u", 99, True, "cde"),
    ],
)
def test_bought_expired_and_known_items_are_left_out(
    site: Site, user_id: str, seconds: float, novel: bool, expected: str
) -> None:
    items = names(site, found(site, user_id, T + seconds, novel=novel).items)
    assert sorted(items) == list(expected)


def test_list_0_is_the_ranking_by_score(site: Site) -> None:
    candidates = found(site, "u")
    best = np.lexsort((candidates.items, -candidates.scores))[:3]
    assert candidates.lists[0].tolist() == candidates.items[best].tolist()
    assert candidates.lists.shape == (1 + len(site.model.sources), 3)
    popular = [source.name for source in site.model.sources].index("popularity")
    assert names(site, candidates.lists[1 + popular])[0] in "abf", "the only items with an event"


def test_places_are_those_in_the_users_past(site: Site) -> None:
    candidates = found(site, "u")
    places = dict(zip(names(site, candidates.items), candidates.places.tolist(), strict=True))
    assert {item: place for item, place in places.items() if place >= 0} == {"a": 1}, "b, the newest, is left out"
    past = site.model.ranker.past(site.shard.users["u"])
    assert names(site, past.items) == ["b", "a"]
    assert candidates.times.tolist() == past.times.tolist()


def test_the_room_is_clean_for_the_next_user(site: Site) -> None:
    first = found(site, "u")
    for user_id in ("v", "new"):
        found(site, user_id)
    again = found(site, "u")
    for field in ("items", "features", "scores", "lists", "places"):
        assert np.array_equal(getattr(first, field), getattr(again, field)), field


@pytest.mark.parametrize("longest", [127, 128])
def test_lists_are_as_long_as_a_policy_reads_at_most(site: Site, longest: int) -> None:
    ask = site.model.ranker.candidates
    if longest > 127:
        with pytest.raises(ValueError, match="lists must have at most 127 items; got 128"):
            ask("new", User(), T, longest)
    else:
        assert ask("new", User(), T, longest).lists.shape[1] == longest


EXTRA = "biased_mf,factorization,new_items,skip_gram,trending"


def test_extra_sources_are_asked_from_the_first_item_on() -> None:
    site = Site("ab", slate=Slate(slots=3), sources=Sources(extra=EXTRA))
    for n in range(60):
        site.take(did(f"u{n % 3}", f"i{n}", T + n))
        items = found(site, f"u{n % 3}", T + n).items
        assert sorted(names(site, items)) == sorted(set(names(site, items)))
    assert len(items) > 20


@pytest.mark.parametrize("item", [-1, 6, 1_000_000])
def test_a_source_that_proposes_an_item_that_nobody_knows_is_named(item: int, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site("abcdef", slate=Slate(slots=3), sources=Sources(extra="trending"))
    trending = next(source for source in site.model.sources if source.name == "trending")
    monkeypatch.setattr(trending, "top_k", lambda *_: (np.array([2, item], np.int32), np.ones(2, np.float32)))
    with pytest.raises(LearnerError, match=rf"'trending': top_k must propose known items, 0 to 5; got .*{item}"):
        found(site, "new")
