"""Next pages: what follows on a decision, until it is open no more."""

from typing import Any

import pytest

from stream.config import Policy, Slate
from stream.decisions.arrivals import Answer
from stream.placements import MAX_PAGES, Placement
from stream.records.log import Decision, ItemChange, ProfileChange
from stream.records.schemas import Item
from stream.state.snapshot import users_of
from tests.support.site import Site, T, asked, decision_of, did, steps

SLOTS = 4
NAMES = [f"i{n}" for n in range(60)]


def made(**sections: Any) -> Site:
    site = Site(**({"slate": Slate(slots=SLOTS)} | sections))
    site.take(*(ItemChange(name, Item(item_id=name, categories=[f"c{n % 3}"])) for n, name in enumerate(NAMES)))
    for n in range(90):
        site.take(did("uvw"[n % 3], f"i{n * n % 31}", T + n))
    return site


def page(site: Site, now: float = T + 200, user: str = "u", **fields: Any) -> Decision:
    return decision_of(site.step(asked(user, now, request_id=f"{now}-{fields}", **fields)))


def refusal(site: Site, **fields: Any) -> Answer:
    taking = site.engine.take_in(site.shard, [([asked("u", T + 300, request_id=f"no-{fields}", **fields)], {})])
    assert taking.made == [[]]
    return taking.answers[0][0]


def pages(site: Site, *times: float, **fields: Any) -> list[Decision]:
    found = [page(site, times[0], **fields)]
    for time in times[1:]:
        found.append(page(site, time, after=found[-1].decision_id, **fields))
    return found


def test_pages_are_disjoint_and_all_open() -> None:
    site = made()
    found = pages(site, *(T + 200 + n for n in range(5)))
    shown = [item for each in found for item in each.slate]
    assert len(shown) == len(set(shown)) == 5 * SLOTS
    assert [each.placement for each in found] == ["", "/2", "/3", "/4", "/5"]
    assert found[-1].before == shown[: 4 * SLOTS]
    assert {*site.shard.users["u"].others} == {"/2", "/3", "/4", "/5"}


def test_when_a_page_is_asked_for_makes_no_difference() -> None:
    soon, late = (
        pages(made(policy=Policy(name="ranked", epsilon=0.0)), T + 200, T + 200 + wait, T + 200 + 2 * wait)
        for wait in (1.0, 500.0)
    )
    assert [each.slate for each in soon] == [each.slate for each in late]
    assert [each.scores for each in soon] == [each.scores for each in late]


def test_pages_go_on_with_what_was_asked_for() -> None:
    site = made()
    found = pages(site, T + 200, T + 201, T + 202, filter={"category": "c1"})
    assert {int(item[1:]) % 3 for each in found for item in each.slate} == {1}
    assert [each.placement for each in found] == ["asked", "asked/2", "asked/3"]
    given = pages(site, T + 210, T + 211, T + 212, candidates=["new", *NAMES[:10]], k=4)
    assert [len(each.slate) for each in given] == [4, 4, 3]
    assert sorted(item for each in given for item in each.slate) == sorted(["new", *NAMES[:10]])
    assert given[-1].slate[-1] == "new"


def test_a_placement_has_pages_of_its_own() -> None:
    site = made(placements={"list": Placement(slots=3)})
    first = page(site, placement="list")
    second = page(site, T + 201, after=first.decision_id)
    assert (second.placement, len(second.slate)) == ("list/2", 3)
    assert not {*first.slate} & {*second.slate}
    wrong = refusal(site, after=second.decision_id, placement="lost")
    assert wrong.reason == "request: `placement` must be one of home, list; got 'lost'"


def test_a_page_belongs_to_its_placement() -> None:
    site = made(placements={"list": Placement(), "cart": Placement()})
    first = page(site, placement="list")
    assert "is a decision of list; leave out `placement`" in refusal(
        site, after=first.decision_id, placement="cart"
    ).reason  # fmt: skip


def test_the_same_request_again_gets_the_same_page() -> None:
    site = made()
    first = page(site)
    request = asked("u", T + 201, request_id="twice", after=first.decision_id)
    second = decision_of(site.step(request))
    taking = site.engine.take_in(site.shard, [([request], {})])
    assert taking.made == [[]]
    assert taking.answers[0][0].decision == second


def test_a_click_settles_the_page_that_has_the_item() -> None:
    site = made()
    first, second, third = pages(site, T + 200, T + 201, T + 202)
    batch = site.take(did("u", second.slate[1], T + 210))
    outcomes = {each.settled.decision_id: each.settled for each in steps(batch) if each.settled is not None}
    assert (outcomes[second.decision_id].outcome, outcomes[second.decision_id].hit) == ("hit", 1)
    assert {outcomes[each.decision_id].outcome for each in (first, third)} == {"miss"}
    assert site.model.skipped == 0
    for gone in (first, second, third):
        answer = refusal(site, after=gone.decision_id)
        assert answer.status == "refused"
        assert answer.reason.endswith("closed it: ask without `after`, with what is shown in `exclude`")


def test_there_are_ten_pages() -> None:
    site = made()
    found = pages(site, *(T + 200 + n for n in range(MAX_PAGES)), k=2)
    assert len({item for each in found for item in each.slate}) == 2 * MAX_PAGES
    assert "and there are 10" in refusal(site, after=found[-1].decision_id).reason


@pytest.mark.parametrize("after", ["0.1.2", "nothing"])
def test_a_decision_that_is_not_open_is_refused(after: str) -> None:
    assert f"{after!r} is not, since an event" in refusal(made(), after=after).reason


def test_forgetting_closes_all_pages() -> None:
    site = made()
    first, second = pages(site, T + 200, T + 201)
    site.take(ProfileChange("u", None))
    for gone in (first, second):
        assert refusal(site, after=gone.decision_id).status == "refused"


def test_pages_survive_a_snapshot() -> None:
    site = made()
    first, second = pages(site, T + 200, T + 201)
    copied = site.shard.start_copy()
    copied.some(len(site.shard.users))
    _, users = users_of(copied.parts())
    assert users["u"].open == first
    assert users["u"].others == {"/2": second}
    assert users["u"].others["/2"].before == first.slate


def test_rotation_leaves_out_what_was_asked_for_in_vain() -> None:
    site = made()
    first = page(site, T + 200)
    again, other = page(site, T + 201, rotate=1.0), page(site, T + 202, rotate=0.5)
    assert not {*first.slate} & {*again.slate}
    assert again.before == first.slate
    assert again.placement == first.placement == ""
    assert {*other.before} < {*again.slate}
    assert not {*other.before} & {*other.slate}
    assert {*page(site, T + 203, after=other.decision_id).slate}.isdisjoint(other.before + other.slate)
    site.take(did("u", other.slate[0], T + 204))  # causes a slate that nobody need have seen
    assert page(site, T + 205, rotate=1.0).before == []


def test_about_as_many_rotate_as_are_to() -> None:
    site = made()
    shares = [len(page(site, T + 200 + n, rotate=0.3).before) / SLOTS for n in range(1, 200)]
    assert sum(shares) / len(shares) == pytest.approx(0.3, abs=0.07)
