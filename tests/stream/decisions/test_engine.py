"""The engine, step by step on hand-made events: duplicates, order, settlements, the message."""

from typing import Any

import msgspec
import numpy as np
import pytest

from stream.config import Policy, Rewards
from stream.decisions.engine import Engine
from stream.decisions.shard import Shard
from stream.observe import Mix
from stream.records.log import ItemChange, ProfileChange
from stream.records.schemas import Item
from tests.support.site import CLICK, MINUTE, PURCHASE, VIEW, Site, T, decision_of, did, settlement_of, shown, steps

# Duplicates and order


def test_a_duplicate_is_dropped_and_counted() -> None:
    site = Site("abc")
    first = site.take(did("u", "a", event_id="e1"))
    users = msgspec.msgpack.encode(site.shard.users)
    again = site.take(did("u", "b", T + 1, event_id="e1"))
    assert (len(first.records), again.records, again.seq) == (1, [], first.seq + 1)
    assert msgspec.msgpack.encode(site.shard.users) == users
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


def test_a_retry_in_the_same_batch_does_not_cost_the_user_the_slate() -> None:
    site = Site("abc")
    batch = site.take(did("u", "a", event_id="e1"), did("u", "a", event_id="e1"))
    (step,) = steps(batch)
    assert decision_of(step).slate


def test_of_several_messages_a_users_newest_event_makes_the_slate_and_a_retry_does_not_cost_it() -> None:
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


def test_the_slate_of_a_late_event_waits_for_its_answer() -> None:
    site = Site("abc")
    site.take(did("v", "a", T))
    late = site.take(did("u", "a", T - 3600))
    assert [step.settled for step in steps(late)] == [None], "not silent at birth, though the watermark is past it"
    silent = site.take(did("v", "b", T + 1801))
    assert "u" in {step.user_id for step in steps(silent) if step.settled is not None}


def test_a_user_forgotten_in_the_same_batch_gets_no_slate_unless_he_comes_back() -> None:
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


@pytest.mark.parametrize(
    ("kind", "item", "outcome", "reward"),
    [(VIEW, "b", "hit", 1.0), (CLICK, "b", "hit", 2.0), (PURCHASE, "b", "hit", 10.0), (PURCHASE, "new", "miss", 0.0)],
)
def test_an_answer_settles_the_slate(kind: int, item: str, outcome: str, reward: float) -> None:
    site = Site("abc", policy=Policy(discount=0.5))
    open_ = shown(site)
    settled = settlement_of(site.step(did("u", item, T + MINUTE, kind)))
    assert (settled.decision_id, settled.outcome, settled.reward) == (open_.decision_id, outcome, reward)
    assert settled.hit == (open_.slate.index(item) if outcome == "hit" else -1)
    assert (settled.discount, settled.decided_at, settled.settled_at) == (0.5, T, T + MINUTE)
    assert (settled.slate, settled.sources, settled.offered_ranks) == (open_.slate, open_.sources, open_.offered_ranks)
    assert (settled.propensities, settled.state, settled.policy) == (open_.propensities, open_.state, open_.policy)
    assert site.seen.settlements == [settled]


def test_the_table_of_rewards_is_the_configured_one() -> None:
    site = Site("abc", rewards=Rewards(view=0.25))
    shown(site)
    assert settlement_of(site.step(did("u", "b", T + 1))).reward == 0.25


@pytest.mark.parametrize(
    ("fields", "discount"),
    [
        ({"time": T + 30 * MINUTE}, 0.5),
        ({"time": T + 30 * MINUTE + 1}, 0.0),
        ({"time": T + 1, "session_id": "s2"}, 0.0),
    ],
)
def test_the_end_of_the_session_ends_the_credit(fields: dict[str, Any], discount: float) -> None:
    site = Site("abc", policy=Policy(discount=0.5), rewards=Rewards(attribution_window_s=7200))
    shown(site)
    settled = settlement_of(site.step(did("u", "b", **fields)))
    assert (settled.outcome, settled.discount) == ("hit", discount)


def test_a_session_id_bridges_a_long_gap() -> None:
    site = Site("abc", policy=Policy(discount=0.5), rewards=Rewards(attribution_window_s=1e6))
    site.take(did("u", "a", T, session_id="s"))
    assert settlement_of(site.step(did("u", "b", T + 9999, session_id="s"))).discount == 0.5


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"time": T}, "hit"),
        ({"time": T - 0.001}, "void"),
        ({"time": T + 1, "decision_id": "another"}, "void"),
        ({"time": T + 1800}, "hit"),
        ({"time": T + 1800.5}, "silent"),
    ],
)
def test_what_can_be_an_answer(fields: dict[str, Any], outcome: str) -> None:
    site = Site("abc")
    shown(site)
    step = site.step(did("u", "b", **fields))
    assert settlement_of(step).outcome == outcome
    assert settlement_of(step).reward == (outcome == "hit")
    assert decision_of(step).decision_id == f"0.{site.shard.seq - 1}.0"


def test_naming_the_decision_is_an_answer() -> None:
    site = Site("abc")
    open_ = shown(site)
    assert settlement_of(site.step(did("u", "b", T + 1, decision_id=open_.decision_id))).outcome == "hit"


def test_a_void_teaches_the_policy_nothing() -> None:
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


def test_the_owner_of_recovered_users_settles_their_silence() -> None:
    site = Site("abc")
    shown(site)
    heir = Shard("users/0", 9, site.config.rewards, users=site.shard.users, watermark=T)
    batch = site.engine.batch(heir, [did("v", "a", T + 1801)], {})
    assert [step.user_id for step in steps(batch)] == ["v", "u"]


# The message


def test_a_batch_says_where_the_source_stands() -> None:
    site = Site("abc")
    batch = site.engine.batch(site.shard, [did("u", "a"), ProfileChange("v", {"tier": 2.0})], {"events.view": 7})
    assert (batch.shard, batch.epoch, batch.seq, batch.watermark) == ("users/0", 0, 1, T)
    assert batch.next["events.view"] == 7
    assert (site.shard.next, site.shard.seq) == ({"events.view": 7}, 2)
    assert site.shard.users["v"].attributes == {"tier": 2.0}


def test_positions_of_topics_that_a_batch_does_not_touch_are_not_taken_for_a_step_back() -> None:
    site = Site("abc")
    for n, next_ in enumerate([{"events.view": 7}, {"events.click": 2}, {"events.view": 8}]):
        site.fold(site.engine.batch(site.shard, [did("u", "a", T + n)], next_))
    assert site.model.acceptance.shards["users/0"].next == {"events.view": 8, "events.click": 2}
    assert site.model.acceptance.backward == 0


def test_the_learners_context_is_what_was_before_the_event() -> None:
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
