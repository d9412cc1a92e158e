"""The tally of an experiment: users, sums, revenue, guards, the shadow's counts."""

import msgspec
import numpy as np

from stream.experiments.results import CHECK_EVERY, CLUSTERS, Tally
from stream.records.log import ExperimentChange, Settlement, Step
from stream.records.schemas import METRICS, UNLEARNED, Experiment, Guard, Variant
from stream.state.users import number
from tests.support.site import PURCHASE, T, did
from tests.support.trial import site, two, visits


def counted(told: list[Step], variant: str) -> dict[str, float]:
    """The tally in other words: over all settled decisions of a variant."""
    pairs = [(s.settled, s.event) for s in told if s.settled and s.settled.outcome not in UNLEARNED]
    own = [(settled, event) for settled, event in pairs if settled.variant == variant]
    bought = [e for settled, e in own if settled.hit >= 0 and e is not None and e.kind == PURCHASE]
    return {
        "decisions": len(own), "reward": sum(settled.reward for settled, _ in own),
        "hits": sum(settled.hit >= 0 for settled, _ in own), "purchases": len(bought),
    }  # fmt: skip


def test_sums_are_those_of_the_settled_decisions() -> None:
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


def test_revenue_is_the_price_of_purchases_from_the_slate() -> None:
    found = site(two())
    first = found.step(did("u", "a", T))
    assert first.decision is not None
    bought = did("u", first.decision.slate[1], T + 5.0, PURCHASE)
    found.take(bought._replace(event=msgspec.structs.replace(bought.event, price=7.5)))
    tally = found.model.tally
    group = tally.groups.index(first.decision.variant)
    assert tally.sums[group].sum(axis=1).tolist() == [10.0, 1.0, 1.0, 7.5, 1.0]


def test_a_user_is_counted_once_per_experiment() -> None:
    found = site(two())
    visits(found, 200, users=20)
    assert found.model.tally.users.sum() == 20
    found.take(ExperimentChange("y", two("y")))
    assert found.model.tally.users.sum() == 0
    visits(found, 200, seed=2, users=20)
    assert found.model.tally.users.sum() == 20


def _outcome(rng: np.random.Generator, n: int, variant: str, rate: float) -> Step:
    hit = bool(rng.random() < rate)
    settled = Settlement(
        f"d{n}", "hit" if hit else "miss", 0 if hit else -1, float(hit), 0.0, T, T + 1, "sarsa", 0,
        ["a"], b"\0", b"", b"", b"", "x", variant,
    )  # fmt: skip
    return Step.without_event(f"{variant}{rng.integers(2_000)}", settled=settled)


def test_a_guard_stops_a_variant_that_is_credibly_worse_and_no_other() -> None:
    rng, tally, stopped = np.random.default_rng(3), Tally(), list[tuple[str, str]]()
    three = Experiment(
        name="x", starts_at=T, guards=[Guard(metric="hits", allowed=0.05)],
        variants=[Variant(name=name, share=0.3) for name in ("control", "same", "worse")],
    )  # fmt: skip
    tally.learn_one(ExperimentChange("x", three))
    for n in range(40 * CHECK_EVERY):
        variant = ("control", "same", "worse")[n % 3]
        answer = tally.learn_one(_outcome(rng, n, variant, 0.2 if variant == "worse" else 0.4))
        stopped += [answer] if answer else []
    assert stopped == [("worse", "hits")]
    assert tally.lift("worse", "hits").high < -0.05
    assert tally.lift("same", "hits").low < 0.0 < tally.lift("same", "hits").high
