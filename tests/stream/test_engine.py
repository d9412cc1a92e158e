"""The engine, step by step on hand-made events, and its laws on random ones."""

from collections import Counter
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits import DRY, OTHER
from stream.config import Config, Policy, Ranking, Slate
from stream.engine import SHOWN_USERS, Engine, Partition, Shown, policy_state, uniforms
from stream.log import Batch, Claim, Decision, Happening, ItemChange, ProfileChange, Settlement, Step
from stream.model import Model, unpack_lists
from stream.observe import Observer
from stream.rewards import Rewards
from stream.schemas import Item
from stream.users import User

VIEW, CLICK, PURCHASE = range(3)
T = 1_700_000_000.0
MINUTE = 60.0
POLICIES: tuple[Literal["q_learning", "sarsa", "disagreement", "ranked"], ...] = (
    "q_learning", "sarsa", "disagreement", "ranked",
)  # fmt: skip


class Tally(Observer):
    """Counts the hooks of the engine."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.settlements: list[Settlement] = []

    def event(self, kind: int) -> None:
        self.counts["event"] += 1

    def duplicate(self) -> None:
        self.counts["duplicate"] += 1

    def late(self) -> None:
        self.counts["late"] += 1

    def decided(self, sources: bytes, epsilon: float) -> None:
        self.counts["decided"] += 1

    def settled(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)


class Site:
    """One source, its owner and a list as the log."""

    def __init__(self, items: str = "", **sections: Any) -> None:
        self.config = Config(**({"slate": Slate(slots=5)} | sections))
        self.seen = Tally()
        self.model = Model(self.config)
        self.engine = Engine(self.config, self.model, self.seen)
        self.model.fold(Claim(1, "users/0", "token"), 0)
        self.partition = Partition("users/0", base=0)
        if items:
            self.take(*(ItemChange(item, Item(item_id=item)) for item in items))

    def propose(self, *arrivals: Any) -> Batch:
        return self.engine.batch(self.partition, list(arrivals), {})

    def fold(self, batch: Batch) -> None:
        assert self.model.fold(batch, self.model.offset) == "accepted"

    def take(self, *arrivals: Any) -> Batch:
        batch = self.propose(*arrivals)
        self.fold(batch)
        return batch

    def step(self, *arrivals: Any) -> Step:
        """The one step that comes of it."""
        (found,) = steps(self.take(*arrivals))
        return found

    def slate(self, user_id: str = "nobody", now: float = T) -> set[str]:
        _, slate = self.engine.draw(self.partition.users.get(user_id, User()), now, "test")
        return {self.model.vocabulary.ids[item] for item in slate.items.tolist()}


def did(user: str, item: str, time: float = T, kind: int = VIEW, **fields: Any) -> tuple[str, Happening]:
    """A user's event; times are unique in most tests, so they make good ids."""
    event_id = fields.pop("event_id", f"{user}-{item}-{time}")
    return user, Happening(0, 0, event_id, item, kind, time, fields.pop("session_id", None), fields.get("decision_id"))


def steps(batch: Batch) -> list[Step]:
    return [record for record in batch.records if isinstance(record, Step)]


def decision_of(step: Step) -> Decision:
    assert step.decision is not None
    return step.decision


def settlement_of(step: Step) -> Settlement:
    assert step.settled is not None
    return step.settled


def shown(site: Site, time: float = T) -> Decision:
    """User u has an open slate, made at `time`."""
    return decision_of(site.step(did("u", "a", time)))


# Duplicates and order


def test_a_duplicate_is_dropped_and_counted() -> None:
    site = Site("abc")
    first = site.take(did("u", "a", event_id="e1"))
    users = msgspec.msgpack.encode(site.partition.users)
    again = site.take(did("u", "b", T + 1, event_id="e1"))
    assert (len(first.records), again.records, again.seq) == (1, [], first.seq + 1)
    assert msgspec.msgpack.encode(site.partition.users) == users
    assert (site.seen.counts["duplicate"], site.seen.counts["event"]) == (1, 1)
    assert site.step(did("v", "a", event_id="e1")).event is not None, "ids are the user's own"


def test_a_late_event_is_counted_and_is_not_the_newest() -> None:
    site = Site("abc")
    site.take(did("u", "a"))
    step = site.step(did("u", "b", T - 1))
    user = site.partition.users["u"]
    assert site.seen.counts["late"] == 1
    assert (list(user.seen), user.time, user.events, user.session) == (["b", "a"], T, 2, ["a"])
    assert settlement_of(step).outcome == "void"
    assert decision_of(step).time == T
    assert site.partition.watermark == T


def test_only_the_newest_event_of_a_user_in_a_batch_makes_a_decision_and_all_are_learned() -> None:
    site = Site("abc")
    batch = site.take(did("u", "a", T), did("v", "b", T + 1), did("u", "b", T + 2), did("u", "c", T + 3))
    assert [(step.user_id, step.decision is not None) for step in steps(batch)] == [
        ("u", False), ("v", True), ("u", False), ("u", True),
    ]  # fmt: skip
    assert site.model.catalogue.events == 4
    assert site.seen.counts["decided"] == 2
    assert site.partition.users["v"].open == steps(batch)[1].decision


def test_a_retry_in_the_same_batch_does_not_cost_the_user_the_slate() -> None:
    site = Site("abc")
    batch = site.take(did("u", "a", event_id="e1"), did("u", "a", event_id="e1"))
    (step,) = steps(batch)
    assert decision_of(step).slate


def test_decision_ids_are_unique() -> None:
    site = Site("abcd")
    ids = [
        decision_of(step).decision_id
        for n in range(20)
        for step in steps(site.take(*(did(user, "a", T + n) for user in "uvw")))
    ]
    assert len(ids) == len(set(ids)) == 60
    other = Engine(site.config, site.model)
    batch = other.batch(Partition("users/1", base=7), [did("x", "a")], {})
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
    assert (settled.slate, settled.sources, settled.heads) == (open_.slate, open_.sources, open_.heads)
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
    assert decision_of(step).decision_id == f"0.{site.partition.seq - 1}.0"


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
    assert site.partition.users["u"].open is None
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
    heir = Partition("users/0", base=9, users=site.partition.users, watermark=T)
    batch = site.engine.batch(heir, [did("v", "a", T + 1801)], {})
    assert [step.user_id for step in steps(batch)] == ["v", "u"]


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
    assert site.partition.users["u"].events == 1


ITEMS = "abcdefgh"
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
                item_id=item, available=news != "unavailable", expires_at=T - 1 if news == "expired" else None
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
        found, slate = site.engine.draw(site.partition.users[user], T + n, decision.decision_id)
        ids, lists = site.model.vocabulary.ids, unpack_lists(decision.lists, len(site.model.lists))
        named = [[decision.items[place] for place in row if place >= 0] for row in lists.tolist()]
        assert named == [[ids[item] for item in row if item >= 0] for row in found.lists.tolist()]
        assert len(decision.items) == len(set(decision.items))
        assert decision.slate == [ids[item] for item in slate.items.tolist()]
        assert decision.sources == slate.sources.tobytes()
        heads = np.frombuffer(decision.heads, np.uint8).reshape(len(decision.slate), -1)
        for slot, (item, source) in enumerate(zip(decision.slate, decision.sources, strict=True)):
            assert named[source][heads[slot, source]] == item
            for row, head in zip(named, heads[slot].tolist(), strict=True):
                left = [other for other in row if other not in decision.slate[:slot]]
                assert (head == DRY) == (not left)
                assert left[:1] == ([] if head == DRY else [row[head % OTHER]])
                assert head == DRY or (head < OTHER) == (left[0] == item)
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


def test_uniforms_are_uniform() -> None:
    numbers = uniforms("a name", 4000)
    assert np.all((numbers >= 0) & (numbers < 1))
    assert abs(numbers.mean() - 0.5) < 5 / np.sqrt(12 * 4000)
    assert np.array_equal(numbers[:10], uniforms("a name", 10))


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
    assert policy_state(User(depth=depth, events=events)) == state


# Rows for the ranker


def rows_of(engine: Engine, width: int, taken: str, name: str) -> tuple[list[int], bool, float]:
    """Rows taught after a slate from five candidates, each described by its own number."""
    features = np.repeat(np.arange(5, dtype=np.uint8), width).reshape(5, width)
    engine._shown["u"] = Shown(T, name, np.arange(5, dtype=np.int32), features)
    rows = engine._rows("u", did("u", taken, T + 1)[1])
    assert rows is not None
    return np.frombuffer(rows.features, np.uint8).reshape(-1, width)[:, 0].tolist(), rows.taken, rows.rate


def test_rows_are_the_taken_one_and_some_of_the_others() -> None:
    site = Site("abcde", ranking=Ranking(negatives=2))
    width = len(site.model.ranker.names)
    negatives: Counter[int] = Counter()
    for n in range(200):
        picks, taken, rate = rows_of(site.engine, width, "c", f"{n}")
        assert (picks[0], len(picks), taken, rate) == (2, 3, True, 2 / 4)
        negatives.update(picks[1:])
        assert rows_of(site.engine, width, "c", f"{n}")[0] == picks, "a pure function of the decision's name"
    assert sorted(negatives) == [0, 1, 3, 4]
    assert all(abs(count - 100) < 5 * np.sqrt(400 * 0.25 * 0.75) for count in negatives.values())


def test_rows_of_a_miss_are_negatives_alone() -> None:
    site = Site("abcde", ranking=Ranking(negatives=3))
    picks, taken, rate = rows_of(site.engine, len(site.model.ranker.names), "elsewhere", "1")
    assert (len(picks), taken, rate) == (3, False, 3 / 5)
    assert set(picks) <= set(range(5))


def test_no_more_rows_than_others() -> None:
    site = Site("abcde", ranking=Ranking(negatives=32))
    picks, _, rate = rows_of(site.engine, len(site.model.ranker.names), "a", "1")
    assert (len(picks), rate) == (5, 1.0)


def test_the_rows_of_a_step_describe_the_candidates_of_its_slate() -> None:
    site = Site("abcd")
    batch = site.propose(did("u", "a"))
    decision = decision_of(steps(batch)[0])
    found, _ = site.engine.draw(site.partition.users["u"], T, decision.decision_id)
    site.fold(batch)
    rows = site.step(did("u", "c", T + 1)).rows
    assert rows is not None
    place = found.items.tolist().index(site.model.vocabulary.index("c"))
    assert rows.taken
    assert np.array_equal(np.frombuffer(rows.features, np.uint8).reshape(4, -1)[0], found.features[place])
    assert site.model.ranker.log_loss.weight == pytest.approx(1 + 3 / rows.rate)


def test_an_event_from_before_the_slate_teaches_the_ranker_nothing() -> None:
    site = Site("abcd")
    shown(site)
    assert site.step(did("u", "b", T - 1)).rows is None


def test_what_was_shown_is_kept_for_a_bounded_number_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHOWN_USERS == 20_000
    monkeypatch.setattr("stream.engine.SHOWN_USERS", 2)
    site = Site("abcd")
    for n, user in enumerate("uvw"):
        site.take(did(user, "a", T + n))
    assert [site.step(did(user, "b", T + 9)).rows is None for user in "wvu"] == [False, False, True]


# The message


def test_a_batch_says_where_the_source_stands() -> None:
    site = Site("abc")
    batch = site.engine.batch(site.partition, [did("u", "a"), ProfileChange("v", {"tier": 2.0})], {"events.view": 7})
    assert (batch.source, batch.base, batch.seq, batch.watermark) == ("users/0", 0, 1, T)
    assert batch.next["events.view"] == 7
    assert (site.partition.next, site.partition.seq) == ({"events.view": 7}, 2)
    assert site.partition.users["v"].attributes == {"tier": 2.0}


def test_positions_of_topics_that_a_batch_does_not_touch_are_not_taken_for_a_step_back() -> None:
    site = Site("abc")
    for n, next_ in enumerate([{"events.view": 7}, {"events.click": 2}, {"events.view": 8}]):
        site.fold(site.engine.batch(site.partition, [did("u", "a", T + n)], next_))
    assert site.model.acceptance.sources["users/0"].next == {"events.view": 8, "events.click": 2}
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
