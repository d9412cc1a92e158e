"""An event and the open slates of several placements: who is credited, what stays open, what the ranking learns."""

from typing import Any

import pytest

from stream.config import Placement, Rewards, Slate
from stream.decisions.shard import Shard
from stream.records.log import Batch, ProfileChange, Step, decode_message, encode_message
from stream.state.open_decisions import all_open
from stream.state.stored_users import same_users
from stream.state.users import Users, apply, close
from tests.support.site import MINUTE, PURCHASE, Site, T, asked, decision_of, did, settlement_of, steps

PLACEMENTS = {
    "cart": Placement(slots=3, push=True),
    "mail": Placement(slots=2, exposure="reported", learning="shared"),
    "side": Placement(slots=4),
}


def site(**sections: Any) -> Site:
    return Site("abcdefgh", placements=PLACEMENTS, **sections)


def opened(found: Site, user: str = "u") -> dict[str, str]:
    """Names of the open decisions, by placement."""
    return {each.placement: each.decision_id for each in all_open(found.shard.users[user])}


def outcomes(batch: Any) -> dict[str, str]:
    """What became of each decision that the batch settles."""
    return {step.settled.decision_id: step.settled.outcome for step in steps(batch) if step.settled is not None}


def full(**sections: Any) -> Site:
    """User u has an open slate everywhere: of home and cart by an event, of mail a minute later, of side then."""
    found = site(**sections)
    found.take(did("u", "a"))
    found.take(asked("u", T + MINUTE, placement="mail"), asked("u", T + 2 * MINUTE, placement="side"))
    return found


def test_an_event_brings_a_slate_of_home_and_of_each_placement_that_pushes() -> None:
    found = site()
    home, cart = steps(found.take(did("u", "a")))
    assert (decision_of(home).placement, decision_of(cart).placement) == ("", "cart")
    assert (len(decision_of(home).sources), len(decision_of(cart).sources)) == (5, 3)
    assert decision_of(cart).decision_id == decision_of(home).decision_id + ".cart"
    assert cart.event is None
    assert opened(found) == {"": "0.1.0", "cart": "0.1.0.cart"}


def test_an_event_that_names_a_decision_settles_that_one_alone() -> None:
    found = full()
    before, named = opened(found), found.shard.users["u"].others["side"]
    batch = found.take(did("u", named.slate[1], T + 3 * MINUTE, decision_id=named.decision_id))
    left, own, pushed = steps(batch)
    assert outcomes(batch) == {before["side"]: "hit", before[""]: "replaced", before["cart"]: "replaced"}
    assert settlement_of(own).decision_id == before["side"], "the event's own step has it"
    assert (settlement_of(own).hit, settlement_of(own).reward, settlement_of(own).placement) == (1, 1.0, "side")
    assert own.rows is not None
    assert own.rows.taken, "the ranking learns from the list that was answered"
    assert settlement_of(left).decision_id == before[""], "closed before the new one of home is opened"
    assert decision_of(pushed).placement == "cart"
    assert opened(found).keys() == {"", "cart", "mail"}
    assert opened(found)["mail"] == before["mail"]
    assert found.model.skipped == 0


def test_an_event_without_a_name_settles_all_that_may_have_been_seen_and_credits_the_newest() -> None:
    found = full()
    before = opened(found)
    others = found.shard.users["u"].others
    both = next(item for item in others["side"].slate if item in others["cart"].slate)
    batch = found.take(did("u", both, T + 3 * MINUTE, PURCHASE))
    assert outcomes(batch)[before["side"]] == "hit"
    assert outcomes(batch)[before["cart"]] == "replaced"
    assert outcomes(batch)[before[""]] == "replaced", "home shows all of them"
    assert opened(found)["mail"] == before["mail"], "nobody reported that it was seen"
    assert sum(each.hit >= 0 for each in found.seen.settlements) == 1


def test_an_item_of_none_is_a_miss_of_each_and_older_slates_of_the_same_time_go_by_their_order() -> None:
    found = full()
    before = opened(found)
    batch = found.take(did("u", "new", T + 3 * MINUTE))
    assert outcomes(batch) == {before[""]: "miss", before["cart"]: "miss", before["side"]: "miss"}
    assert settlement_of(next(step for step in steps(batch) if step.event)).placement == "", "home's is the event's own"
    again = opened(found)
    shared = found.shard.users["u"].others["cart"].slate[0]
    batch = found.take(did("u", shared, T + 4 * MINUTE))
    assert outcomes(batch)[again[""]] == "hit", "made by the same event: home is asked first"
    assert outcomes(batch)[again["cart"]] == "replaced"


@pytest.mark.parametrize(("placement", "outcome"), [("mail", "void"), ("side", "silent")])
def test_silence_ends_a_slate_and_teaches_only_of_one_that_was_seen(placement: str, outcome: str) -> None:
    found = site(rewards=Rewards(attribution_window_s=600.0))
    found.take(asked("u", T, placement=placement))
    name = opened(found)[placement]
    policy = found.model.variants.at(placement).policy
    learned = policy.epsilon
    batch = found.take(did("v", "a", T + 601))
    assert outcomes(batch) == {name: outcome}
    assert (policy.epsilon < learned) == (outcome == "silent")
    assert "u" not in found.shard.users, "who has done nothing goes with their last slate"


def test_a_slate_that_names_itself_is_a_hit_where_exposure_is_reported() -> None:
    found = full()
    mail = found.shard.users["u"].others["mail"]
    batch = found.take(did("u", mail.slate[0], T + 3 * MINUTE, decision_id=mail.decision_id))
    assert outcomes(batch)[mail.decision_id] == "hit"


def test_an_old_name_voids_home_and_nothing_else() -> None:
    found = full()
    before = opened(found)
    batch = found.take(did("u", "b", T + 3 * MINUTE, decision_id="of yesterday"))
    assert outcomes(batch) == {before[""]: "void", before["cart"]: "replaced"}
    assert {before["mail"], before["side"]} <= {*opened(found).values()}


def test_each_policy_learns_from_its_own_slates_and_a_shared_one_is_homes() -> None:
    found = site()
    at = found.model.variants.at
    assert at("mail").policy is found.model.policy
    assert len({id(at(name).policy) for name in ("", "cart", "side")}) == 3
    found.take(asked("u", T, placement="side"))
    rates = {name: at(name).policy.epsilon for name in ("", "cart", "side")}
    found.take(did("u", "new", T + 1))
    assert {name for name in rates if at(name).policy.epsilon < rates[name]} == {"side"}
    found.take(asked("v", T + 2, placement="mail"))
    mail = found.shard.users["v"].others["mail"]
    home = at("").policy.epsilon
    found.take(did("v", mail.slate[0], T + 3, decision_id=mail.decision_id))
    assert at("").policy.epsilon < home


def test_the_fold_of_the_log_is_what_the_owner_holds() -> None:
    found, log = site(slate=Slate(slots=5, refresh_s=30.0)), list[Batch]()
    for arrivals in (
        [did("u", "a")], [asked("u", T + 60, placement="mail"), asked("u", T + 70, placement="side")],
        [did("u", "b", T + 130), did("v", "c", T + 131), asked("u", T + 140, placement="side")],
        [did("u", "d", T + 150, decision_id="0.2.1")], [asked("w", T + 160, placement="mail")],
        [did("u", "c", T + 999), ProfileChange("v", None), asked("v", T + 999, placement="mail")],
    ):  # fmt: skip
        log.append(decode_message(encode_message(found.take(*arrivals)), 0))  # type: ignore[arg-type]
    users = Users()
    for batch in log:
        for record in batch.records:
            if isinstance(record, Step | ProfileChange):
                apply(users, record, found.config.rewards.session_gap_s)
        close(users, batch)
    assert same_users(users, found.shard.users)
    assert {name: [*opened(found, name)] for name in users} == {
        "u": ["", "mail", "cart"], "w": ["mail"], "v": ["mail"]
    }  # fmt: skip
    heir = Shard("users/0", 9, found.config.rewards, users=users, watermark=T + 999)
    assert len(heir.unanswered) == 5


def test_slates_that_are_pushed_are_refreshed_and_those_on_request_are_not() -> None:
    found = full(slate=Slate(slots=5, refresh_s=30.0))
    before = opened(found)
    found.take(did("v", "a", T + 4 * MINUTE))
    batch = found.engine.refresh(found.shard, 9)
    assert batch is not None
    assert outcomes(batch) == {before[""]: "replaced", before["cart"]: "replaced"}
    assert [decision_of(step).placement for step in steps(batch)] == ["", "cart"]


def test_a_slate_that_is_deferred_closes_homes_when_it_is_made() -> None:
    found = full()
    before = opened(found)
    event = did("u", "b", T + 3 * MINUTE, decision_id=before["mail"])
    found.fold(found.propose(event, room=0))
    assert opened(found)[""] == before[""], "it is still what home shows"
    batch = found.engine.make_deferred(found.shard, [user for user, _ in found.shard.deferred.take(9, T)])
    assert batch is not None
    assert outcomes(batch) == {before[""]: "replaced", before["cart"]: "replaced"}
    assert opened(found).keys() == {"", "cart", "side"}
    users = Users()
    for record in batch.records:
        apply(users, record, 1.0)  # type: ignore[arg-type]
    assert [each.placement for each in all_open(users["u"])] == ["", "cart"], "the log closes before it opens"


def test_a_request_for_an_unknown_placement_is_refused_with_the_known_ones() -> None:
    found = site()
    taking = found.engine.take_in(found.shard, [([asked("u", T, placement="kart")], {})])
    (answer,) = taking.answers[0]
    assert (answer.status, answer.decision, taking.made) == ("refused", None, [[]])
    assert answer.reason == "request: `placement` must be one of home, cart, mail, side; got 'kart'"


def test_the_same_request_again_gets_the_same_slate_of_its_placement() -> None:
    found = site()
    first = found.engine.take_in(found.shard, [([asked("u", T, placement="side", request_id="r")], {})])
    again = found.engine.take_in(found.shard, [([asked("u", T + 1, placement="side", request_id="r")], {})])
    assert first.answers[0][0].decision is again.answers[0][0].decision is not None
    assert again.made == [[]]


def test_without_placements_the_records_are_the_same_as_with_some_that_nobody_asks_for() -> None:
    logs = list[list[Any]]()
    for placements in ({}, {"mail": PLACEMENTS["mail"], "side": PLACEMENTS["side"]}):
        found = Site("abcdefgh", placements=placements)
        events = [did("u", "abcdefgh"[n % 8], T + 50 * n, n % 3) for n in range(20)]
        logs.append([encode_message(found.take(event)) for event in events])
        assert found.model.skipped == 0
    assert logs[0] == logs[1]
