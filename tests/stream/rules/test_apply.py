"""Rules on the whole engine, each by a known answer."""

from pathlib import Path

import numpy as np
import pytest

from bandits import EXHAUSTED, PINNED
from stream.config import Policy, Slate
from stream.decisions.publish import outcomes, recommendations
from stream.model.outcomes import unpack_lists
from stream.records.log import ItemChange
from stream.records.schemas import Item, Scalar
from stream.state.user import Seen
from tests.stream.decisions.test_slates import POLICIES
from tests.support.ruled import DAY, known, ruled, shown, things
from tests.support.site import PURCHASE, Site, T, decision_of, did, steps


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


# Exclusions and conditions


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("field = 'item', op = '=', value = 'a'", "bcd"),
        ("field = 'item', op = 'not in', value = ['a', 'b']", "ab"),
        ("field = 'category', op = '=', value = 'y'", "cd"),
        ("field = 'category', op = '!=', value = 'y'", "abd"),
        ("field = 'category', op = 'in', value = ['z', 'x']", "bd"),
        ("field = 'category', op = 'missing'", "abc"),
        ("field = 'category', op = 'exists'", "d"),
        ("field = 'price', op = '<', value = 2", "bcd"),
        ("field = 'price', op = '<=', value = 2", "cd"),
        ("field = 'price', op = '>', value = 2", "abd"),
        ("field = 'price', op = '>=', value = 2", "ad"),
        ("field = 'price', op = '=', value = 2", "acd"),
        ("field = 'brand', op = '=', value = 'p'", "cd"),
        ("field = 'attributes.brand', op = 'in', value = ['q', 'r']", "abd"),
        ("field = 'attributes.sale', op = '=', value = true", "bcd"),
        ("field = 'attributes.sale', op = '=', value = 'true'", "bcd"),
        ("field = 'attributes.size', op = '=', value = '3'", "abcd"),
        ("field = 'attributes.size', op = 'in', value = ['3', 3]", "bcd"),
        ("field = 'price', op = '<', value = 9 }, { field = 'category', op = '=', value = 'x'", "bcd"),
    ],
)
def test_conditions_hide_items(condition: str, left: str, place: Path) -> None:
    site = ruled(
        place,
        f"[[exclude]]\nitems = [{{ {condition} }}]",
        Item(item_id="a", categories=["x", "y"], price=1.0, attributes={"brand": "p, s", "sale": True, "size": 3.0}),
        Item(item_id="b", categories=["y"], price=2.0, attributes={"brand": "p"}),
        Item(item_id="c", categories=["z"], price=3.0, attributes={"brand": "q"}),
        Item(item_id="d"),
    )
    known(site, "u")
    assert set(shown(site)) == set(left)


def test_an_exclusion_by_id_holds_of_items_that_no_record_describes(place: Path) -> None:
    site = ruled(place, "[[exclude]]\nitems = [{ field = 'item', op = '=', value = 'x' }]", *things("abc"))
    site.take(did("u", "x"), did("u", "y", T + 1))
    assert set(shown(site)) == set("abcy")


def test_an_exclusion_for_an_audience_in_a_time_window(place: Path) -> None:
    site = ruled(
        place,
        "[[exclude]]\nitems = [{ field = 'item', op = '=', value = 'a' }]\n"
        "audience = [{ field = 'attributes.country', op = 'in', value = ['NL', 'BE'] }, "
        "{ field = 'attributes.age', op = '<', value = 18 }]\n"
        "from = 2023-11-14T22:13:20Z\nuntil = 2023-11-14T22:13:30Z",  # T, T + 10
        *things("ab"),
    )
    known(site, "u", country="BE", age=17.0)
    known(site, "v", country="BE", age=18.0)
    known(site, "w", age=17.0)
    known(site, "x", country="DE, NL", age=17.0)
    assert [len(shown(site, user)) for user in "uvwx"] == [1, 2, 2, 1]
    assert [len(shown(site, "u", now)) for now in (T - 1, T, T + 9, T + 10)] == [2, 1, 1, 2]
    known(site, "u", country="DE", age=17.0)
    assert len(shown(site)) == 2, "attributes may change"


# Eligibility


AGE = "[[eligible]]\nitem = 'attributes.min_age'\nop = '<='\nuser = 'attributes.age'\n"
COUNTRY = "[[eligible]]\nitem = 'attributes.in'\nop = 'contains'\nuser = 'attributes.country'\n"


@pytest.mark.parametrize(
    ("text", "attributes", "left"),
    [
        (AGE, {"age": 17.0}, "ad"),
        (AGE, {"age": 18.0}, "abd"),
        (AGE, {"age": "18"}, "d"),  # a text is no number: hidden, not shown by mistake
        (AGE, {}, "d"),
        (AGE + "if_user_lacks = 'show'", {}, "abcd"),
        (AGE + "if_item_lacks = 'hide'", {"age": 99.0}, "ab"),
        (COUNTRY, {"country": "NL"}, "abd"),
        (COUNTRY, {"country": "BE"}, "acd"),
        (COUNTRY, {"country": "FR, BE"}, "acd"),
        (COUNTRY, {"country": "N"}, "d"),
        (COUNTRY.replace("contains", "excludes"), {"country": "NL"}, "cd"),
        (COUNTRY + "items = [{ field = 'price', op = '>', value = 1 }]", {"country": "BE"}, "acd"),
        (COUNTRY + "items = [{ field = 'price', op = '>', value = 9 }]", {"country": "BE"}, "abcd"),
    ],
)
def test_eligibility(text: str, attributes: dict[str, Scalar], left: str, place: Path) -> None:
    site = ruled(
        place,
        text,
        Item(item_id="a", price=1.0, attributes={"min_age": 0.0, "in": "NL,BE"}),
        Item(item_id="b", price=2.0, attributes={"min_age": 18.0, "in": "NL"}),
        Item(item_id="c", price=3.0, attributes={"min_age": "16", "in": " BE "}),
        Item(item_id="d"),
    )
    known(site, "u", **attributes)
    assert set(shown(site)) == set(left)


def test_a_source_with_too_few_eligible_items_is_queried_deeper(place: Path) -> None:
    """The 300 most popular items are not for u: 100 proposals of each source would leave none."""
    items = [Item(item_id=f"{n}", attributes={"in": "NL" if n < 300 else "BE"}) for n in range(400)]
    site = ruled(place, COUNTRY, *items)
    site.take(*(did("v", f"{n}", T + n) for n in range(300)))
    known(site, "u", country="BE")
    assert len(shown(site)) == 5
    assert all(int(item) >= 300 for item in shown(site))


# What was bought


BOUGHT = """
[[bought]]
items = [{ field = "category", op = "=", value = "coffee" }]
again = "after"
days = 14
[[bought]]
items = [{ field = "category", op = "=", value = "song" }]
again = "always"
[[bought]]
items = [{ field = "category", op = "=", value = "sofa" }]
again = "never"
"""


@pytest.mark.parametrize("excluded", [True, False])
def test_bought_items_are_shown_again_by_category(excluded: bool, place: Path) -> None:
    items = [Item(item_id=name, categories=[name]) for name in ("coffee", "song", "sofa", "tea")]
    site = ruled(place, BOUGHT, *items, exclude_bought=excluded)
    site.take(*(did("u", item.item_id, T + n, PURCHASE) for n, item in enumerate(items)))
    site.take(did("u", "coffee", T + 9), did("u", "sofa", T + 10))  # a look later is no purchase
    site.take(did("v", "coffee", T))
    always = {"song"} if excluded else {"song", "tea"}
    assert [set(shown(site, "u", T + wait)) for wait in (14 * DAY - 1, 14 * DAY)] == [always, always | {"coffee"}]
    assert set(shown(site, "v", T + 14 * DAY)) == {"coffee", "song", "sofa", "tea"}


def test_the_last_purchase_counts_even_if_its_event_is_late(place: Path) -> None:
    site = ruled(place, BOUGHT, Item(item_id="c", categories=["coffee"]), *things("x"))
    site.take(did("u", "c", T, PURCHASE), did("u", "c", T + 5 * DAY, PURCHASE), did("u", "c", T + 3 * DAY, PURCHASE))
    assert site.shard.users["u"].seen["c"] == Seen(3, True, PURCHASE, T + 5 * DAY, T + 5 * DAY)
    assert ["c" in shown(site, "u", T + days * DAY) for days in (15, 19)] == [False, True]


# Boosts and diversity


def test_boosts_change_the_scores_of_the_ranking_only(place: Path) -> None:
    items = (*things("abc", categories=["x"]), *things("de", categories=["y"]))
    plain = ruled(place, "", *items)
    text = (
        "[[boost]]\nitems = [{ field = 'category', op = '=', value = 'y' }]\nmultiply = 2\nadd = 0.5\n"
        "audience = [{ field = 'attributes.vip', op = '=', value = true }]\n"
        "[[boost]]\nitems = [{ field = 'item', op = '=', value = 'e' }]\nadd = 1\n"
        "audience = [{ field = 'attributes.vip', op = '=', value = true }]\n"
    )
    site = ruled(place, text, *items)
    for each in (plain, site):
        each.take(did("v", "a"), did("v", "b", T + 1))
        known(each, "u", vip=True)
        known(each, "w", vip=False)
    before, after = (each.model.ranker.candidates("u", each.shard.users["u"], T, 5) for each in (plain, site))
    ids = site.model.vocabulary.ids
    scores = {ids[item]: score for item, score in zip(before.items, before.scores, strict=True)}
    expected = scores | {"d": 2 * scores["d"] + 0.5, "e": 2 * scores["e"] + 1.5}
    assert {ids[item]: score for item, score in zip(after.items, after.scores, strict=True)} == pytest.approx(expected)
    assert shown(site)[:2] == ["e", "d"]
    assert shown(site, "w") == shown(plain, "w")
    assert np.array_equal(before.lists[1:], after.lists[1:])


def test_diversity_reorders_the_ranking_and_knob_0_does_not(place: Path) -> None:
    items = (*things("abcd", categories=["x"]), *things("efg", categories=["y"]))
    slates = {}
    for text in ("", "diversity = 0.0", "diversity = 0.99"):
        site = ruled(place, text, *items, slots=7)
        site.take(*(did("v", item, T + n) for n, item in enumerate("gfedcba")))
        known(site, "u")
        slates[text] = shown(site)
    assert slates[""] == slates["diversity = 0.0"]
    assert sorted(slates["diversity = 0.99"]) == sorted(slates[""])
    assert {slates["diversity = 0.99"][0] in "abcd", slates["diversity = 0.99"][1] in "abcd"} == {True, False}


# Caps and pins


def test_caps_hold_on_the_slate_and_fill_it(place: Path) -> None:
    """Of 30 items of brand x two are shown, and the slate is full: lists are cut after the cap, not before it."""
    items = [Item(item_id=f"{n}", attributes={"brand": "x" if n < 30 else f"{n}"}) for n in range(40)]
    site = ruled(place, "[[cap]]\nfield = 'brand'\nat_most = 2", *items)
    site.take(*(did("v", f"{n}", T + n) for n in range(30)))
    known(site, "u")
    slate = shown(site)
    assert len(slate) == 5
    assert sum(int(item) < 30 for item in slate) == 2


def test_a_cap_on_the_first_slots(place: Path) -> None:
    items = [Item(item_id=f"{n}", categories=["x" if n < 8 else f"{n}"]) for n in range(10)]
    site = ruled(place, "[[cap]]\nfield = 'category'\nat_most = 1\nfirst = 3", *items, slots=10)
    site.take(*(did("v", f"{n}", T + n) for n in range(8)))
    known(site, "u")
    slate = shown(site)
    assert sum(int(item) < 8 for item in slate[:3]) == 1
    assert len(slate) == 10


PINS = """
[[pin]]
item = "p"
slot = 2
audience = [{ field = "attributes.country", op = "=", value = "NL" }]
until = 2023-11-14T22:13:30Z
[[pin]]
item = "q"
slot = 2
[[pin]]
item = "p"
slot = 4
[[pin]]
item = "no such item"
slot = 1
[[eligible]]
item = "attributes.min_age"
op = "<="
user = "attributes.age"
"""


def test_pins_take_their_slots_and_the_first_of_two_wins(place: Path) -> None:
    items = (*things("abcdefpq"), Item(item_id="r", attributes={"min_age": 18.0}))
    site = ruled(place, PINS + "[[pin]]\nitem = 'r'\nslot = 1", *items)
    known(site, "u", country="NL", age=17.0)
    known(site, "v", age=18.0)
    assert [site.slate("u") >= {"p"}, shown(site)[1], "r" in shown(site)] == [True, "p", False]
    assert shown(site).count("p") == 1
    assert [shown(site, "v")[n] for n in (0, 1, 3)] == ["r", "q", "p"]
    assert [shown(site, "u", T + 10)[n] for n in (1, 3)] == ["q", "p"]
    site.take(ItemChange("q", Item(item_id="q", available=False)), ItemChange("p", Item(item_id="p", expires_at=T)))
    assert not {"p", "q"} & set(shown(site, "v")), "what cannot be shown is not pinned"


def test_a_pin_below_the_slate_leaves_its_item_where_it_is(place: Path) -> None:
    site = ruled(place, "[[pin]]\nitem = 'a'\nslot = 6", *things("ab"))
    known(site, "u")
    assert sorted(shown(site)) == ["a", "b"]
    assert site.drawn("u").decision.sources == bytes(2)


def test_pins_move_up_where_the_lists_end(place: Path) -> None:
    site = ruled(place, "[[pin]]\nitem = 'a'\nslot = 5\n[[pin]]\nitem = 'b'\nslot = 4", *things("abc"))
    known(site, "u")
    assert shown(site) == ["c", "b", "a"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_pinned_slot_is_published_settled_and_learned(policy: str, place: Path) -> None:
    """Propensity 1, no heads, score 0, source `pinned`; a hit on it is a hit, and nothing that learns stumbles."""
    text = "[[pin]]\nitem = 'p'\nslot = 2\n[[cap]]\nfield = 'category'\nat_most = 2\n"
    items = (*things("abcdp", categories=["x"]), *things("efgh", categories=["y"]), *things("ijkl"))
    site = ruled(place, text, *items, policy=policy, slots=6)
    for n in range(40):
        batch = site.propose(did("uvw"[n % 3], "pabeip"[n % 6], T + n, n % 3))
        decision = decision_of(steps(batch)[0])
        assert (decision.slate[1], decision.sources[1]) == ("p", PINNED)
        heads = np.frombuffer(decision.offered_ranks, np.uint8).reshape(len(decision.slate), -1)
        propensities = np.frombuffer(decision.propensities, np.float32)
        assert set(heads[1].tolist()) == {EXHAUSTED}
        assert (propensities[1], np.frombuffer(decision.scores, np.float32)[1]) == (1.0, 0.0)
        categories = [next(item for item in items if item.item_id == name).categories for name in decision.slate]
        assert max(categories.count([name]) for name in "xy") <= 2
        lists = unpack_lists(decision.lists, len(site.model.lists))
        again = site.model.policy.recorded_propensities(decision.state, lists, heads)
        assert propensities == pytest.approx(again, rel=1e-5)
        (published,) = recommendations(batch, site.model.lists)
        assert published[1] is not None
        assert published[1].slots[1].source == "pinned"
        list(outcomes(batch, site.model.lists))
        site.fold(batch)
    assert site.model.skipped == 0
    hits = [settled for settled in site.seen.settlements if settled.hit == 1]
    assert hits
    assert {settled.slate[1] for settled in hits} == {"p"}


def test_users_of_one_batch_have_their_own_rules(place: Path) -> None:
    items = (*things("abcdefpq"), Item(item_id="r", attributes={"min_age": 18.0}))
    site = ruled(place, PINS + "[[pin]]\nitem = 'r'\nslot = 1", *items)
    known(site, "u", country="NL", age=17.0)
    known(site, "v", age=18.0)
    batch = site.take(*(did(user, "a", T + 1) for user in "uvw"))
    of_u, of_v, of_w = (decision_of(step).slate for step in steps(batch))
    assert ["r" in slate for slate in (of_u, of_v, of_w)] == [False, True, False]
    assert [of_u, of_v] == [shown(site, "u", T + 1), shown(site, "v", T + 1)]


def test_rules_are_no_part_of_the_model(place: Path) -> None:
    """A worker with other rules folds the same log to the same model."""
    site = ruled(place, PINS, *things("abcpq", categories=["x"]))
    other = Site(slate=Slate(slots=5), policy=Policy(name="ranked"))
    other.take(*(ItemChange(item.item_id, item) for item in things("abcpq", categories=["x"])))
    for n in range(20):
        other.fold(site.take(did("uv"[n % 2], "abcpq"[n % 5], T + n)))
    assert site.model.fingerprint() == other.model.fingerprint()
