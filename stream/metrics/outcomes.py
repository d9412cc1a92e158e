"""Metrics of settled decisions: hits, rewards, purchases, and the same by variant of an experiment."""

from collections.abc import Iterable
from typing import get_args

import numpy as np

from bandits import EXHAUSTED, OTHER
from stream.metrics.declare import Declare
from stream.placements import name_of
from stream.records.log import LoggedEvent, Settlement
from stream.records.schemas import HOME, KINDS, UNLEARNED, OutcomeType

LIST_AGE_BUCKETS_S = (1, 5, 15, 60, 120, 300, 600, 1800, 3600, 86_400)


class OutcomeMetrics:
    """Outcomes, and an estimate of what drawing sources at random would have earned."""

    def __init__(self, declare: Declare, placements: Iterable[str] = ()) -> None:
        settled = declare.counter("decisions_settled", "slates whose outcome is known", "outcome")
        self._settled = {outcome: settled.labels(outcome) for outcome in get_args(OutcomeType)}
        self._hits = declare.counter("hits", "slots whose item the user took next", "source")
        self._reward = declare.counter("reward", "reward of settled decisions")
        self._uniform = declare.counter(
            "uniform_reward",
            "reward that drawing every slot's source at random would have brought, estimated slot by slot "
            "(item-position model); compare headwater_reward",
        )
        hits_by_type = declare.counter(
            "hits_by_type", "slates answered with a view, click or purchase of one of their items", "type"
        )
        self._hits_by_type = [hits_by_type.labels(kind) for kind in KINDS]
        self._revenue = declare.counter(
            "revenue", "price x quantity of purchases from a slate, in the shop's own currency"
        )
        self._returned = declare.counter(
            "returned_revenue", "what came back of headwater_revenue, by purchases that were returned"
        )
        self._returns = declare.counter("returns", "purchases with a negative price or quantity: returned")
        self._hit_ratio = declare.running_mean(
            "prequential_hit_ratio", "running share of home's settled slates with a hit"
        )
        self._list_age = declare.histogram(
            "list_age_seconds", "event time from a slate to the event that answered it", LIST_AGE_BUCKETS_S
        )
        self._placed = declare.counter(
            "placement_decisions_settled", "slates of a placement whose outcome is known", "placement", "outcome"
        )
        self._placed_reward = declare.counter("placement_reward", "reward of a placement", "placement")
        for placement in (HOME, *placements):
            for outcome in get_args(OutcomeType):
                self._placed.labels(placement, outcome)
            self._placed_reward.labels(placement)
        trial = ("experiment", "variant")
        self._trial_settled = declare.counter("experiment_decisions_settled", "settled decisions of a variant", *trial)
        self._trial_hits = declare.counter("experiment_hits", "hits of a variant", *trial)
        self._trial_reward = declare.counter("experiment_reward", "reward of a variant", *trial)
        self._trial_stops = declare.counter(
            "experiment_stops", "variants that a guard has stopped", "variant", "metric"
        )

    def name_lists(self, names: dict[int, str]) -> None:
        """Fix the values of the label `source`."""
        self._by_list = {n: self._hits.labels(name) for n, name in names.items()}

    def settled(self, settlement: Settlement, event: LoggedEvent | None) -> None:
        """A decision was settled, by an event or by silence."""
        self._settled[settlement.outcome].inc()
        placement = name_of(settlement.placement)
        self._placed.labels(placement, settlement.outcome).inc()
        if settlement.outcome in UNLEARNED:
            return
        self._placed_reward.labels(placement).inc(settlement.reward)
        if settlement.outcome != "silent":
            self._list_age.observe(max(0.0, settlement.settled_at - settlement.decided_at))
        hit = settlement.outcome == "hit"
        if placement == HOME:  # others have other rates
            self._hit_ratio.add([float(hit)])
        if hit:
            self._count_hit(settlement, event)
        if settlement.variant:
            of = settlement.experiment, settlement.variant
            self._trial_settled.labels(*of).inc()
            self._trial_hits.labels(*of).inc(hit)
            self._trial_reward.labels(*of).inc(settlement.reward)

    def _count_hit(self, settlement: Settlement, event: LoggedEvent | None) -> None:
        self._reward.inc(settlement.reward)
        self._uniform.inc(settlement.reward * uniform_weight(settlement))
        self._by_list[settlement.sources[settlement.hit]].inc()
        if event is not None:
            self._hits_by_type[event.kind].inc()
            self._revenue.inc(event.revenue)

    def returned(self, event: LoggedEvent) -> None:
        """A purchase came back."""
        self._returns.inc()
        self._returned.inc(-event.revenue)

    def stopped(self, variant: str, metric: str) -> None:
        """A guard has stopped a variant."""
        self._trial_stops.labels(variant, metric).inc()


def uniform_weight(settlement: Settlement) -> float:
    """Importance weight of the hit item for a policy that draws each slot's source at random.

    Given the items above as they were shown: the item-position model (Li et al.: Offline evaluation of ranking policies
    with click models. KDD 2018).
    """
    slots = len(settlement.sources)
    ranks = np.frombuffer(settlement.offered_ranks, np.uint8).reshape(slots, -1)[settlement.hit]
    offering, alive = np.count_nonzero(ranks < OTHER), np.count_nonzero(ranks != EXHAUSTED)
    propensity = float(np.frombuffer(settlement.propensities, np.float32)[settlement.hit])
    return float(offering / alive / propensity) if alive and propensity > 0.0 else 1.0
