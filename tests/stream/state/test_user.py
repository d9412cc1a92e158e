"""One user as others read them."""

import pytest

from stream.records.log import LoggedEvent
from stream.state.user import NOBODY, NOTHING, Seen, User
from tests.support.users import GAP, live

VIEW, CLICK, PURCHASE = range(3)
T = 1_700_000_000.0


def event(
    item: str, time: float, kind: int = VIEW, *, event_id: str | None = None, session: str | None = None
) -> LoggedEvent:
    return LoggedEvent(0, 0, event_id or f"{item}@{time}", item, kind, time, session, None)


def test_counts_of_a_short_life() -> None:
    user = live(event("a", T), event("a", T + 1, CLICK), event("b", T + 2), event("a", T + 3, PURCHASE))
    assert user.counts == (4, 4, 2, 1, 0)
    assert (user.events, user.depth, user.time) == (4, 4, T + 3)
    assert user.seen == {"b": Seen(1, False, VIEW, T + 2), "a": Seen(3, True, PURCHASE, T + 3, T + 3)}
    assert (list(user.seen), user.session) == (["b", "a"], ["a", "a", "b", "a"])
    assert live(event("b", T), event("a", T + 1), event("a", T + 2)).counts.twice


def test_a_silence_ends_the_session_of_a_user_who_comes_back() -> None:
    user = live(event("a", T), event("b", T + 1, CLICK), event("a", T + 2))
    assert user.as_of(T + 2 + GAP, GAP) is user
    back = user.as_of(T + 3 + GAP, GAP)
    assert (back.depth, back.session, back.events, back.time) == (0, [], 3, T + 2)
    assert (back.seen, back.numbers) == (user.seen, user.numbers)
    assert (user.depth, user.session) == (3, ["a", "b", "a"]), "the user themselves has not changed"
    assert NOBODY.as_of(T, GAP) is NOBODY


def test_a_purchase_is_remembered_after_a_view() -> None:
    user = live(event("a", T, PURCHASE), event("b", T), event("a", T + 1))
    assert user.seen["a"] == Seen(2, True, VIEW, T + 1, T)
    assert user.bought() == [("a", T)]


def test_a_late_event_counts_at_its_own_time() -> None:
    user = live(event("a", T), event("c", T + 10), event("b", T + 5, PURCHASE))
    assert (list(user.seen), user.session, user.time) == (["a", "b", "c"], ["a", "c"], T + 10)
    assert (user.seen["b"].bought, user.events, user.depth) == (True, 3, 3)


def test_a_late_event_on_a_newer_item_moves_nothing_but_counts() -> None:
    user = live(event("a", T), event("b", T + 10), event("b", T + 5, PURCHASE))
    assert user.seen["b"] == Seen(2, True, VIEW, T + 10, T + 5)
    assert (list(user.seen), user.counts.repeats, user.counts.twice) == (["a", "b"], 1, 0)


def test_a_late_event_can_move_an_older_item_up() -> None:
    user = live(event("a", T), event("b", T + 1), event("c", T + 10), event("a", T + 5))
    assert (list(user.seen), user.seen["a"].time) == (["b", "a", "c"], T + 5)


def test_events_of_equal_times_keep_the_order_of_arrival() -> None:
    assert list(live(event("b", T), event("a", T), event("c", T)).seen) == ["b", "a", "c"]
    assert list(live(event("b", T), event("z", T + 1), event("a", T)).seen) == ["b", "a", "z"]


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
    assert live(first).before(second, GAP, profiled=False).same_session == same
    user = live(first, second)
    assert (user.session, user.depth) == ((["a", "b"], 2) if same else (["b"], 1))
    assert user.session_id == (before if same else then)


def test_a_new_user_starts_a_session() -> None:
    assert not User().before(event("a", T), GAP, profiled=False).same_session
    assert live(event("a", T)).depth == 1


def test_a_late_event_of_another_session_does_not_end_this_one() -> None:
    user = live(event("a", T, session="s"), event("b", T - 9999, session="r"))
    assert (user.session, user.session_id) == (["a"], "s")


def test_an_event_that_is_only_noted_is_known_and_changes_nothing_else() -> None:
    user = live(*(event("a", T + n) for n in range(20)))
    before = user.seen, user.session, user.counts, user.time
    user.note(event("b", T + 99, event_id="returned"))
    assert (user.seen, user.session, user.counts, user.time) == before
    assert (user.knows_event("returned"), user.knows_event("a@" + str(T)), user.knows_event("b")) == (True, True, False)


def test_items_are_known_by_their_ids() -> None:
    user = live(event("a", T), event("b", T))
    assert [user.knows_item(item) for item in "abc"] == [True, True, False]


def test_two_new_users_share_nothing_that_changes() -> None:
    one, other = User(), User()
    one.touch(5.0)
    assert (one.touched, other.touched, NOBODY.touched, NOTHING) == (5.0, 0.0, 0.0, {})
    assert one.block is not other.block
