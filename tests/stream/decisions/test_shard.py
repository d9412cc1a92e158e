"""A shard: numbers and positions of its batches, open and deferred slates, what a new owner continues with."""

import math

from stream.config import Rewards, Slate
from stream.decisions.shard import EVERY, Deferred, Shard
from stream.records.log import Decision, ProfileChange, Step
from stream.state.snapshot import users_of
from tests.support.site import MINUTE, Site, T, did, settlement_of, shown, steps
from tests.support.users import encoded


def decision(name: str, time: float) -> Decision:
    return Decision(name, time, "ranked", 0.0, 0, 0, [], b"", b"", b"", b"", b"")


def opened(shard: Shard, user_id: str, name: str, time: float) -> None:
    """The user has an open slate, made when the watermark stood at `time`."""
    shard.apply(Step.without_event(user_id, decision=decision(name, time)))
    shard.opened(user_id, decision(name, time), time)


def test_batches_are_numbered_and_only_the_first_holds_all_positions() -> None:
    shard = Shard("users/0", 7, Rewards())
    shard.next = {"events.view": 3, "events.click": 5}
    change = ProfileChange("u", {"tier": 1.0})
    first, second = (shard.message([change], {"events.view": 4 + n}, last=True) for n in range(2))
    assert [(batch.shard, batch.epoch, batch.seq) for batch in (first, second)] == [
        ("users/0", 7, 0),
        ("users/0", 7, 1),
    ]
    assert (first.next, second.next) == ({"events.view": 4, "events.click": 5}, {"events.view": 5})
    assert shard.next == {"events.view": 5, "events.click": 5}
    assert (shard.seq, shard.pending) == (2, 2)


def test_idle_users_are_dropped_by_the_last_batch_of_a_poll() -> None:
    shard = Shard("users/0", 0, Rewards(idle_s=100.0))
    shard.apply(ProfileChange("idle", {"tier": 1.0}))
    shard.users["idle"].touch(T - 101.0)
    shard.watermark = T
    assert shard.message([], {}, last=False).idle_before == 0.0
    assert list(shard.users) == ["idle"]
    assert shard.message([], {}, last=True).idle_before == T - 100.0
    assert not shard.users


def test_overdue_decisions_are_taken_out_once_the_oldest_first() -> None:
    shard = Shard("users/0", 0, Rewards())
    for user_id, time in (("u", T + 2), ("v", T + 1), ("w", T + 3)):
        opened(shard, user_id, f"d-{user_id}", time)
    opened(shard, "v", "newer", T + 9)
    assert [(user_id, found.decision_id) for user_id, found in shard.overdue(T + 3)] == [("u", "d-u")]
    assert [user_id for user_id, _ in shard.overdue(T + 9.5)] == ["w", "v"]
    assert shard.overdue(T + 99) == []


def test_a_new_owner_settles_the_silence_of_recovered_users() -> None:
    site = Site("abc")
    shown(site)
    heir = Shard("users/0", 9, site.config.rewards, users=site.shard.users, watermark=T)
    batch = site.engine.batch(heir, [did("v", "a", T + 1801)], {})
    assert [step.user_id for step in steps(batch)] == ["v", "u"]
    assert settlement_of(steps(batch)[1]).outcome == "silent"


def test_the_next_owner_defers_the_slates_that_the_former_owner_had_deferred() -> None:
    site = Site("abc")
    site.take(did("old", "a", T - 120 * MINUTE), did("prompt", "a", T))
    for batch in site.engine.batches(site.shard, [([did("u", "a", T)], {})], room=0):
        site.fold(batch)
    users, watermark = site.shard.users, site.shard.watermark
    users["old"].open = None  # settled by silence
    heir = Shard("users/0", 5, site.config.rewards, users=users, watermark=watermark)
    assert heir.deferred.take(9, overdue=0.0) == [("u", -math.inf)]


def deferred(*acted: str) -> Deferred:
    found = Deferred()
    for at, user_id in enumerate(acted):
        found.add(user_id, float(at))
    return found


def test_who_acted_last_comes_first() -> None:
    assert [user for user, _ in deferred("u", "v", "u", "w").take(9, overdue=0.0)] == ["w", "u", "v"]


def test_who_waits_since_an_earlier_event_waits_since_then() -> None:
    assert deferred("u", "u", "u").take(1, overdue=0.0) == [("u", 0.0)]


def test_one_in_five_is_who_has_waited_too_long() -> None:
    waiting = deferred(*(f"u{n}" for n in range(20)))
    found = [user for user, _ in waiting.take(10, overdue=2.0)]
    assert found == ["u19", "u18", "u17", "u16", "u0", "u15", "u14", "u13", "u12", "u1"]
    assert [user for user, _ in waiting.take(5, overdue=2.0)] == ["u11", "u10", "u9", "u8", "u7"], "u2 is not so late"


def test_who_has_waited_too_long_has_a_turn_among_the_slates_of_others_too() -> None:
    waiting = deferred("u", "v", "w", "x")
    assert waiting.take_overdue(EVERY - 1, 3.0) == []
    assert waiting.take_overdue(1, 3.0) == [("u", 0.0)]
    assert waiting.take_overdue(9 * EVERY, 3.0) == [("v", 1.0), ("w", 2.0)]
    assert len(waiting) == 1


def test_nobody_waits_for_a_slate_that_is_made() -> None:
    waiting = deferred("u", "v")
    waiting.discard("u")
    waiting.discard("nobody")
    assert waiting.take(9, overdue=0.0) == [("v", 1.0)]
    assert len(waiting) == 0


def test_a_copy_holds_the_users_as_they_were_when_it_began() -> None:
    there = Site("abc", slate=Slate(slots=5, refresh_s=5 * MINUTE))
    there.take(did("u", "a"))
    there.take(did("watch", "a", T + 6 * MINUTE))
    before = encoded(there.shard.users)
    copy = there.shard.start_copy()
    assert there.engine.refresh(there.shard, 9) is not None
    while not copy.some(1):
        pass
    _, users = users_of(copy.parts())
    assert encoded(users) == before
