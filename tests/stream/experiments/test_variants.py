"""Variants in the engine and the fold: whose slates they make, and what their policies learn."""

from collections import Counter

import pytest

from stream.config import Config, Placement, Policy, Slate
from stream.decisions.engine import Engine
from stream.decisions.slates import SlateRequest
from stream.experiments.definition import variant_of
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import ExperimentChange, Message, decode_message, encode_message
from stream.records.schemas import UNLEARNED
from stream.worker.intake import Intake
from tests.support.site import Site, T
from tests.support.trial import ITEMS, site, two, visits

RULES = "exclude = [{ items = [{ field = 'item', op = 'in', value = ['a', 'b', 'c', 'd'] }] }]"


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


def test_an_experiment_at_a_placement_leaves_home_as_it_is_and_the_control_is_the_placements_own() -> None:
    placements = {"cart": Placement(slots=3, push=True, policy="sarsa")}
    found = Site(ITEMS, policy=Policy(name="ranked"), placements=placements)
    experiment = two(placement="cart", bold={"settings": {"policy": {"name": "q_learning"}}})
    found.take(ExperimentChange("x", experiment))
    told = visits(found, 200)
    made = [step.decision for step in told if step.decision is not None]
    assert {(each.placement, each.variant, each.policy) for each in made} == {
        ("", "", "ranked"), ("cart", "control", "sarsa"), ("cart", "bold", "q_learning")
    }  # fmt: skip
    variants = found.model.variants
    assert variants.treatments["control"].policy is variants.at("cart").policy
    assert found.model.tally.users.sum() == len({step.user_id for step in told if step.decision is not None})
    again = Model(found.config)
    again.restore(ModelCopy.decode(found.model.copy().encode()))
    assert again.fingerprint() == found.model.fingerprint()


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


def test_a_shadow_policy_learns_and_is_logged_but_not_shown() -> None:
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
        slates = [each.draw([SlateRequest(user_id, user, T + 4e3, "same")])[0] for each in (engine, whole.engine)]
        assert slates[0].items.tolist() == slates[1].items.tolist()


def test_a_replaced_experiment_leaves_nothing() -> None:
    found = site(two(shadow={"policy": {"name": "q_learning"}}, holdout=0.1))
    found.take(ExperimentChange("y", two("y")))
    assert set(found.model.variants.policies()) == {"variant bold"}
    Model(found.config).restore(ModelCopy.decode(found.model.copy().encode()))


def test_an_experiment_that_workers_cannot_run_becomes_a_dead_letter() -> None:
    class Record:
        key, offset, shard, timestamp, topic = b"x", 0, 0, 0, "experiments"
        value = (
            b'{"name": "x", "starts_at": 1e9, "variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.9}]}'
        )

    intake = Intake(Config(slate=Slate(slots=5)), Observer())
    found = intake._decode(intake.topics["experiments"], Record(), T)
    assert getattr(found, "reason", None) == "out_of_range"
    assert "must sum to at most 1; got 1.4" in getattr(found, "detail", "")
