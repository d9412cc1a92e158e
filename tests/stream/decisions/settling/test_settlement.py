"""Settlement: outcome, reward and discount of an open slate."""

from typing import Any

import pytest

from stream.config import Policy, Rewards
from stream.decisions.settling.settlement import replaced, settle, silence
from stream.records.log import Decision, LoggedEvent
from tests.support.site import CLICK, MINUTE, PURCHASE, VIEW, Site, T, decision_of, did, settlement_of, shown

REWARDS = Rewards(attribution_window_s=100.0)
OPEN = Decision(
    "d", T, "sarsa", 0.1, 5, 2, ["a", "b"], b"\0\1", b"\2", b"\3", b"\4", b"\5", "exp", "bold", shadow=["b"]
)


def event(item: str, seconds: float, decision_id: str | None = None) -> LoggedEvent:
    return LoggedEvent(0, 0, "e", item, CLICK, T + seconds, None, decision_id)


@pytest.mark.parametrize(
    ("item", "seconds", "decision_id", "expected"),
    [
        ("b", 0.0, None, ("hit", 1, 2.0, 0.5, T)),
        ("b", 100.0, "d", ("hit", 1, 2.0, 0.5, T + 100)),
        ("x", 100.0, None, ("miss", -1, 0.0, 0.5, T + 100)),
        ("b", 100.1, None, ("silent", -1, 0.0, 0.0, T + 100)),
        ("b", -0.1, None, ("void", -1, 0.0, 0.0, T - 0.1)),
        ("b", -0.1, "d", ("hit", 1, 2.0, 0.5, T)),
        ("b", 9.0, "another", ("void", -1, 0.0, 0.0, T + 9)),
    ],
)
def test_an_event_settles_by_time_name_and_item(
    item: str, seconds: float, decision_id: str | None, expected: tuple[Any, ...]
) -> None:
    found = settle(OPEN, event(item, seconds, decision_id), same_session=True, discount=0.5, rewards=REWARDS)
    assert (found.outcome, found.hit, found.reward, found.discount, found.settled_at) == expected


def test_the_discount_is_zero_after_the_session() -> None:
    for item in ("b", "x"):
        assert settle(OPEN, event(item, 1.0), same_session=False, discount=0.5, rewards=REWARDS).discount == 0.0


def test_silence_is_dated_at_the_end_of_the_window_and_a_replacement_now() -> None:
    silent, new = silence(OPEN, REWARDS), replaced(OPEN, T + 7)
    assert (silent.outcome, silent.hit, silent.reward, silent.settled_at) == ("silent", -1, 0.0, T + 100)
    assert (new.outcome, new.hit, new.reward, new.settled_at) == ("replaced", -1, 0.0, T + 7)


def test_a_settlement_holds_all_of_its_decision_that_learning_needs() -> None:
    found = silence(OPEN, REWARDS)
    for field in ("decision_id", "policy", "state", "slate", "sources", "offered_ranks", "propensities", "lists",
                  "experiment", "variant", "shadow"):  # fmt: skip
        assert getattr(found, field) == getattr(OPEN, field), field
    assert found.decided_at == OPEN.time


# Through the engine


@pytest.mark.parametrize(
    ("kind", "item", "outcome", "reward"),
    [(VIEW, "b", "hit", 1.0), (CLICK, "b", "hit", 2.0), (PURCHASE, "b", "hit", 10.0), (PURCHASE, "new", "miss", 0.0)],
)
def test_the_next_event_settles_the_slate(kind: int, item: str, outcome: str, reward: float) -> None:
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
def test_the_end_of_the_session_ends_the_discount(fields: dict[str, Any], discount: float) -> None:
    site = Site("abc", policy=Policy(discount=0.5), rewards=Rewards(attribution_window_s=7200))
    shown(site)
    settled = settlement_of(site.step(did("u", "b", **fields)))
    assert (settled.outcome, settled.discount) == ("hit", discount)


def test_a_session_with_an_id_lasts_over_a_long_gap() -> None:
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
def test_which_events_settle_as_a_hit(fields: dict[str, Any], outcome: str) -> None:
    site = Site("abc")
    shown(site)
    step = site.step(did("u", "b", **fields))
    assert settlement_of(step).outcome == outcome
    assert settlement_of(step).reward == (outcome == "hit")
    assert decision_of(step).decision_id == f"0.{site.shard.seq - 1}.0"


def test_an_event_that_names_the_decision_is_a_hit() -> None:
    site = Site("abc")
    open_ = shown(site)
    assert settlement_of(site.step(did("u", "b", T + 1, decision_id=open_.decision_id))).outcome == "hit"
