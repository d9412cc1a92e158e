"""Who may want an item, and who is like a user."""

from collections.abc import Iterator

import pytest

from stream.decisions.questions.users import AT_ONCE, DAY, FoundUser, audience, similar_users
from stream.records.log import ItemChange, ProfileChange
from stream.records.schemas import Item
from tests.support.site import Site, T, did


@pytest.fixture
def site() -> Site:
    """Tea and coal; ada and ben drink, cleo burns, dora has read all."""
    site = Site()
    titles = {
        "green": "Green tea",
        "black": "Black tea",
        "char": "Charcoal briquettes",
        "brown": "Brown coal briquettes",
    }
    site.take(*(ItemChange(name, Item(item_id=name, title=title)) for name, title in titles.items()))
    site.take(did("ada", "green", T), did("ada", "black", T + 1), did("ben", "green", T + 2))
    site.take(did("cleo", "char", T + 3), did("cleo", "brown", T + 4))
    return site


def last(parts: Iterator[list[FoundUser] | None] | None) -> list[str]:
    assert parts is not None
    *before, found = parts
    assert before == [None] * len(before)
    assert found is not None
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    return [each.user_id for each in found]


def audience_of(site: Site, name: str, k: int = 9, now: float = T + 9) -> list[str]:
    return last(audience(site.model, site.shard.users, site.model.vocabulary.index(name), k, now))


def test_a_new_item_has_an_audience_by_its_description(site: Site) -> None:
    site.take(ItemChange("white", Item(item_id="white", title="White tea")))
    assert audience_of(site, "white") == ["ada", "ben"]
    assert audience_of(site, "white", k=1) == ["ada"]
    ((best, _),) = [found for found in audience(site.model, site.shard.users, 4, 9, T + 9) if found]
    assert site.model.vocabulary.ids[best.through] in ("green", "black")


def test_who_has_the_item_is_not_among_them(site: Site) -> None:
    assert audience_of(site, "black") == ["ben"]
    assert audience_of(site, "char") == []


def test_what_was_withdrawn_still_tells_who_wants_its_like(site: Site) -> None:
    gone = Item(item_id="green", title="Green tea", available=False)
    site.take(ItemChange("white", Item(item_id="white", title="White tea")), ItemChange("green", gone))
    assert audience_of(site, "white") == ["ada", "ben"]


def test_who_was_here_lately_comes_first(site: Site) -> None:
    site.take(ItemChange("white", Item(item_id="white", title="White tea")))
    site.take(did("eve", "green", T + 90 * DAY))
    assert audience_of(site, "white", now=T + 90 * DAY) == ["eve", "ada", "ben"]


def test_nothing_is_known_of_an_item_without_words_and_events(site: Site) -> None:
    site.take(ItemChange("blank", Item(item_id="blank")))
    assert audience_of(site, "blank") == []


def test_users_are_like_those_with_the_same_items(site: Site) -> None:
    site.take(did("eve", "green", T + 5), did("eve", "black", T + 6), did("fay", "char", T + 7))
    assert last(similar_users(site.model, site.shard.users, "eve", 9)) == ["ada", "ben"]
    assert last(similar_users(site.model, site.shard.users, "fay", 9)) == ["cleo"]
    assert similar_users(site.model, site.shard.users, "nobody", 9) is None


def test_users_of_another_shard_are_known_by_the_model(site: Site) -> None:
    other = Site()
    assert last(similar_users(site.model, other.shard.users, "ada", 9)) == [], "nobody lives there"


def test_forgotten_users_are_found_no_more_and_may_leave_between_two_parts(site: Site) -> None:
    site.take(*(did(f"v{n}", "green", T + 10 + n) for n in range(AT_ONCE + 5)))
    site.take(ItemChange("white", Item(item_id="white", title="White tea")))
    parts = audience(site.model, site.shard.users, 4, 999, T + 999)
    assert next(parts) is None
    site.take(ProfileChange("ada", None), ProfileChange("v0", None))
    found = last(parts)
    assert "ben" in found
    assert "ada" not in found
    site.take(ProfileChange("ben", None))
    assert similar_users(site.model, site.shard.users, "ben", 9) is None
    assert "ben" not in audience_of(site, "white", 999)


def test_asking_changes_nothing(site: Site) -> None:
    before = site.model.fingerprint()
    audience_of(site, "black")
    last(similar_users(site.model, site.shard.users, "ada", 9))
    assert site.model.fingerprint() == before
