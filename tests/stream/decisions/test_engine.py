"""The engine, step by step on hand-made events: duplicates, order, settlements, the message."""

import numpy as np
import pytest

from stream.config import Policy
from stream.decisions.engine import Engine
from stream.decisions.publish import recommendations
from stream.decisions.shard import Shard
from stream.observe import Mix
from stream.records.log import Batch, ItemChange, ProfileChange, encode_message
from stream.records.schemas import Item
from tests.support.site import Site, T, decision_of, did, settlement_of, shown, steps
from tests.support.users import encoded

# Duplicates and order


def test_a_duplicate_is_dropped_and_counted() -> None:
    site = Site("abc")
    first = site.take(did("u", "a", event_id="e1"))
    users = encoded(site.shard.users)
    again = site.take(did("u", "b", T + 1, event_id="e1"))
    assert (len(first.records), again.records, again.seq) == (1, [], first.seq + 1)
    assert encoded(site.shard.users) == users
    assert (site.seen.counts["duplicate"], site.seen.counts["event"]) == (1, 1)
    assert site.step(did("v", "a", event_id="e1")).event is not None, "ids are the user's own"


def test_a_late_event_is_counted_and_is_not_the_newest() -> None:
    site = Site("abc")
    site.take(did("u", "a"))
    step = site.step(did("u", "b", T - 1))
    user = site.shard.users["u"]
    assert site.seen.counts["late"] == 1
    assert (list(user.seen), user.time, user.events, user.session) == (["b", "a"], T, 2, ["a"])
    assert settlement_of(step).outcome == "void"
    assert decision_of(step).time == T
    assert site.shard.watermark == T


def test_only_the_newest_event_of_a_user_in_a_batch_makes_a_decision_and_all_are_learned() -> None:
    site = Site("abc")
    batch = site.take(did("u", "a", T), did("v", "b", T + 1), did("u", "b", T + 2), did("u", "c", T + 3))
    assert [(step.user_id, step.decision is not None) for step in steps(batch)] == [
        ("u", False), ("v", True), ("u", False), ("u", True),
    ]  # fmt: skip
    assert site.model.catalogue.events == 4
    assert site.seen.counts["decided"] == 2
    assert site.shard.users["v"].open == steps(batch)[1].decision


def test_after_a_retry_in_the_same_batch_the_user_still_gets_a_slate() -> None:
    site = Site("abc")
    batch = site.take(did("u", "a", event_id="e1"), did("u", "a", event_id="e1"))
    (step,) = steps(batch)
    assert decision_of(step).slate


def test_of_several_messages_a_users_newest_event_makes_the_slate_and_retries_do_not_count() -> None:
    site = Site("abc")
    seq = site.shard.seq
    retried = did("u", "b", T + 1)
    parts = [[did("u", "a", T), did("v", "a", T)], [retried], [retried, did("w", "c", T + 2)]]
    made = site.engine.batches(site.shard, [(list(part), {"events.view": n}) for n, part in enumerate(parts)])
    assert [[step.decision is not None for step in steps(batch)] for batch in made] == [[False, True], [True], [True]]
    assert [(batch.seq, batch.next) for batch in made] == [
        (seq + n, {"events.view": n}) for n in range(3)
    ]  # fmt: skip
    ids = [step.decision.decision_id for batch in made for step in steps(batch) if step.decision is not None]
    assert ids == [f"0.{seq}.1", f"0.{seq + 1}.0", f"0.{seq + 2}.0"]


def test_the_slate_of_a_late_event_is_not_silent_at_once() -> None:
    site = Site("abc")
    site.take(did("v", "a", T))
    late = site.take(did("u", "a", T - 3600))
    assert [step.settled for step in steps(late)] == [None], "not silent at birth, though the watermark is past it"
    silent = site.take(did("v", "b", T + 1801))
    assert "u" in {step.user_id for step in steps(silent) if step.settled is not None}


def test_a_user_forgotten_in_the_same_batch_gets_no_slate_unless_they_come_back() -> None:
    site = Site("abc")
    gone, back = site.take(did("u", "a"), ProfileChange("u", None)), [did("u", "b", T + 1), did("v", "b", T + 1)]
    assert (steps(gone)[0].decision, site.shard.users) == (None, {})
    batch = site.take(back[0], ProfileChange("u", None), back[1], did("u", "c", T + 2))
    assert [(step.user_id, step.decision is not None) for step in steps(batch)] == [
        ("u", False), ("v", True), ("u", True),
    ]  # fmt: skip
    assert list(site.shard.users["u"].seen) == ["c"]


def test_decision_ids_are_unique() -> None:
    site = Site("abcd")
    ids = [
        decision_of(step).decision_id
        for n in range(20)
        for step in steps(site.take(*(did(user, "a", T + n) for user in "uvw")))
    ]
    assert len(ids) == len(set(ids)) == 60
    other = Engine(site.config, site.model)
    batch = other.batch(Shard("users/1", 7, site.config.rewards), [did("x", "a")], {})
    assert decision_of(steps(batch)[0]).decision_id not in ids


# Settlement


def test_the_policy_does_not_learn_from_a_void() -> None:
    site = Site("abc")
    shown(site)
    before = [array.copy() for array in site.model.policy.state().values()]
    site.take(did("u", "b", T - 1))
    assert all(np.array_equal(old, new) for old, new in zip(before, site.model.policy.state().values(), strict=True))
    site.take(did("u", "c", T + 1))
    assert site.model.policy.state()["steps"] == [1]


def test_silence_is_settled_by_the_watermark_as_a_record_without_an_event() -> None:
    site = Site("abc")
    open_ = shown(site)
    assert len(steps(site.take(did("v", "a", T + 1800)))) == 1
    own, silent = steps(site.take(did("w", "a", T + 1801)))
    assert own.user_id == "w"
    assert (silent.user_id, silent.event, silent.decision, silent.rows) == ("u", None, None, None)
    settled = settlement_of(silent)
    assert (settled.decision_id, settled.outcome, settled.reward) == (open_.decision_id, "silent", 0.0)
    assert (settled.settled_at, settled.discount) == (T + 1800, 0.0)
    assert site.shard.users["u"].open is None
    assert site.step(did("u", "b", T + 1802)).settled is None, "once is enough"


def test_silences_come_oldest_first_and_never_twice() -> None:
    site = Site("abc")
    for n, user in enumerate("cab"):
        site.take(did(user, "a", T + n))
    site.take(did("a", "b", T + 10))  # answered, and open again
    batch = site.take(did("z", "a", T + 1805))
    assert [step.user_id for step in steps(batch)] == ["z", "c", "b"]
    assert [step.user_id for step in steps(site.take(did("y", "a", T + 9999)))] == ["y", "a", "z"]


# The message


def test_a_batch_holds_the_positions_of_its_shard() -> None:
    site = Site("abc")
    batch = site.engine.batch(site.shard, [did("u", "a"), ProfileChange("v", {"tier": 2.0})], {"events.view": 7})
    assert (batch.shard, batch.epoch, batch.seq, batch.watermark) == ("users/0", 0, 1, T)
    assert batch.next["events.view"] == 7
    assert (site.shard.next, site.shard.seq) == ({"events.view": 7}, 2)
    assert site.shard.users["v"].attributes == {"tier": 2.0}


def test_positions_of_other_topics_do_not_count_as_a_step_back() -> None:
    site = Site("abc")
    for n, next_ in enumerate([{"events.view": 7}, {"events.click": 2}, {"events.view": 8}]):
        site.fold(site.engine.batch(site.shard, [did("u", "a", T + n)], next_))
    assert site.model.acceptance.shards["users/0"].next == {"events.view": 8, "events.click": 2}
    assert site.model.acceptance.backward == 0


def test_the_context_of_the_learners_is_that_before_the_event() -> None:
    site = Site("abcd")
    for n, item in enumerate("abab"):
        site.take(did("u", item, T + n))
    step = site.step(did("u", "c", T + 10))
    assert (step.recent, step.session_items) == (["b", "a"], 2)
    step = site.step(did("u", "d", T + 9999))
    assert (step.recent, step.session_items) == (["c", "b", "a"], 0)
    step = site.step(did("u", "a", T + 10_000))
    assert (step.recent, step.session_items) == (["d", "c", "b", "a"], 1)


def test_the_mix_of_a_slate_is_observed() -> None:
    site = Site()
    items = [Item(item_id=name, categories=[category]) for name, category in zip("abcd", "xyxy", strict=True)]
    site.take(*(ItemChange(item.item_id, item) for item in items))
    site.take(did("ann", "a"))
    assert site.seen.mixes == [Mix(categories=2, new=4)]


@pytest.mark.parametrize("policy", ["disagreement", "q_learning", "sarsa", "ranked"])
def test_slates_of_one_poll_are_those_made_one_by_one(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources cache their last query, which must not leak from one user to another."""
    logs = []
    for at_once in (1, 3, 32):
        monkeypatch.setattr("stream.decisions.engine.AT_ONCE", at_once)
        site, log = Site("abcdefgh", policy=Policy(name=policy)), list[bytes]()
        for n in range(20):
            events = (did(f"u{m}", "abcdefgh"[(n * m + m) % 8], T + 10 * n + m, event_id=f"{n}.{m}") for m in range(7))
            log.append(encode_message(site.take(*events)))
        logs.append(log)
        assert site.seen.counts["decided"] == 20 * 7
    assert logs[0] == logs[1] == logs[2]


# Deferred slates


def defer(site: Site, *users: str, room: int = 0) -> list[Batch]:
    made = site.engine.batches(site.shard, [([did(user, "a", T + n)], {}) for n, user in enumerate(users)], room)
    for batch in made:
        site.fold(batch)
    return made


def deferred_users(site: Site, most: int = 9) -> list[str]:
    batch = site.engine.make_deferred(site.shard, [user for user, _ in site.shard.deferred.take(most, 0.0)])
    if batch is None:
        return []
    site.fold(batch)
    assert all(step.event is None and step.decision is not None for step in steps(batch))
    return [step.user_id for step in steps(batch)]


def test_events_without_room_for_slates_are_learned() -> None:
    site = Site("abc")
    made = defer(site, "u", "v", "u")
    assert [step.decision for batch in made for step in steps(batch)] == [None, None, None]
    assert site.model.catalogue.events == 3
    assert len(site.shard.deferred) == 2
    assert site.seen.counts["deferred"] == 2


def test_where_there_is_room_for_some_the_newest_events_have_their_slates() -> None:
    site = Site("abc")
    made = defer(site, "u", "v", "w", "u", room=2)
    assert [step.user_id for batch in made for step in steps(batch) if step.decision is not None] == ["w", "u"]
    assert made[3].records[0] is steps(made[3])[0]
    assert deferred_users(site) == ["v"]


def test_deferred_slates_are_made_once_and_for_all() -> None:
    site = Site("abc")
    defer(site, "u", "v")
    defer(site, "w", "u")
    assert deferred_users(site, most=1) == ["u"]
    assert deferred_users(site) == ["w", "v"]
    assert deferred_users(site) == []
    assert all(user.open is not None for user in site.shard.users.values())


def test_a_deferred_slate_has_the_items_that_its_event_would_have_had() -> None:
    late, prompt = Site("abcdefgh"), Site("abcdefgh")
    defer(late, "u")
    prompt.take(did("u", "a", T))
    batch = late.engine.make_deferred(late.shard, ["u"])
    assert batch is not None
    ((user, slate),) = recommendations(batch, late.model.lists)
    assert slate is not None
    assert (user, slate.event_id, slate.timestamp) == ("u", None, T)
    open_ = prompt.shard.users["u"].open
    assert open_ is not None
    assert slate.decision_id != open_.decision_id
    assert {slot.item_id for slot in slate.slots} == set(open_.slate)


def test_the_first_events_of_a_site_have_slates_as_soon_as_an_item_is_folded() -> None:
    site = Site()
    first = site.engine.batch(site.shard, [did("u", "a"), did("v", "b", T + 1)], {})
    assert [step.decision for step in steps(first)] == [None, None], "no item is known yet"
    assert site.engine.make_deferred(site.shard, ["u", "v"]) is None
    assert len(site.shard.deferred) == 2, "they wait on"
    site.fold(first)
    found = site.engine.make_deferred(site.shard, [user for user, _ in site.shard.deferred.take(9, 0.0)])
    assert found is not None
    assert {step.user_id for step in steps(found) if step.decision is not None} == {"u", "v"}
    assert len(site.shard.deferred) == 0


def test_where_nothing_may_be_shown_nobody_waits() -> None:
    site = Site()
    site.take(ItemChange("a", Item(item_id="a", available=False)))
    assert [step.decision for step in steps(site.take(did("u", "a")))] == [None]
    assert len(site.shard.deferred) == 0


def test_an_event_with_room_makes_the_deferred_slate() -> None:
    site = Site("abc")
    defer(site, "u")
    assert site.step(did("u", "b", T + 9)).decision is not None
    assert deferred_users(site) == []


def test_a_forgotten_user_gets_no_deferred_slate() -> None:
    site = Site("abc")
    defer(site, "u", "v")
    site.take(ProfileChange("u", None))
    assert deferred_users(site) == ["v"]
