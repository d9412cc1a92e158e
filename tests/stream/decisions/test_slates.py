"""Which items a slate holds, and what its decision records."""

from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits import EXHAUSTED, OTHER, session_state
from stream.config import Policy, Slate
from stream.model.outcomes import unpack_lists
from stream.records.log import ItemChange, ProfileChange
from stream.records.schemas import Item
from tests.support.site import PURCHASE, Site, T, decision_of, did, shown, steps

POLICIES: tuple[Literal["q_learning", "sarsa", "disagreement", "ranked"], ...] = (
    "q_learning", "sarsa", "disagreement", "ranked",
)  # fmt: skip

ITEMS = "abcdefgh"

# Slates


def test_an_empty_model_has_no_slate_and_does_not_crash() -> None:
    site = Site()
    step = site.step(did("u", "a"))
    assert (step.decision, step.settled, step.rows, step.recent) == (None, None, None, [])
    assert decision_of(site.step(did("u", "b", T + 1))).slate == ["a"], "what the log held by then"


def test_a_catalogue_without_events_gives_a_slate() -> None:
    site = Site("abcdefg")
    assert len(site.slate()) == 5
    assert len(decision_of(site.step(did("u", "x"))).slate) == 5


def test_an_unavailable_item_is_not_shown_until_it_is_available_again() -> None:
    site = Site("abc")
    site.take(did("u", "b"))
    for available in (False, True):
        site.take(ItemChange("b", Item(item_id="b", available=available)))
        assert ("b" in site.slate("u"), "b" in site.slate()) == (available, available)


def test_a_tombstoned_item_is_not_shown_until_it_is_described_again() -> None:
    site = Site("abc")
    site.take(ItemChange("b", None))
    site.take(did("u", "b"))
    assert "b" not in site.slate() | site.slate("u")
    site.take(ItemChange("b", Item(item_id="b")))
    assert "b" in site.slate() & site.slate("u")


def test_an_item_expires_by_event_time() -> None:
    site = Site("abc")
    site.take(ItemChange("b", Item(item_id="b", expires_at=T)))
    assert ("b" in site.slate(now=T - 1), "b" in site.slate(now=T)) == (True, False)
    assert "b" not in decision_of(site.step(did("u", "b"))).slate
    site.take(ItemChange("b", Item(item_id="b", expires_at=T + 9)))
    assert "b" in site.slate("u")


@pytest.mark.parametrize("allowed", [True, False])
def test_items_unknown_to_the_catalogue_are_shown_by_configuration(allowed: bool) -> None:
    site = Site("abc", slate=Slate(slots=5, allow_unknown_items=allowed))
    site.take(did("u", "x"))
    assert ("x" in site.slate(), "x" in site.slate("u")) == (allowed, allowed)
    site.take(ItemChange("x", Item(item_id="x")))
    assert "x" in site.slate()


@pytest.mark.parametrize("excluded", [True, False])
def test_what_was_just_bought_is_left_out_by_configuration(excluded: bool) -> None:
    site = Site("abc", slate=Slate(slots=5, exclude_bought=excluded))
    slate = decision_of(site.step(did("u", "b", kind=PURCHASE))).slate
    assert ("b" in slate) != excluded
    site.take(did("u", "b", T + 1))
    assert ("b" in site.slate("u")) != excluded, "a look later does not undo it"
    assert "b" in site.slate("v")


def test_forgetting_a_user_forgets_what_was_shown() -> None:
    site = Site("abc")
    shown(site)
    site.take(ProfileChange("u", None))
    step = site.step(did("u", "b", T + 1))
    assert (step.settled, step.rows, step.recent) == (None, None, [])
    assert site.shard.users["u"].events == 1


CHANGES = st.one_of(
    st.builds(
        lambda user, item, wait, kind: (user, item, wait, kind),
        st.sampled_from("uvw"), st.sampled_from(ITEMS), st.integers(-30, 900), st.integers(0, 2),
    ),
    st.tuples(st.sampled_from(ITEMS), st.sampled_from(["available", "unavailable", "expired", "tombstone"])),
)  # fmt: skip


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(CHANGES, max_size=30), st.booleans(), st.booleans())
def test_a_slate_holds_every_item_that_may_be_shown_once_and_no_other(
    changes: list[tuple[Any, ...]], allow_unknown: bool, exclude_bought: bool
) -> None:
    rules = Slate(slots=8, allow_unknown_items=allow_unknown, exclude_bought=exclude_bought)
    site, now = Site(slate=rules), T
    state: dict[str, str] = {}  # what the log says of an item
    bought: set[tuple[str, str]] = set()
    for n, change in enumerate(changes):
        if len(change) == 2:
            item, news = change
            state[item] = news
            record = Item(
                item_id=item, available=news != "unavailable", expires_at=T - 1_000 if news == "expired" else None
            )
            site.take(ItemChange(item, None if news == "tombstone" else record))
            continue
        user, item, wait, kind = change
        now += wait
        known = dict(state)
        if kind == PURCHASE:
            bought.add((user, item))
        step = steps(site.take(did(user, item, now, kind, event_id=str(n))))[0]
        state.setdefault(item, "unknown")
        slate = [] if step.decision is None else step.decision.slate
        fine = {"available"} | ({"unknown"} if allow_unknown else set())
        may = {item for item, news in known.items() if news in fine and not (exclude_bought and (user, item) in bought)}
        assert len(slate) == len(set(slate))
        assert set(slate) == may


# Decisions


@pytest.mark.parametrize("name", POLICIES)
def test_propensities_are_the_probability_of_the_slate(name: Any) -> None:
    site = Site("abcdefghijkl", policy=Policy(name=name, epsilon=0.5, epsilon_floor=0.5))
    for n in range(60):
        batch = site.propose(did("uvwxy"[n % 5], ITEMS[n * n % 8], T + n, n % 3))
        decision = decision_of(steps(batch)[0])
        drawn = np.frombuffer(decision.propensities, np.float32)
        lists = unpack_lists(decision.lists, len(site.model.lists))
        slate = np.arange(len(decision.slate), dtype=np.int32)
        again = site.model.policy.propensities(decision.state, lists, slate)
        assert np.all((drawn > 0) & (drawn <= 1))
        assert float(np.prod(drawn, dtype=np.float64)) == pytest.approx(float(np.prod(again)), rel=1e-5)
        assert decision.policy == name
        site.fold(batch)


@pytest.mark.parametrize("name", POLICIES)
def test_a_decision_is_self_sufficient(name: Any) -> None:
    site = Site("abcdefghijkl", policy=Policy(name=name, epsilon=0.5, epsilon_floor=0.5))
    for n in range(30):
        user = "uvw"[n % 3]
        batch = site.propose(did(user, ITEMS[n * n % 8], T + n))
        decision = decision_of(steps(batch)[0])
        found = site.model.ranker.candidates(user, site.shard.users[user], T + n, 5)
        drawn = site.drawn(user, T + n, decision.decision_id)
        ids, lists = site.model.vocabulary.ids, unpack_lists(decision.lists, len(site.model.lists))
        named = [[decision.items[place] for place in row if place >= 0] for row in lists.tolist()]
        assert named == [[ids[item] for item in row if item >= 0] for row in found.lists.tolist()]
        assert len(decision.items) == len(set(decision.items))
        assert decision.slate == [ids[item] for item in drawn.items.tolist()]
        assert decision == msgspec.structs.replace(drawn.decision, model_version=decision.model_version)
        for field, kept in drawn.candidates()._asdict().items():
            assert np.array_equal(kept, getattr(found, field)), field
        offered_ranks = np.frombuffer(decision.offered_ranks, np.uint8).reshape(len(decision.slate), -1)
        for slot, (item, source) in enumerate(zip(decision.slate, decision.sources, strict=True)):
            assert named[source][offered_ranks[slot, source]] == item
            for row, head in zip(named, offered_ranks[slot].tolist(), strict=True):
                left = [other for other in row if other not in decision.slate[:slot]]
                assert (head == EXHAUSTED) == (not left)
                assert left[:1] == ([] if head == EXHAUSTED else [row[head % OTHER]])
                assert head == EXHAUSTED or (head < OTHER) == (left[0] == item)
        scores = dict(zip((ids[item] for item in found.items.tolist()), found.scores.tolist(), strict=True))
        assert np.frombuffer(decision.scores, np.float32).tolist() == [scores[item] for item in decision.slate]
        ranked = [scores[item] for item in named[0]]
        assert ranked == sorted(ranked, reverse=True)
        site.fold(batch)


def test_the_same_events_and_seed_make_the_same_bytes_and_another_seed_does_not() -> None:
    def log(seed: str) -> list[bytes]:
        site = Site("abcdefgh", policy=Policy(name="sarsa", epsilon=1.0, epsilon_floor=1.0, seed=seed))
        return [msgspec.msgpack.encode(site.take(did("uv"[n % 2], ITEMS[n % 5], T + n))) for n in range(20)]

    assert log("one") == log("one") != log("two")


@pytest.mark.parametrize(
    ("depth", "events", "state"),
    [
        (0, 0, 0),
        (1, 4, 0),
        (1, 5, 1),
        (1, 25, 2),
        (2, 4, 3),
        (3, 24, 4),
        (4, 1, 6),
        (6, 25, 8),
        (7, 4, 9),
        (99, 99, 11),
    ],
)
def test_the_policys_state(depth: int, events: int, state: int) -> None:
    assert session_state(depth, events) == state
