"""How events are taken into a block, against a plain user with the same life."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.profiles.profiles import EMPTY, Touch, describe, quantise, update
from stream.records.log import ItemSnapshot, LoggedEvent, Step
from stream.state.user import User, event_hash
from stream.state.user_block import CONTEXT_ITEMS, EVENT_IDS, SEEN_ITEMS, SESSION_ITEMS, columns, grown, new_block
from stream.state.user_kernels import GROW, KNOWN, NEW, NO_ITEM, take
from stream.state.users import Users, apply
from tests.support.plain_user import PlainUser
from tests.support.users import GAP, packed_past

T = 1_700_000_000.0
LIVES = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from([0.0, 0.0, 1.0, 60.0, -1.0, -500.0, -90000.0, 5000.0]),
        st.integers(0, 2), st.sampled_from([None, None, None, "s", "t"]), st.booleans(),
    ),
    max_size=120,
)  # fmt: skip


def events(life: list[tuple[int, float, int, str | None, bool]], before: int) -> list[LoggedEvent]:
    """Events that begin with so many on items of their own."""
    made = [LoggedEvent(0, 0, f"b{n}", f"i{n}", n % 3, T + n, None, None) for n in range(before)]
    time = T + before
    for n, (item, wait, kind, session, again) in enumerate(life):
        time = max(1.0, time + wait)
        name = f"e{n // 2}" if again else f"e{n}"
        made.append(LoggedEvent(0, 0, name, f"i{item % (before + 9)}", kind, time, session, None))
    return made


@settings(deadline=None, derandomize=True, max_examples=150)
@given(LIVES, st.sampled_from([0, 1, 3, 15, 125, SEEN_ITEMS - 4, SEEN_ITEMS + 90]))
def test_a_block_agrees_with_a_plain_user(life: list[tuple[int, float, int, str | None, bool]], before: int) -> None:
    users, plain, profile = Users(), PlainUser(SEEN_ITEMS, SESSION_ITEMS, EVENT_IDS), EMPTY
    for n, event in enumerate(events(life, before)):
        user = users.get("u", User(users.numbers))
        found = user.before(event, GAP, profiled=True)
        recent, inside = plain.context(event, GAP, CONTEXT_ITEMS)
        assert (found.recent, found.in_session) == (recent, inside)
        assert (bool(found.late), bool(found.same_session)) == (event.time < plain.time, plain.continues(event, GAP))
        assert bool(found.duplicate) == (event.event_id in plain.event_ids)
        assert found.past == packed_past([plain.seen[item] for item in recent], event.time)
        assert found.profile == (quantise(describe(profile)) if profile else EMPTY)
        snapshot = ItemSnapshot(n % 7, None if n % 3 else float(n))
        touch = Touch(
            event.kind, event.time, snapshot.category, snapshot.price, event.item_id in plain.seen,
            not plain.continues(event, GAP),
        )  # fmt: skip
        profile = update(profile, touch)
        apply(users, Step("u", event, [], 0, None, None, None, touched=snapshot), GAP)
        plain.take(event, GAP)
        if n < before - 2:
            continue
        user = users["u"]
        assert list(user.seen.items()) == list(plain.seen.items())
        assert (user.session, user.session_id) == (plain.session, plain.session_id)
        assert tuple(user.counts) == (plain.events, plain.depth, plain.repeats, plain.immediate, plain.twice)
        assert (user.time, user.profile) == (plain.time, profile)
        assert [user.knows_event(f"e{m}") for m in range(n)] == [f"e{m}" in plain.event_ids for m in range(n)]
        assert user.bought() == [(item, seen.bought_at) for item, seen in plain.seen.items() if seen.bought]
        assert set(users.numbers.ids) - {""} == set(plain.seen), "numbers of what was forgotten are given back"


def test_a_full_block_asks_for_room_and_changes_nothing() -> None:
    block = new_block(1, 1)
    first = (event_hash("e"), 7, 0, T, -1, GAP, True, 3, 2.0)
    assert take(block, *first) == (NEW, NO_ITEM, True)
    before = block.copy()
    second = (event_hash("f"), 8, 2, T + 1, -1, GAP, True, 3, 2.0)
    assert take(block, *second) == (GROW, NO_ITEM, False)
    assert np.array_equal(block, before)
    block = grown(block)
    assert take(block, *second) == (NEW, NO_ITEM, False)
    assert take(block, event_hash("g"), 7, 0, T + 2, -1, GAP, True, 3, 2.0) == (KNOWN, NO_ITEM, False)
    at = columns(block)
    assert (at.items[:2].tolist(), at.session[:3].tolist(), at.counts[:2].tolist()) == ([8, 7], [7, 8, 7], [1, 2])


def test_room_grows_to_the_bounds_and_no_further() -> None:
    block = new_block(1, 1)
    for n in range(3 * SEEN_ITEMS):
        item = (event_hash(str(n)), n, 0, T + n, -1, GAP, True, 0, np.nan)
        if take(block, *item)[0] == GROW:
            block = grown(block)
            assert take(block, *item)[0] == NEW
    at = columns(block)
    assert (len(at.items), len(at.session), len(at.event_ids)) == (SEEN_ITEMS, SESSION_ITEMS, EVENT_IDS)
    assert at.items.tolist() == list(range(2 * SEEN_ITEMS, 3 * SEEN_ITEMS))


@pytest.mark.parametrize("late", [False, True])
def test_the_oldest_item_is_named_when_it_is_forgotten(late: bool) -> None:
    block = new_block(SEEN_ITEMS, EVENT_IDS)
    for n in range(SEEN_ITEMS):
        take(block, n, n, 0, T + n, -1, GAP, False, 0, np.nan)
    time = T + 5.5 if late else T + 999.0
    assert take(block, -1, 900, 0, time, -1, GAP, False, 0, np.nan) == (NEW, 0, False)
    assert take(block, -2, 901, 0, T - 9.0, -1, GAP, False, 0, np.nan) == (NEW, 901, False), "older than all others"
    assert columns(block).items.tolist().index(900) == (5 if late else SEEN_ITEMS - 1)
