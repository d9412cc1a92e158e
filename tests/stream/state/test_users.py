"""The fold of one user: what the owner holds is what anybody makes of the log; and every field is bounded."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import Config, Slate
from stream.decisions.arrivals import Arrival, SlateAsked, UserEvent
from stream.decisions.engine import Engine
from stream.decisions.local import LocalWorker
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Claim,
    ItemChange,
    LoggedEvent,
    ProfileChange,
    Step,
    decode_message,
    encode_message,
)
from stream.records.requests import Request
from stream.records.schemas import Event, Item
from stream.state.user_block import EVENT_IDS, SEEN_ITEMS, SESSION_ITEMS
from stream.state.users import SHARED_TRAITS, Users, apply, close
from tests.support.users import encoded, live

VIEW, CLICK, PURCHASE = range(3)
GAP = 1800.0
T = 1_700_000_000.0


def event(
    item: str, time: float, kind: int = VIEW, *, event_id: str | None = None, session: str | None = None
) -> LoggedEvent:
    return LoggedEvent(0, 0, event_id or f"{item}@{time}", item, kind, time, session, None)


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
    users = Users()
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
        assert encoded(users) == encoded(shard.users)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(-5000, 3000), st.integers(0, 2), st.sampled_from([None, "s", "t"])),
        max_size=80,
    )
)
def test_whatever_happens_a_user_is_in_order_and_bounded(life: list[tuple[int, int, int, str | None]]) -> None:
    users, time = Users(), T + 1000
    for n in range(SEEN_ITEMS - 10):
        apply(users, Step("u", event(f"old{n}", T + n), [], 0, None, None, None), GAP)
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
        assert user.counts.immediate <= user.counts.repeats < user.events
        assert len(users.numbers) == len(user.seen)
    assert users["u"].events == SEEN_ITEMS - 10 + len(life)


# Bounds


def test_the_oldest_items_are_forgotten_first() -> None:
    user = live(*(event(f"i{n}", T + n) for n in range(SEEN_ITEMS + 3)), event("i5", T + 999))
    assert (len(user.seen), next(iter(user.seen))) == (SEEN_ITEMS, "i3")
    assert list(user.seen)[-2:] == [f"i{SEEN_ITEMS + 2}", "i5"]
    assert user.session == [f"i{n}" for n in range(SEEN_ITEMS + 3 - SESSION_ITEMS + 1, SEEN_ITEMS + 3)] + ["i5"]


def test_event_ids_are_known_for_the_users_last_events() -> None:
    user = live(*(event("a", T + n, event_id=f"e{n}") for n in range(EVENT_IDS + 1)))
    assert [user.knows_event(f"e{n}") for n in (0, 1, EVENT_IDS, EVENT_IDS + 1)] == [False, True, True, False]


# Profiles


def test_attributes_come_go_and_do_not_make_events() -> None:
    users = Users()
    apply(users, ProfileChange("u", {"tier": "gold"}), GAP)
    apply(users, Step("u", event("a", T), [], 0, None, None, None), GAP)
    assert (users["u"].attributes, users["u"].events, users["u"].depth) == ({"tier": "gold"}, 1, 1)
    apply(users, ProfileChange("u", {}), GAP)
    assert (users["u"].attributes, list(users["u"].seen)) == ({}, ["a"])


def test_forgetting_removes_the_user_and_only_this_one() -> None:
    users = Users()
    for user in "uv":
        apply(users, Step(user, event("a", T), [], 0, None, None, None), GAP)
    apply(users, ProfileChange("u", None), GAP)
    apply(users, ProfileChange("nobody", None), GAP)
    assert list(users) == ["v"]


def test_items_that_no_user_remembers_lose_their_numbers() -> None:
    users = Users()
    for user, item in ("ua", "va", "vb", "vc"):
        apply(users, Step(user, event(item, T), [], 0, None, None, None), GAP)
    users.drop("v")
    users.drop("nobody")
    assert (len(users.numbers), users["u"].seen["a"].times) == (1, 1)
    apply(users, Step("w", event("d", T), [], 0, None, None, None), GAP)
    assert (list(users["w"].seen), list(users["u"].seen), len(users.numbers.ids)) == (["d"], ["a"], 3)


def test_users_of_the_same_groups_share_one_object() -> None:
    users = Users()
    for user, country in ("u1", "v1", "w2"):
        step = Step(user, event("a", T), [], 0, None, None, None, {"country": country})
        apply(users, step, GAP)
    assert users["u"].traits is users["v"].traits
    assert [user.traits for user in users.values()] == [{"country": "1"}, {"country": "1"}, {"country": "2"}]
    assert SHARED_TRAITS == 4096


def test_who_came_before_the_first_event_is_counted_from_it_on() -> None:
    """Attributes that were imported, and a slate that was asked for, when there was no event time yet."""
    worker = LocalWorker.of(Config())
    worker.take(ItemChange("tea", Item(item_id="tea")), ProfileChange("ben", {"country": "NL"}))
    request = Request(request_id="r", user_id="cid")
    (asked,) = worker.take(SlateAsked(request, T, T)).records
    worker.take(worker.arrival("view", Event(event_id="e1", user_id="ada", item_id="tea", timestamp=T)))
    assert worker.shard.users["ben"].attributes == {"country": "NL"}
    assert isinstance(asked, Step)
    assert worker.shard.users["cid"].open == asked.decision
    idle_s = worker.engine.config.rewards.idle_s
    late = Event(event_id="e2", user_id="ada", item_id="tea", timestamp=T + idle_s + 1.0)
    worker.take(worker.arrival("view", late))
    assert list(worker.shard.users) == ["ada"]
