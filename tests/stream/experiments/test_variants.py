"""Experiments in the engine and the fold: who gets what, what is learned by whom, and what is counted."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest

from stream.config import Config, Policy, Slate
from stream.decisions.engine import Engine
from stream.decisions.slates import SlateRequest
from stream.experiments.definition import variant_of
from stream.experiments.results import CLUSTERS, LOOK_EVERY, Tally
from stream.model.fold import Model, ModelCopy
from stream.observe import Observer
from stream.records.log import ExperimentChange, Message, Settlement, Step, Verdict, decode_message, encode_message
from stream.records.schemas import METRICS, UNLEARNED, Experiment, Guard, Variant
from stream.state.users import number
from stream.worker.intake import Intake
from tests.support.site import PURCHASE, Site, T, did, steps

ITEMS = "abcdefghijklmnop"
RULES = "exclude = [{ items = [{ field = 'item', op = 'in', value = ['a', 'b', 'c', 'd'] }] }]"


def two(name: str = "x", **fields: Any) -> Experiment:
    control, bold = Variant(name="control", share=0.5), Variant(name="bold", share=0.5)
    if "bold" in fields:
        bold = Variant(name="bold", share=0.5, **fields.pop("bold"))
    return Experiment(name=name, variants=[control, bold], **({"starts_at": T} | fields))


def site(experiment: Experiment | None = None) -> Site:
    found = Site(ITEMS, policy=Policy(name="sarsa"))
    if experiment is not None:
        found.take(ExperimentChange(experiment.name, experiment))
    return found


def visits(found: Site, events: int, seed: int = 1, users: int = 40) -> list[Step]:
    """Users look at things, most often at what they are shown first."""
    rng, told = np.random.default_rng(seed), list[Step]()
    for n in range(events):
        user = f"u{rng.integers(users)}"
        known = found.shard.users.get(user)
        slate = known.open.slate if known is not None and known.open is not None else list(ITEMS)
        item = slate[min(rng.geometric(0.5) - 1, len(slate) - 1)] if rng.random() < 0.7 else rng.choice(list(ITEMS))
        told += steps(found.take(did(user, str(item), T + 10.0 * n, int(rng.integers(3)), event_id=f"{seed}-{n}")))
    return told


def test_slates_are_made_by_the_users_variant_and_say_so() -> None:
    experiment = two(bold={"settings": {"policy": {"name": "ranked"}}})
    found = visits(site(experiment), 300)
    policies = {"control": "sarsa", "bold": "ranked"}
    for step in found:
        if step.event is None:
            continue
        variant = variant_of(experiment, step.user_id, step.event.time)
        assert step.decision is not None
        assert (step.decision.experiment, step.decision.variant) == ("x", variant)
        assert step.decision.policy == policies[variant]
        if step.settled is not None:
            assert (step.settled.experiment, step.settled.variant) == ("x", variant)
    assert {step.decision.variant for step in found if step.decision} == {"control", "bold"}


def test_each_policy_learns_from_its_own_slates_only() -> None:
    found = site(two(bold={"settings": {"policy": {"name": "q_learning"}}}))
    told = visits(found, 300)
    settled = Counter(s.settled.variant for s in told if s.settled and s.settled.outcome not in UNLEARNED)
    steps = {name: setup.policy.state()["steps"][0] for name, setup in found.model.variants.treatments.items()}
    assert steps == {"control": settled["control"], "bold": settled["bold"]}
    assert found.model.policy is found.model.variants.treatments["control"].policy


def test_rules_and_weights_of_a_variant_hold_for_its_users_alone() -> None:
    found = site(two(bold={"rules": RULES, "settings": {"ranking": {"next_weight": 0.0, "purchase_weight": 3.0}}}))
    told = visits(found, 200)
    shown = {name: Counter[str]() for name in ("control", "bold")}
    for step in told:
        if step.decision is not None:
            shown[step.decision.variant].update(step.decision.slate)
    assert set("abcd") <= set(shown["control"])
    assert not set("abcd") & set(shown["bold"])
    assert found.model.variants.treatments["bold"].ranker.weights == (0.0, 0.0, 3.0)


def test_no_experiment_changes_nothing_and_an_ended_one_nothing_more() -> None:
    plain, ended = site(), site(two(starts_at=T + 9e9))
    plain.take(ExperimentChange("another", None))
    assert [step.decision.slate for step in visits(plain, 60) if step.decision] == [
        step.decision.slate for step in visits(ended, 60) if step.decision
    ]
    ended.take(ExperimentChange("another", None))
    assert ended.model.tally.running
    ended.take(ExperimentChange("x", None))
    assert ended.model.variants.experiment is None
    assert not ended.model.tally.running


def counted(told: list[Step], variant: str) -> dict[str, float]:
    """The tally in other words: over all settled decisions of a variant."""
    pairs = [(s.settled, s.event) for s in told if s.settled and s.settled.outcome not in UNLEARNED]
    own = [(settled, event) for settled, event in pairs if settled.variant == variant]
    bought = [e for settled, e in own if settled.hit >= 0 and e is not None and e.kind == PURCHASE]
    return {
        "decisions": len(own), "reward": sum(settled.reward for settled, _ in own),
        "hits": sum(settled.hit >= 0 for settled, _ in own), "purchases": len(bought),
    }  # fmt: skip


def test_the_tally_is_what_became_of_the_decisions() -> None:
    found = site(two(holdout=0.2, bold={"settings": {"policy": {"epsilon": 0.9, "epsilon_floor": 0.9}}}))
    told = visits(found, 400)
    tally = found.model.tally
    assert tally.groups == ("control", "bold", "holdout")
    for n, name in enumerate(tally.groups):
        sums = dict(zip((*METRICS, "decisions"), tally.sums[n].sum(axis=1).tolist(), strict=True))
        expected = counted(told, name)
        assert {key: sums[key] for key in expected} == expected
        assert tally.users[n] == len({s.user_id for s in told if s.decision and s.decision.variant == name})
        cluster = number(told[0].user_id) % CLUSTERS
        assert sums["decisions"] >= tally.sums[n][-1, cluster]


def test_revenue_is_the_price_of_what_was_bought_from_the_slate() -> None:
    found = site(two())
    first = found.step(did("u", "a", T))
    assert first.decision is not None
    bought = did("u", first.decision.slate[1], T + 5.0, PURCHASE)
    found.take(bought._replace(event=msgspec.structs.replace(bought.event, price=7.5)))
    tally = found.model.tally
    group = tally.groups.index(first.decision.variant)
    assert tally.sums[group].sum(axis=1).tolist() == [10.0, 1.0, 1.0, 7.5, 1.0]


def test_a_user_is_counted_once_and_again_only_by_another_experiment() -> None:
    found = site(two())
    visits(found, 200, users=20)
    assert found.model.tally.users.sum() == 20
    found.take(ExperimentChange("y", two("y")))
    assert found.model.tally.users.sum() == 0
    visits(found, 200, seed=2, users=20)
    assert found.model.tally.users.sum() == 20


class Stopped(Observer):
    """Remembers what guards did."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def stopped(self, variant: str, metric: str) -> None:
        self.found.append((variant, metric))


def _outcome(rng: np.random.Generator, n: int, variant: str, rate: float) -> Step:
    hit = bool(rng.random() < rate)
    settled = Settlement(
        f"d{n}", "hit" if hit else "miss", 0 if hit else -1, float(hit), 0.0, T, T + 1, "sarsa", 0,
        ["a"], b"\0", b"", b"", b"", "x", variant,
    )  # fmt: skip
    return Step(f"{variant}{rng.integers(2_000)}", None, [], 0, settled, None, None)


def test_a_guard_stops_a_variant_that_is_credibly_worse_and_no_other() -> None:
    rng, tally, stopped = np.random.default_rng(3), Tally(), list[tuple[str, str]]()
    three = Experiment(
        name="x", starts_at=T, guards=[Guard(metric="hits", allowed=0.05)],
        variants=[Variant(name=name, share=0.3) for name in ("control", "same", "worse")],
    )  # fmt: skip
    tally.learn_one(ExperimentChange("x", three))
    for n in range(40 * LOOK_EVERY):
        variant = ("control", "same", "worse")[n % 3]
        answer = tally.learn_one(_outcome(rng, n, variant, 0.2 if variant == "worse" else 0.4))
        stopped += [answer] if answer else []
    assert stopped == [("worse", "hits")]
    assert tally.lift("worse", "hits").high < -0.05
    assert tally.lift("same", "hits").low < 0.0 < tally.lift("same", "hits").high


def test_users_of_a_stopped_variant_get_the_configured_slates() -> None:
    found = site(two(bold={"settings": {"policy": {"name": "ranked"}}}))
    visits(found, 100)
    found.model.tally.stopped["bold"] = "hits"
    found.model.variants.stop("bold")
    later = [step.decision for step in visits(found, 100, seed=2) if step.decision]
    assert {(decision.variant, decision.policy) for decision in later} == {("control", "sarsa"), ("", "sarsa")}
    resumed = Model(found.config)
    resumed.restore(ModelCopy.decode(found.model.copy().encode()))
    assert set(resumed.variants.treatments) == {"control"}


def test_an_apprentice_looks_on_and_learns_but_shows_nothing() -> None:
    alone, watched = site(two()), site(two(shadow={"policy": {"name": "q_learning", "epsilon": 0.5}}))
    shown = [[step.decision.slate for step in visits(each, 200) if step.decision] for each in (alone, watched)]
    assert shown[0] == shown[1]
    told = [step for step in visits(watched, 100, seed=2) if step.settled and step.settled.shadow]
    assert len(told) > 50
    assert any(step.settled and step.settled.shadow != step.settled.slate for step in told)
    shadow = watched.model.variants.shadow
    assert shadow is not None
    seen = watched.model.tally.shadow
    assert shadow.state()["steps"][0] == seen.decisions > 70
    assert 0 < seen.same_slots < seen.slots
    assert 0 < seen.same_hits <= seen.hits


@pytest.mark.parametrize("at", [1, 150, 299])
def test_a_model_restored_in_the_middle_learns_on_to_the_same(at: int) -> None:
    whole = site(two(holdout=0.1, shadow={"policy": {"name": "sarsa"}}, bold={"rules": RULES}))
    visits(whole, at)
    heir = Model(whole.config)
    heir.restore(ModelCopy.decode(whole.model.copy().encode()))
    assert heir.fingerprint() == whole.model.fingerprint()
    engine, fold = Engine(whole.config, heir), whole.fold

    def both(message: Message) -> Verdict:
        sent = decode_message(encode_message(message), heir.offset)
        assert heir.fold(sent, heir.offset) == "accepted"
        return fold(message)

    whole.fold = both  # type: ignore[method-assign]
    visits(whole, 60, seed=5)
    assert heir.fingerprint() == whole.model.fingerprint()
    for user_id, user in whole.shard.users.items():
        slates = [each.draw([SlateRequest(user_id, user, T + 4e3, "same")])[0].slate for each in (engine, whole.engine)]
        assert slates[0].items.tolist() == slates[1].items.tolist()


def test_an_experiment_that_gives_way_leaves_nothing() -> None:
    found = site(two(shadow={"policy": {"name": "q_learning"}}, holdout=0.1))
    found.take(ExperimentChange("y", two("y")))
    assert set(found.model.variants.policies()) == {"variant bold"}
    Model(found.config).restore(ModelCopy.decode(found.model.copy().encode()))


def test_what_workers_cannot_run_becomes_a_dead_letter() -> None:
    class Record:
        key, offset, shard, timestamp, topic = b"x", 0, 0, 0, "experiments"
        value = b'{"name": "x", "starts_at": 0, "variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.9}]}'

    intake = Intake(Config(slate=Slate(slots=5)), Observer())
    found = intake._decode(intake.topics["experiments"], Record(), T)
    assert getattr(found, "reason", None) == "out_of_range"
    assert "must sum to at most 1; got 1.4" in getattr(found, "detail", "")
