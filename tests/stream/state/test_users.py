"""The fold of one user: what the owner holds is what anybody makes of the log; and every field is bounded."""

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import Config, Slate
from stream.decisions.arrivals import Arrival, UserEvent
from stream.decisions.engine import Engine
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Claim,
    LoggedEvent,
    ProfileChange,
    Step,
    decode_message,
    encode_message,
)
from stream.state.users import EVENT_IDS, RECENT_ITEMS, SEEN_ITEMS, SESSION_ITEMS, User, Users, apply, close

VIEW, CLICK, PURCHASE = range(3)
GAP = 1800.0
T = 1_700_000_000.0


def event(
    item: str, time: float, kind: int = VIEW, *, event_id: str | None = None, session: str | None = None
) -> LoggedEvent:
    return LoggedEvent(0, 0, event_id or f"{item}@{time}", item, kind, time, session, None)


def live(*events: LoggedEvent) -> User:
    """A user with this life."""
    users: Users = OrderedDict()
    for logged_event in events:
        apply(users, Step("u", logged_event, [], 0, None, None, None), GAP)
    return users["u"]


# The law

ARRIVALS = st.one_of(
    st.builds(
        lambda user, item, wait, kind, event_id, session: (user, item, wait, kind, event_id, session),
        st.sampled_from("uvw"), st.sampled_from("abcdef"), st.integers(-3000, 3000), st.integers(0, 2),
        st.integers(0, 30), st.sampled_from([None, None, "s1", "s2"]),
    ),
    st.builds(ProfileChange, st.sampled_from("uvw"), st.sampled_from([None, {}, {"tier": "gold", "age": 30.0}])),
)  # fmt: skip


def arrival(drawn: Any, time: float) -> Arrival:
    if isinstance(drawn, ProfileChange):
        return drawn
    user, item, _, kind, event_id, session = drawn
    return UserEvent(user, event(item, time, kind, event_id=str(event_id), session=session))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.lists(ARRIVALS, max_size=6), max_size=8))
def test_applying_the_records_of_the_log_gives_the_owners_users(polls: list[list[Any]]) -> None:
    config = Config(slate=Slate(slots=3))
    model = Model(config)
    model.fold(Claim(LOG_VERSION, "users/0", "token"), 0)
    engine, shard = Engine(config, model), Shard("users/0", 0, config.rewards)
    users: Users = OrderedDict()
    time = T
    for poll in polls:
        arrivals = []
        for drawn in poll:
            time += drawn[2] if isinstance(drawn, tuple) else 0
            arrivals.append(arrival(drawn, time))
        message = decode_message(encode_message(engine.batch(shard, arrivals, {})), model.offset)
        assert isinstance(message, Batch)
        model.fold(message, model.offset)
        for record in message.records:
            assert isinstance(record, Step | ProfileChange)
            apply(users, record, config.rewards.session_gap_s)
        close(users, message)
        assert list(users.items()) == list(shard.users.items())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(-5000, 3000), st.integers(0, 2), st.sampled_from([None, "s", "t"])),
        max_size=80,
    )
)
def test_whatever_happens_a_user_is_in_order_and_bounded(life: list[tuple[int, int, int, str | None]]) -> None:
    users, time = OrderedDict({"u": live(*(event(f"old{n}", T + n) for n in range(SEEN_ITEMS - 10)))}), T + 1000
    for n, (item, wait, kind, session) in enumerate(life):
        time += wait
        apply(
            users,
            Step("u", event(f"i{item}", time, kind, event_id=str(n), session=session), [], 0, None, None, None),
            GAP,
        )
        user = users["u"]
        times = [seen.time for seen in user.seen.values()]
        assert times == sorted(times)
        assert user.time == times[-1]
        assert len(user.seen) <= SEEN_ITEMS
        assert len(user.session) <= SESSION_ITEMS
        assert set(user.session) <= set(user.seen)
        assert user.session[-1] == next(reversed(user.seen))
        assert len(user.event_ids) <= EVENT_IDS
        assert user.immediate <= user.repeats < user.events
    assert users["u"].events == SEEN_ITEMS - 10 + len(life)


# Bounds


def test_the_oldest_items_are_forgotten_first() -> None:
    user = live(*(event(f"i{n}", T + n) for n in range(SEEN_ITEMS + 3)), event("i5", T + 999))
    assert (len(user.seen), next(iter(user.seen))) == (SEEN_ITEMS, "i3")
    assert user.recent(3) == ["i5", f"i{SEEN_ITEMS + 2}", f"i{SEEN_ITEMS + 1}"]
    assert user.recent(RECENT_ITEMS) == list(reversed(user.seen))[:RECENT_ITEMS]
    assert user.session == [f"i{n}" for n in range(SEEN_ITEMS + 3 - SESSION_ITEMS + 1, SEEN_ITEMS + 3)] + ["i5"]


def test_event_ids_are_known_for_the_users_last_events() -> None:
    user = live(*(event("a", T + n, event_id=f"e{n}") for n in range(EVENT_IDS + 1)))
    assert [user.knows_event(f"e{n}") for n in (0, 1, EVENT_IDS, EVENT_IDS + 1)] == [False, True, True, False]


# What is remembered


def test_counts_of_a_short_life() -> None:
    user = live(event("a", T), event("a", T + 1, CLICK), event("b", T + 2), event("a", T + 3, PURCHASE))
    assert (user.events, user.depth, user.repeats, user.immediate, user.twice) == (4, 4, 2, 1, False)
    assert (user.seen["a"].times, user.seen["a"].bought, user.seen["a"].kind, user.seen["a"].time) == (
        3, True, PURCHASE, T + 3,
    )  # fmt: skip
    assert (list(user.seen), user.session) == (["b", "a"], ["a", "a", "b", "a"])
    assert live(event("b", T), event("a", T + 1), event("a", T + 2)).twice


def test_a_purchase_is_remembered_after_a_view() -> None:
    seen = live(event("a", T, PURCHASE), event("a", T + 1)).seen["a"]
    assert (seen.bought, seen.kind) == (True, VIEW)


def test_a_late_event_counts_at_its_own_time() -> None:
    user = live(event("a", T), event("c", T + 10), event("b", T + 5, PURCHASE))
    assert (list(user.seen), user.session, user.time) == (["a", "b", "c"], ["a", "c"], T + 10)
    assert (user.seen["b"].bought, user.events, user.depth) == (True, 3, 3)


def test_a_late_event_on_a_newer_item_moves_nothing_but_counts() -> None:
    user = live(event("a", T), event("b", T + 10), event("b", T + 5, PURCHASE))
    seen = user.seen["b"]
    assert (seen.times, seen.bought, seen.kind, seen.time) == (2, True, VIEW, T + 10)
    assert (list(user.seen), user.repeats, user.twice) == (["a", "b"], 1, False)


def test_a_late_event_can_move_an_older_item_up() -> None:
    user = live(event("a", T), event("b", T + 1), event("c", T + 10), event("a", T + 5))
    assert (list(user.seen), user.seen["a"].time) == (["b", "a", "c"], T + 5)


def test_events_of_equal_times_keep_the_order_of_arrival() -> None:
    assert list(live(event("b", T), event("a", T), event("c", T)).seen) == ["b", "a", "c"]
    assert list(live(event("b", T), event("z", T + 1), event("a", T)).seen) == ["b", "a", "z"]


# Sessions


@pytest.mark.parametrize(
    ("before", "then", "wait", "same"),
    [
        (None, None, GAP, True),
        (None, None, GAP + 0.5, False),
        ("s", "s", 10 * GAP, True),
        ("s", "t", 1.0, False),
        ("s", None, 1.0, False),
        (None, "s", 1.0, False),
    ],
)
def test_what_continues_a_session(before: str | None, then: str | None, wait: float, same: bool) -> None:
    first, second = event("a", T, session=before), event("b", T + wait, session=then)
    assert live(first).continues_session(second, GAP) == same
    user = live(first, second)
    assert (user.session, user.depth) == ((["a", "b"], 2) if same else (["b"], 1))
    assert user.session_id == (before if same else then)


def test_a_new_user_starts_a_session() -> None:
    assert not User().continues_session(event("a", T), GAP)
    assert live(event("a", T)).depth == 1


def test_a_late_event_of_another_session_does_not_end_this_one() -> None:
    user = live(event("a", T, session="s"), event("b", T - 9999, session="r"))
    assert (user.session, user.session_id) == (["a"], "s")


# Profiles


def test_attributes_come_go_and_do_not_make_events() -> None:
    users: Users = OrderedDict()
    apply(users, ProfileChange("u", {"tier": "gold"}), GAP)
    apply(users, Step("u", event("a", T), [], 0, None, None, None), GAP)
    assert (users["u"].attributes, users["u"].events, users["u"].depth) == ({"tier": "gold"}, 1, 1)
    apply(users, ProfileChange("u", {}), GAP)
    assert (users["u"].attributes, list(users["u"].seen)) == ({}, ["a"])


def test_forgetting_removes_the_user_and_only_this_one() -> None:
    users: Users = OrderedDict()
    for user in "uv":
        apply(users, Step(user, event("a", T), [], 0, None, None, None), GAP)
    apply(users, ProfileChange("u", None), GAP)
    apply(users, ProfileChange("nobody", None), GAP)
    assert list(users) == ["v"]


def test_two_new_users_share_nothing() -> None:
    one, other = User(), User()
    one.session.append("a")
    one.seen["a"] = live(event("a", T)).seen["a"]
    assert (other.session, other.seen) == ([], {})
