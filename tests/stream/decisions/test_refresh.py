"""Refreshed slates: of which users, in which order, and how the old ones are settled."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import Slate
from stream.decisions.open_slates import OpenSlates
from stream.decisions.publish import outcomes, recommendations
from stream.decisions.refresh import Limits, stale
from stream.records.log import Batch, Decision, ProfileChange
from tests.support.site import MINUTE, Site, T, decision_of, did, settlement_of, steps
from tests.support.users import live

SLATE = Slate(slots=5, refresh_s=5 * MINUTE, refresh_active_s=20 * MINUTE)


def site(**slate: float) -> Site:
    return Site("abc", slate=msgspec.structs.replace(SLATE, **slate))


def refreshed(site: Site, most: int = 9) -> Batch:
    batch = site.engine.refresh(site.shard, most)
    assert batch is not None
    site.fold(batch)
    return batch


def at_the_end(site: Site, minutes: float) -> None:
    """Another user's event moves the watermark."""
    site.take(did("watch", "a", T + minutes * MINUTE))


# Which


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(4.9, []), (5.0, []), (5.1, ["u"]), (19.9, ["u"]), (20.0, ["u"]), (20.1, [])],
)
def test_only_stale_slates_of_active_users_are_refreshed(minutes: float, expected: list[str]) -> None:
    there = site()
    there.take(did("u", "a"))
    at_the_end(there, minutes)
    batch = there.engine.refresh(there.shard, 9)
    assert [step.user_id for step in ([] if batch is None else steps(batch))] == expected


def test_the_oldest_come_first_and_at_most_as_many_as_asked_for() -> None:
    there = site()
    for minute, user in enumerate("cab"):
        there.take(did(user, "a", T + minute * MINUTE))
    at_the_end(there, 10)
    assert [step.user_id for step in steps(refreshed(there, 2))] == ["c", "a"]
    assert [step.user_id for step in steps(refreshed(there, 2))] == ["b"]
    assert there.engine.refresh(there.shard, 2) is None, "all are fresh"


def test_zero_seconds_turn_it_off() -> None:
    there = site(refresh_s=0.0)
    there.take(did("u", "a"))
    at_the_end(there, 10)
    assert there.engine.refresh(there.shard, 9) is None


def test_slates_of_forgotten_and_returned_users_are_not_refreshed() -> None:
    there = site()
    there.take(did("gone", "a"), did("back", "a"))
    there.take(ProfileChange("gone", None))
    at_the_end(there, 6)
    there.take(did("back", "b", T + 6 * MINUTE))
    assert there.engine.refresh(there.shard, 9) is None


TIMES = st.integers(0, 12)


@settings(deadline=None)
@given(
    st.lists(st.tuples(TIMES, TIMES, st.booleans()), max_size=12),
    st.tuples(TIMES, TIMES, TIMES), st.integers(0, 5),
)  # fmt: skip
def test_the_selection_agrees_with_a_sorted_list(
    made: list[tuple[int, int, bool]], limits: tuple[int, int, int], most: int
) -> None:
    """Each user: slate made at, last seen at, still open."""
    users = {f"u{n:02}": live(did("u", "a", float(seen)).event) for n, (_, seen, _) in enumerate(made)}
    ageing = OpenSlates(users)
    for n, (at, _, is_open) in enumerate(made):
        users[f"u{n:02}"].open = decision(f"d{n}") if is_open else None
        ageing.add(f"u{n:02}", f"d{n}", float(at))
    made_before, active_since, silent_before = limits
    wanted = [
        (f"u{n:02}", "")
        for at, n in sorted((at, n) for n, (at, _, _) in enumerate(made))
        if made[n][2] and silent_before <= at < made_before and made[n][1] >= active_since
    ]
    found = stale(ageing, Limits(*limits), most)
    assert found == wanted[:most]
    assert stale(ageing, Limits(*limits), 99) == wanted[most:], "the rest comes later, and each once"


def decision(name: str) -> Decision:
    return Decision(name, 0.0, "ranked", 0.0, 0, 0, [], b"", b"", b"", b"", b"")


# Settlement


def test_the_old_slate_is_replaced_and_the_new_one_is_open() -> None:
    there = site()
    old = decision_of(there.step(did("u", "a")))
    at_the_end(there, 6)
    batch = refreshed(there)
    (step,) = steps(batch)
    settled, new = settlement_of(step), decision_of(step)
    assert (step.event, step.rows, step.recent) == (None, None, [])
    assert (settled.decision_id, settled.outcome, settled.reward, settled.hit) == (old.decision_id, "replaced", 0.0, -1)
    assert (settled.decided_at, settled.settled_at, new.time) == (T, T + 6 * MINUTE, T + 6 * MINUTE)
    assert there.shard.users["u"].open == new
    assert new.decision_id == f"{batch.epoch}.{batch.seq}.0" != old.decision_id
    assert [s.outcome for s in there.seen.settlements] == ["replaced"]
    ((user, slate),) = recommendations(batch, there.model.lists)
    assert (user, slate and slate.event_id, slate and slate.decision_id) == ("u", None, new.decision_id)
    ((outcome),) = outcomes(batch, there.model.lists)
    assert (outcome.outcome, outcome.event_id, outcome.hit) == ("replaced", None, None)


def test_the_next_event_settles_the_new_slate_and_is_void_if_it_names_the_old_one() -> None:
    for named, expected in (("new", "hit"), ("old", "void"), (None, "hit")):
        there = site()
        old = decision_of(there.step(did("u", "a")))
        at_the_end(there, 6)
        new = decision_of(steps(refreshed(there))[0])
        ids = {"new": new.decision_id, "old": old.decision_id, None: None}
        step = there.step(did("u", "b", T + 7 * MINUTE, decision_id=ids[named]))
        settled = settlement_of(step)
        assert (settled.decision_id, settled.outcome) == (new.decision_id, expected)


def test_a_refreshed_slate_is_silent_after_a_window_of_its_own() -> None:
    there = site()
    there.take(did("u", "a"))
    at_the_end(there, 6)
    new = decision_of(steps(refreshed(there))[0])
    for minutes, expected in ((35.9, 0), (36.1, 1)):
        batch = there.take(did(f"w{minutes}", "a", T + minutes * MINUTE))
        found = [s.settled for s in steps(batch) if s.user_id == "u" and s.settled is not None]
        assert [s.outcome for s in found] == ["silent"] * expected
        assert [s.decision_id for s in found] == [new.decision_id] * expected


def test_the_model_does_not_learn_from_a_replaced_slate() -> None:
    there = site()
    there.take(did("u", "a"))
    at_the_end(there, 6)
    before = there.model.copy().parts
    refreshed(there)
    after = there.model.copy().parts
    for name, part in before.items():
        for key, array in part.items():
            assert array.tobytes() == after[name][key].tobytes(), (name, key)
    assert there.model.skipped == 0


def test_no_decision_is_settled_twice_in_a_long_run() -> None:
    there, settled, opened = site(), list[str](), set[str]()
    for n in range(300):
        batches = [there.take(did(f"u{n * n % 23}", "abc"[n % 3], T + 47.0 * n))]
        batches += [batch for batch in [there.engine.refresh(there.shard, 2)] if batch is not None]
        for batch in batches[1:]:
            there.fold(batch)
        for step in (step for batch in batches for step in steps(batch)):
            if step.settled is not None:
                assert step.settled.decision_id in opened
                settled.append(step.settled.decision_id)
            if step.decision is not None:
                opened.add(step.decision.decision_id)
    assert len(settled) == len(set(settled)) > 300
    assert [s.outcome for s in there.seen.settlements].count("replaced") > 50
