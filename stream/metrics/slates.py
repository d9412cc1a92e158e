"""Metrics of the slates that a worker draws."""

import time
from collections import Counter as Tally

import numpy as np

from stream.metrics.declare import Declare
from stream.observe import NEW_EVENTS, Mix
from stream.records.log import Decision

SHOWN_S = 1800.0
PROPENSITY_BOUNDS = np.array([0.001, 0.01, 0.1, 0.5, 0.9])
PROPENSITY_RANGES = ("below 0.001", "0.001 to 0.01", "0.01 to 0.1", "0.1 to 0.5", "0.5 to 0.9", "above 0.9")
LIKELY = 0.5  # a slot of a lower propensity was explored
COUNTED_AT_ONCE = 200  # decisions


class SlateMetrics:
    """Sources, propensities and variety of slates; decisions are counted in groups, which costs a fifth."""

    def __init__(self, declare: Declare) -> None:
        self._slots = declare.counter("slots", "slots filled", "source")
        self._opened = declare.counter("decisions_opened", "slates drawn")
        by_propensity = declare.counter("slots_by_propensity", "slots by the probability of their item", "range")
        self._propensities = [by_propensity.labels(text) for text in PROPENSITY_RANGES]
        self._categories = declare.counter("slate_categories", "distinct categories, summed over slates")
        self._new_slots = declare.counter("slots_new", f"slots with items first seen in the last {NEW_EVENTS:,} events")
        self._explored = declare.counter("slots_explored", "slots that showed an item less likely than not")
        self._exploration = declare.gauge("exploration_ratio", "share of slots that explore now")
        self._items_shown = declare.gauge(
            "items_shown", "distinct items shown by this worker in the last 30 to 60 minutes"
        )
        self._shown: tuple[set[str], set[str]] = set(), set()  # items: of the last half hour or less, of the one before
        self._shown_since = time.monotonic()
        self._decided: list[tuple[Decision, Mix]] = []  # not counted yet

    def name_lists(self, names: dict[int, str]) -> None:
        """Fix the values of the label `source`."""
        self._by_list = {n: self._slots.labels(name) for n, name in names.items()}

    def decided(self, decision: Decision, mix: Mix) -> None:
        """A slate was drawn."""
        self._decided.append((decision, mix))
        if len(self._decided) == COUNTED_AT_ONCE:
            self.count()

    def count(self) -> None:
        """Count the decisions since the last call."""
        decided, self._decided = self._decided, []
        if decided:
            self._opened.inc(len(decided))
            self._show([item for decision, _ in decided for item in decision.slate])
            self._categories.inc(sum(mix.categories for _, mix in decided))
            self._new_slots.inc(sum(mix.new for _, mix in decided))
            self._count_propensities(b"".join(decision.propensities for decision, _ in decided))
            self._exploration.set(decided[-1][0].epsilon)
            for source, slots in Tally(b"".join(decision.sources for decision, _ in decided)).items():
                self._by_list[source].inc(slots)
        self._items_shown.set(len(self._shown[0] | self._shown[1]))

    def _count_propensities(self, packed: bytes) -> None:
        propensities = np.frombuffer(packed, np.float32)
        places = np.bincount(
            np.searchsorted(PROPENSITY_BOUNDS, propensities, "right"), minlength=len(PROPENSITY_RANGES)
        )
        for counter, slots in zip(self._propensities, places.tolist(), strict=True):
            counter.inc(slots)
        self._explored.inc(int(np.count_nonzero(propensities < LIKELY)))

    def _show(self, items: list[str]) -> None:
        now = time.monotonic()
        if now > self._shown_since + SHOWN_S:
            self._shown, self._shown_since = (set(), self._shown[0]), now
        self._shown[0].update(items)
