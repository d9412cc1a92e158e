"""Slates that are asked for: as of now, in place of the open one, settled once, also for strangers."""

from stream.config import Rewards, Slate
from stream.decisions.arrivals import Answer
from stream.decisions.publish import recommendations, response
from stream.records.log import Decision, ItemChange, ProfileChange, decode_message, encode_message
from stream.records.schemas import Item
from tests.support.site import MINUTE, Site, T, asked, decision_of, did, settlement_of, steps

HOUR = 60 * MINUTE


def answers(site: Site, *arrivals: object) -> list[Answer]:
    """What requests get; everything is folded."""
    taking = site.engine.take_in(site.shard, [(arrivals, {})])  # type: ignore[list-item]
    for batch in site.engine.decide(site.shard, taking):
        site.fold(batch)
    return taking.answers[0]


def slate_of(answer: Answer) -> list[str]:
    assert answer.decision is not None
    return answer.decision.slate


def test_a_request_replaces_the_open_slate_by_one_as_of_now_and_the_next_event_settles_that() -> None:
    site = Site("abcde")
    site.take(did("u", "a"))
    opened = site.shard.users["u"].open
    assert opened is not None
    first = site.step(asked("u", T + MINUTE, request_id="r1"))
    assert (settlement_of(first).decision_id, settlement_of(first).outcome) == (opened.decision_id, "replaced")
    assert (decision_of(first).time, decision_of(first).request_id) == (T + MINUTE, "r1")
    assert (first.event, first.rows) == (None, None)
    settled = settlement_of(site.step(did("u", "b", T + 2 * MINUTE)))
    assert (settled.decision_id, settled.outcome) == (decision_of(first).decision_id, "hit")
    assert site.model.skipped == 0


def test_it_is_made_after_the_events_before_it_and_before_those_after_it() -> None:
    site = Site("abcde")
    batch = site.take(did("u", "a"), asked("u", T + 1), did("u", "b", T + 2), did("v", "c"))
    before, requested, after, other = steps(batch)
    assert before.decision is None, "the request's slate stands in its place"
    assert settlement_of(after).decision_id == decision_of(requested).decision_id
    assert after.decision is not None
    assert other.decision is not None
    assert [name.rpartition(".")[2] for name in (decision_of(requested).decision_id, after.decision.decision_id)] == [
        "1", "2",
    ]  # fmt: skip


def test_a_session_that_silence_has_ended_is_ended() -> None:
    site = Site("abcde")
    site.take(*(did("u", item, T + n) for n, item in enumerate("abc")))
    states = [decision_of(site.step(asked("u", now))).state for now in (T + MINUTE, T + HOUR)]
    assert states[0] != states[1]
    assert site.shard.users["u"].depth == 3, "the user's state is as it was"


def test_an_earlier_time_than_the_users_last_event_is_that_events_time() -> None:
    site = Site("abcde")
    site.take(did("u", "a"))
    assert decision_of(site.step(asked("u", T - HOUR))).time == T


def test_the_same_request_again_gets_the_same_slate_and_no_other_decision() -> None:
    site = Site("abcde")
    site.take(did("u", "a"))
    first, again, other = answers(
        site, asked("u", T + 1, request_id="r"), asked("u", T + 2, request_id="r"), asked("u", T + 3, request_id="s")
    )
    assert first.decision is not None
    assert again.decision is first.decision
    assert other.decision is not None
    assert other.decision.decision_id != first.decision.decision_id
    assert site.seen.counts["decided"] == 3, "of the event, and of two requests"


def test_a_deferred_slate_is_not_needed_after_a_request() -> None:
    site = Site("abcde")
    site.fold(site.propose(did("u", "a"), room=0))
    assert len(site.shard.deferred) == 1
    site.take(asked("u", T + 1))
    assert len(site.shard.deferred) == 0


# Strangers


def test_a_stranger_is_served_by_the_model_and_settled_by_their_first_event() -> None:
    site = Site("abcde")
    site.take(*(did(f"u{n}", "c", T + n) for n in range(9)))
    step = site.step(asked("stranger", T + MINUTE))
    assert decision_of(step).slate[0] == "c", "what all like"
    settled = settlement_of(site.step(did("stranger", "c", T + 2 * MINUTE)))
    assert (settled.outcome, settled.hit) == ("hit", 0)
    assert site.model.skipped == 0


def test_a_stranger_who_does_nothing_is_forgotten_when_silence_settles_their_slate() -> None:
    site = Site("abcde", rewards=Rewards(attribution_window_s=600.0))
    site.take(*(asked(f"s{n}", T) for n in range(20)), ProfileChange("known", {"country": "NL"}), asked("known", T))
    assert len(site.shard.users) == 21
    settled = [step.settled for step in steps(site.take(did("u", "a", T + HOUR))) if step.event is None]
    assert [each.outcome for each in settled if each is not None] == ["silent"] * 21
    assert {*site.shard.users} == {"known", "u"}


def test_nothing_to_show_is_an_empty_answer_without_a_decision_or_a_user() -> None:
    site = Site()
    (answer,) = answers(site, asked("stranger"))
    assert (answer.decision, answer.status) == (None, "empty")
    assert not site.shard.users
    assert response(answer, None, 0, site.model.lists).recommendation is None


# What is asked for


def test_k_is_a_prefix_of_the_slate_that_would_be_made_without_it() -> None:
    whole, short = Site("abcdefgh"), Site("abcdefgh")
    (long,), (cut,) = answers(whole, asked("u", request_id="r")), answers(short, asked("u", request_id="r", k=2))
    assert long.decision is not None
    assert cut.decision is not None
    assert slate_of(cut) == slate_of(long)[:2]
    lists = len(whole.model.lists)
    assert len(cut.decision.offered_ranks) == 2 * lists
    assert (len(cut.decision.propensities), len(cut.decision.scores)) == (8, 8)
    assert cut.decision.propensities == long.decision.propensities[:8]
    assert len(slate_of(answers(whole, asked("v", k=40))[0])) == 5, "a slate has at most slate.slots"


def test_a_short_slate_is_learned_from_and_published() -> None:
    site = Site("abcdefgh")
    batch = site.take(asked("u", k=2))
    ((user, made),) = recommendations(batch, site.model.lists)
    assert made is not None
    assert (user, len(made.slots)) == ("u", 2)
    third = decision_of(steps(batch)[0]).items[2]
    settled = settlement_of(site.step(did("u", third, T + 1)))
    assert (settled.outcome, len(settled.slate)) == ("miss", 2)
    assert site.model.skipped == 0


def test_excluded_items_are_left_out_also_those_of_the_user_and_only_then() -> None:
    site = Site("abcde")
    for n, item in enumerate("abcab"):
        site.take(did("u", item, T + n))
    (answer,) = answers(site, asked("u", T + 9, exclude=["a", "c", "a", "unheard of"]))
    assert {*slate_of(answer)} == {"b", "d", "e"}
    assert {*slate_of(answers(site, asked("u", T + 10))[0])} == {*"abcde"}


def test_what_is_withdrawn_is_not_shown_on_request_either() -> None:
    site = Site("abc", slate=Slate(slots=3))
    site.take(ItemChange("b", Item(item_id="b", available=False)))
    assert {*slate_of(answers(site, asked("u", exclude=["c"]))[0])} == {"a"}


def test_the_log_keeps_the_requests_id() -> None:
    site = Site("abcde")
    batch = decode_message(encode_message(site.take(asked("u", request_id="r"))), 0)
    assert [decision_of(step).request_id for step in steps(batch)] == ["r"]  # type: ignore[arg-type]
    assert Decision("", 0.0, "", 0.0, 0, 0, [], b"", b"", b"", b"", b"").request_id == ""
