"""What a request makes of a slate: given items, a filter, what is left out."""

from typing import Any

import numpy as np
import pytest

from bandits import PINNED
from stream.config import Policy, Slate, Sources
from stream.decisions.arrivals import UserEvent
from stream.decisions.publish import recommendation, response
from stream.decisions.slates import DrawnSlate, SlateRequest
from stream.model.outcomes import unpack_lists
from stream.placements import Placement
from stream.ranking.candidates import CandidateRequest
from stream.records.log import Decision, ItemChange, LoggedEvent
from stream.records.requests import Candidate, Range, Request
from stream.records.schemas import Item
from stream.state.user import NOBODY
from tests.support.site import PURCHASE, Site, T, asked, decision_of, did, steps

SLOTS = 5
HITS = [f"i{n}" for n in range(0, 40, 2)]


@pytest.fixture
def site() -> Site:
    """Forty items of two categories at rising prices; users went through the first ones; i30 is withdrawn."""
    found = Site()
    for n in range(40):
        item = Item(item_id=f"i{n}", title=f"thing {n % 5}", categories=[f"c{n % 4}"], price=1.0 + n, available=n != 30)
        found.take(ItemChange(item.item_id, item))
    for n in range(120):
        found.take(did("uvwxyz"[n % 6], f"i{n * n % 23}", T + n))
    return found


def drawn(site: Site, user: str = "u", **fields: Any) -> DrawnSlate:
    request = Request(request_id="r", user_id=user, **fields)
    asked_ = SlateRequest(user, site.shard.users.get(user, NOBODY), T + 200, "test", of=request)
    return site.engine.draw([asked_])[0]


def slate(site: Site, user: str = "u", **fields: Any) -> list[str]:
    return drawn(site, user, **fields).decision.slate


def test_all_that_is_given_comes_back_ranked_and_nothing_else(site: Site) -> None:
    found = drawn(site, candidates=HITS)
    assert sorted(found.decision.slate) == sorted(set(HITS) - {"i30"})
    scores = np.frombuffer(found.decision.scores, np.float32)
    assert np.all(np.diff(scores[SLOTS:]) <= 0), "beneath the slots that a policy draws, by score"
    assert scores.min() > 0
    assert sorted(found.candidates().items.tolist()) == sorted(
        site.model.vocabulary.index(item) for item in found.decision.slate
    ), "from these it is learned which was taken"


def test_the_order_is_that_of_the_ranking_with_all_its_features() -> None:
    site = _never_exploring()
    everything = site.model.ranker.candidates("u", site.shard.users["u"], T + 200, SLOTS)
    proposed = dict(zip(everything.items.tolist(), everything.features, strict=True))
    found = drawn(site, candidates=[f"i{n}" for n in range(40)])
    offered, own, compared = found.candidates(), site.model.ranking.own, 0
    for item, row in zip(offered.items.tolist(), offered.features, strict=True):
        values, ranks = row[:own:3], row[1:own:3]
        assert np.array_equal(values, proposed[item][:own:3]), "as if it had been proposed"
        assert np.array_equal(ranks[values > 0], proposed[item][1:own:3][values > 0])
        compared += int((ranks > 0).sum())
    assert compared > 40
    assert found.decision.slate == [
        site.model.vocabulary.ids[item] for item in offered.items[np.argsort(-offered.scores, kind="stable")].tolist()
    ]


def _never_exploring() -> Site:
    site = Site(policy=Policy(name="ranked", epsilon=0.0), slate=Slate(slots=SLOTS))
    for n in range(40):
        site.take(ItemChange(f"i{n}", Item(item_id=f"i{n}", title=f"thing {n % 5}", price=1.0 + n)))
    for n in range(120):
        site.take(did("uvwxyz"[n % 6], f"i{n * n % 23}", T + n))
    return site


def test_the_drawn_slots_have_true_propensities_and_the_others_had_no_choice() -> None:
    site = Site(policy=Policy(name="sarsa", epsilon=0.6, epsilon_floor=0.6))
    site.take(*(ItemChange(f"i{n}", Item(item_id=f"i{n}")) for n in range(40)))
    site.take(*(did("uvw"[n % 3], f"i{n * n % 23}", T + n) for n in range(60)))
    decision = drawn(site, candidates=HITS).decision
    propensities, lists = np.frombuffer(decision.propensities, np.float32), len(site.model.lists)
    assert decision.sources[SLOTS:] == bytes([PINNED]) * (len(HITS) - SLOTS)
    assert decision.offered_ranks[SLOTS * lists :] == b"\xff" * lists * (len(HITS) - SLOTS)
    assert propensities[SLOTS:].tolist() == [1.0] * (len(HITS) - SLOTS)
    places = np.arange(SLOTS, dtype=np.int32)
    again = site.model.policy.propensities(decision.state, unpack_lists(decision.lists, lists), places)
    assert float(np.prod(propensities[:SLOTS])) == pytest.approx(float(np.prod(again)), rel=1e-5)
    assert propensities[:SLOTS].max() < 1.0
    assert {decision.items[place] for place in unpack_lists(decision.lists, lists).ravel().tolist() if place >= 0} <= {
        *HITS
    }


@pytest.mark.parametrize("k", [1, SLOTS, SLOTS + 2, 19, 40])
def test_the_first_k_are_those_of_the_whole_order(site: Site, k: int) -> None:
    whole, cut = drawn(site, candidates=HITS).decision, drawn(site, candidates=HITS, k=k).decision
    assert cut.slate == whole.slate[:k]
    assert cut.scores == whole.scores[: 4 * k]
    assert len(cut.propensities) == 4 * len(cut.slate) == 4 * min(k, 19)
    lists = len(site.model.lists)
    named = [
        [decision.items[place] for place in unpack_lists(decision.lists, lists).ravel().tolist() if place >= 0]
        for decision in (whole, cut)
    ]
    assert named[0] == named[1]
    assert len(cut.items) == len(set(cut.items))


def test_what_nothing_is_known_of_comes_last_as_it_was_given(site: Site) -> None:
    found = slate(site, candidates=["new-2", "i4", "new-1", "i6", "i4", "new-2"])
    assert sorted(found[:2]) == ["i4", "i6"]
    assert found[2:] == ["new-2", "new-1"]
    assert slate(site, "nobody", candidates=["x", "y", "z"]) == ["x", "y", "z"]


def test_where_only_the_catalogues_items_may_be_shown_others_are_left_out() -> None:
    site = Site("abc", slate=Slate(slots=5, allow_unknown_items=False))
    site.take(did("u", "seen"))
    assert sorted(slate(site, candidates=["x", "c", "seen", "a"])) == ["a", "c"]


def test_of_equals_the_first_given_comes_first() -> None:
    site = Site("abcdefgh", slate=Slate(slots=3), policy=Policy(name="ranked", epsilon=0.0))
    for given in ("hgfedcba", "aebfcgdh"):
        assert slate(site, "nobody", candidates=list(given)) == list(given)


def test_items_to_be_excluded_and_filtered_out_are_not_ranked(site: Site) -> None:
    found = slate(site, candidates=[*HITS, "new"], exclude=["i0", "i2"], filter={"category": "c0"})
    assert sorted(found) == sorted(f"i{n}" for n in range(4, 40, 4))


def test_a_filter_holds_for_all_items_and_pages_stay_full(site: Site) -> None:
    found = slate(site, filter={"category": ["c1", "c2"], "price": Range(min=10.0, max=30.0)})
    assert len(found) == SLOTS
    assert {int(item[1:]) % 4 for item in found} <= {1, 2}
    assert {item for item in found if not 10 <= 1 + int(item[1:]) <= 30} == set()
    again = slate(site, filter={"category": "c1"}, exclude=found)
    assert {int(item[1:]) % 4 for item in again} == {1}
    assert not {*found} & {*again}
    assert len(slate(site)) == SLOTS, "the next slate is whole again"


def test_a_price_of_now_counts_in_place_of_the_catalogues() -> None:
    site = Site(policy=Policy(name="ranked", epsilon=0.0), slate=Slate(slots=2))
    for n, price in enumerate([10.0, 100.0, 100.0, 11.0]):
        site.take(ItemChange(f"i{n}", Item(item_id=f"i{n}", title="hotel by the sea", price=price)))
    site.take(did("u", "i0", T))

    def first(*given: str | Candidate) -> str:
        return slate(site, candidates=list(given))[0]

    cheap, dear = Candidate(item_id="i1", price=9.0), Candidate(item_id="i2", price=300.0)
    assert first("i2", cheap) == "i1"
    assert first(dear, "i1") == "i1"
    assert first("i1", "i3") == "i3"
    assert first(Candidate(item_id="i1", price=10.0), Candidate(item_id="i3", price=90.0)) == "i1"
    assert first("i1", "i3") == "i3", "the catalogue's prices are back"


def test_a_hit_far_down_settles_the_decision_once_and_teaches_the_ranking(site: Site) -> None:
    made = site.step(asked("u", T + 200, candidates=[*HITS, "new"]))
    decision = decision_of(made)
    taken = decision.slate[-2]
    *_, step = steps(site.take(did("u", taken, T + 230, decision_id=decision.decision_id)))
    assert step.settled is not None
    assert (step.settled.outcome, step.settled.hit) == ("hit", len(decision.slate) - 2)
    assert step.settled.decision_id == decision.decision_id
    assert step.rows is not None
    assert step.rows.taken
    unknown = decision_of(site.step(asked("u", T + 300, request_id="again", candidates=["i2", "new"])))
    *_, step = steps(site.take(did("u", "new", T + 310, decision_id=unknown.decision_id)))
    assert step.settled is not None
    assert (step.settled.outcome, step.settled.hit) == ("hit", 1)
    assert site.model.skipped == 0, "longer slates than the policy's own are learned"


def test_the_same_requests_make_the_same_bytes() -> None:
    def log() -> list[Any]:
        site = Site("abcdefgh")
        made = [site.take(did("uv"[n % 2], "abcdefgh"[n % 5], T + n)) for n in range(20)]
        return made + [site.take(asked("u", T + 30 + n, candidates=list("hgfedc"), k=4)) for n in range(3)]

    assert log() == log()


def test_what_is_published_says_what_was_drawn_and_what_follows(site: Site) -> None:
    (answer,) = site.engine.take_in(
        site.shard, [([asked("u", T + 200, candidates=[*HITS, "new"])], {"requests/0": 1})]
    ).answers[0]  # fmt: skip
    found = response(answer, None, 3, site.model.lists)
    assert found.status == "fresh"
    assert found.recommendation is not None
    slots = found.recommendation.slots
    assert {slot.source for slot in slots[SLOTS:]} == {"ranked"}
    assert {slot.propensity for slot in slots[SLOTS:]} == {1.0}
    assert slots[-1].item_id == "new"


def test_empty_says_why(site: Site) -> None:
    for fields, why in (
        ({"candidates": ["i30"]}, "no item of those that `candidates` leave may be shown to this user now"),
        ({"filter": {"color": "red"}}, "no item meets the filter: none has 'color'; see the names in the catalogue"),
        ({"filter": {"category": "red"}}, "no item of those that `filter` leave may be shown to this user now"),
    ):
        taking = site.engine.take_in(site.shard, [([asked("u", T + 200, request_id=why, **fields)], {})])
        (answer,) = taking.answers[0]
        assert (answer.status, answer.reason) == ("empty", why)


def test_a_pinned_slot_is_no_slot_that_follows() -> None:
    decision = Decision(
        "d", T, "p", 0.0, 0, 0, ["a"], bytes([PINNED]), b"\xff", b"\0\0\x80?", bytes(4), b"", reasons=b"\0"
    )
    assert [slot.source for slot in recommendation("u", decision, None, 0, ("ranked",)).slots] == ["pinned"]


# Anchors and kinds


def test_anchors_count_as_if_the_user_had_just_viewed_them(site: Site) -> None:
    anchors = ["i4", "i9"]
    found = drawn(site, anchors=anchors)
    assert not {*anchors} & {*found.decision.slate}
    twin = site.shard.users["u"]
    past = site.model.ranker.past(twin).items.tolist()
    numbers = [site.model.vocabulary.index(item) for item in anchors]
    asker = site.model.ranker._asker(CandidateRequest("u", twin, T + 200, anchors=np.array(numbers, np.int32)))
    assert asker.past.items.tolist() == numbers + [item for item in past if item not in numbers]
    assert asker.session[:2].tolist() == numbers
    assert asker.past.times[:2].tolist() == [T + 200] * 2
    assert found.decision.slate != slate(site), "another slate than without them"
    assert slate(site) == slate(site), "which leaves nothing behind"


def test_who_has_done_nothing_gets_what_goes_with_the_anchor() -> None:
    site = Site(policy=Policy(name="ranked", epsilon=0.0), slate=Slate(slots=3))
    site.take(*(ItemChange(f"i{n}", Item(item_id=f"i{n}", title=f"thing {n}")) for n in range(30)))
    for n in range(40):
        first = 2 * (n % 10)
        site.take(did(f"w{n}", f"i{first}", T + 60 * n), did(f"w{n}", f"i{first + 1}", T + 60 * n + 1))
    for n in (0, 4, 12):
        assert slate(site, "nobody", anchors=[f"i{n}"])[0] == f"i{n + 1}"


@pytest.mark.parametrize("kind", ["category", "similar", "cart", "popular", "rising", "latest", "all"])
def test_kinds_name_what_a_slate_is_chosen_from(kind: Any, site: Site) -> None:
    for n in range(6):
        site.take(did(f"buyer-{n}", "i4", T + 130 + n, PURCHASE), did(f"buyer-{n}", "i11", T + 140 + n, PURCHASE))
    found, lists = slate(site, from_=kind, anchors=["i4"]), site.model.item_lists
    anchor = np.array([site.model.vocabulary.index("i4")], np.int32)
    expected = {
        "category": [n for n in range(40) if n % 4 == 0],
        "similar": lists.similar(anchor, 100, T + 200).items.tolist(),
        "cart": [site.model.vocabulary.index("i11")],
        "popular": lists.popular(100, T + 200).items.tolist(),
        "rising": lists.rising(100, T + 200).items.tolist() or range(40),
        "latest": lists.latest(100, T + 200).items.tolist(),
        "all": range(40),
    }[kind]
    numbers = {site.model.vocabulary.index(item) for item in found}
    assert found
    assert "i4" not in found
    assert numbers <= {*expected}
    if kind == "category":
        assert {int(item[1:]) % 4 for item in found} == {0}
    if kind == "cart":
        assert found == ["i11"]


def test_a_filter_holds_for_kinds_too(site: Site) -> None:
    found = slate(site, from_="popular", filter={"category": "c1"})
    assert {int(item[1:]) % 4 for item in found} == {1}


def test_where_the_model_has_nothing_of_a_kind_all_may_be_shown() -> None:
    site = Site("abcdefgh", slate=Slate(slots=3))
    for kind in ("cart", "similar", "rising", "popular"):
        assert len(slate(site, "nobody", from_=kind, anchors=["a"])) == 3


def test_a_placement_says_of_what_kind_its_slates_are() -> None:
    site = Site(slate=Slate(slots=3), placements={"new": Placement(candidates="latest", slots=4, push=True)})
    for n in range(30):
        site.take(ItemChange(f"i{n}", Item(item_id=f"i{n}")), did("u", f"i{n % 3}", T + n))
    lately = {site.model.vocabulary.ids[item] for item in site.model.item_lists.latest(100, T + 200).items.tolist()}
    step = site.take(did("v", "i1", T + 50))
    (pushed,) = [
        each.decision for each in steps(step) if each.decision is not None and each.decision.placement == "new"
    ]  # fmt: skip
    assert len(pushed.slate) == 4
    assert {*pushed.slate} <= lately
    found = decision_of(site.step(asked("v", T + 60, placement="new", from_="all", k=2)))
    assert (found.placement, len(found.slate)) == ("new", 2)


# Context


def test_a_context_holds_for_its_request_only() -> None:
    site = Site("abcdefgh", slate=Slate(slots=1), sources=Sources(traits="country"))
    for n in range(60):
        country, item = ("NL", "a") if n % 2 else ("BE", "b")
        event = LoggedEvent(0, 0, f"{n}", item, 0, T + n, None, None, None, {"country": country})
        site.take(UserEvent(f"{country}-{n}", event))
    (group,) = [n for n, source in enumerate(site.model.sources) if "country" in source.name]

    def best(user: str, **context: str) -> str:
        found = drawn(site, user, context=context).candidates()
        item: int = found.items[np.argmax(found.features[:, 3 * group])]
        return site.model.vocabulary.ids[item]

    assert (best("new", country="NL", phase="of the moon"), best("new", country="BE")) == ("a", "b")
    assert (best("NL-1"), best("NL-1", country="BE"), best("NL-1")) == ("a", "b", "a")
    assert site.shard.users["NL-1"].traits == {"country": "NL"}


# Narrow requests and home


def test_what_is_narrowly_asked_for_leaves_homes_slate_open(site: Site) -> None:
    home = decision_of(site.step(asked("u", T + 200)))
    search = decision_of(site.step(asked("u", T + 201, candidates=HITS)))
    user = site.shard.users["u"]
    assert user.open is not None
    assert (user.open.decision_id, search.placement) == (home.decision_id, "asked")
    taken = next(item for item in search.slate if item not in home.slate)
    settled = {
        each.settled.decision_id: each.settled for each in steps(site.take(did("u", taken, T + 210))) if each.settled
    }
    assert settled[search.decision_id].outcome == "hit"
    assert settled[home.decision_id].outcome == "miss"
