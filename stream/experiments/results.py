"""Results of an experiment's variants: sums in the fold of the log, with intervals that hold at any time.

Part of the shared model, so every worker stops a variant at the same record; and `headwater experiment status` folds
the same tally from the newest snapshot and the log behind it, without the rest of the model.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits.always_valid import Difference, Ratio, lift, sample_ratio_evidence
from learners import PURCHASE
from stream.experiments.definition import HOLDOUT, decoded, encoded, groups
from stream.records.log import ExperimentChange, LoggedEvent, Record, Settlement, Step
from stream.records.schemas import METRICS, UNLEARNED, Experiment, Metric
from stream.state.users import number

CLUSTERS = 1024  # groups of users by hash, whose sums the intervals are computed from
CHECK_EVERY = 256  # settled decisions between two checks of the guards
MAX_SUM = 1e30  # of a cluster; no sum of amounts within `MAX_PRICE` gets there
DECISIONS = len(METRICS)  # row of the number of decisions, behind those of the metrics


class ShadowCounts(NamedTuple):
    """How a shadow policy compares with the slates that were shown."""

    decisions: int
    slots: int
    same_slots: int  # where the shadow's slate has the same item
    hits: int  # of the slate that was shown
    same_hits: int  # of these, on items of the shadow's slate too
    own_hits: int  # items taken that only the shadow's slate has


class Tally:
    """Sums of the newest experiment, running or ended.

    Attributes
    ----------
    experiment : None before the first
    running : whether it takes decisions
    stopped : by name, variants that a guard has stopped, and the guard's metric
    """

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, experiment: Experiment | None) -> None:
        self.experiment, self.running = experiment, experiment is not None
        self.groups = () if experiment is None else groups(experiment)
        self.stopped: dict[str, Metric] = {}
        self.users = np.zeros(len(self.groups), np.int64)
        self.sums = np.zeros((len(self.groups), DECISIONS + 1, CLUSTERS))
        self._shadow = np.zeros(len(ShadowCounts._fields), np.int64)
        self._settled = 0

    @property
    def current(self) -> Experiment | None:
        """The experiment that runs."""
        return self.experiment if self.running else None

    def learn_one(self, record: Record) -> tuple[str, Metric] | None:
        """Take one record of an accepted message; the variant that a guard stops, and the guard's metric.

        1. an experiment begins, or ends
        2. a user is counted in a variant
        3. a decision of a variant is settled
        4. what was bought from a slate of a variant comes back
        """
        if isinstance(record, ExperimentChange):  # 1
            if record.experiment is not None:
                self._begin(record.experiment)
            elif self.experiment is not None and record.name == self.experiment.name:
                self.running = False
            return None
        if not isinstance(record, Step) or self.experiment is None:
            return None
        decision, settled = record.made(), record.settled
        if decision is not None and decision.enrols and self._group(decision.experiment, decision.variant) >= 0:  # 2
            self.users[self._group(decision.experiment, decision.variant)] += 1
        if record.event is not None and record.event.returned:  # 4
            self._take_back(record, record.event)
        if settled is not None and settled.outcome not in UNLEARNED:  # 3
            return self._take(record, settled)
        return None

    def _take(self, step: Step, settled: Settlement) -> tuple[str, Metric] | None:
        event = step.event
        if settled.shadow:
            self._compare(settled, None if event is None else event.item_id)
        group = self._group(settled.experiment, settled.variant)
        if group < 0:
            return None
        sums, cluster, hit = self.sums[group], number(step.user_id) % CLUSTERS, settled.hit >= 0
        sums[DECISIONS, cluster] += 1.0
        sums[0, cluster] += settled.reward
        sums[1, cluster] += hit
        if hit and event is not None and event.kind == PURCHASE:
            sums[2, cluster] += 1.0
            sums[3, cluster] += event.revenue
        self._settled += 1
        return self._guard() if self._settled % CHECK_EVERY == 0 else None

    def _take_back(self, step: Step, event: LoggedEvent) -> None:
        group = self._group(step.traits.get("experiment", ""), step.traits.get("variant", ""))
        if group >= 0:
            self.sums[group][3, number(step.user_id) % CLUSTERS] += event.revenue

    def _compare(self, settled: Settlement, taken: str | None) -> None:
        hit, own = settled.hit >= 0, taken in settled.shadow
        same = sum(a == b for a, b in zip(settled.slate, settled.shadow, strict=False))
        self._shadow += (1, len(settled.slate), same, hit, hit and own, own and not hit)

    def _group(self, experiment: str, variant: str) -> int:
        mine = self.experiment is not None and experiment == self.experiment.name and variant in self.groups
        return self.groups.index(variant) if mine else -1

    def _guard(self) -> tuple[str, Metric] | None:
        """The first variant that is credibly worse than a guard allows."""
        experiment = self.current
        for guard in [] if experiment is None else experiment.guards:
            for name in self.groups[1:]:
                if name not in (HOLDOUT, *self.stopped) and self.lift(name, guard.metric).high < -guard.allowed:
                    self.stopped[name] = guard.metric
                    return name, guard.metric
        return None

    def ratio(self, name: str, metric: Metric) -> Ratio:
        """Mean of a metric a decision, and its variance."""
        sums = self.sums[self.groups.index(name)]
        return Ratio.of(sums[METRICS.index(metric)], sums[DECISIONS])

    def lift(self, name: str, metric: Metric) -> Difference:
        """Relative lift of a variant over the control, with an interval that holds at all times.

        The level is shared by the variants (Bonferroni), so that it holds for all of them at once.
        """
        if self.experiment is None:
            raise ValueError("there is no experiment")
        level = 1.0 - (1.0 - self.experiment.level) / (len(self.groups) - 1)
        return lift(self.ratio(name, metric), self.ratio(self.groups[0], metric), self.experiment.effect, level)

    def lost_users(self) -> float:
        """Natural log of the evidence that users are not split as planned (see `sample_ratio_evidence`).

        Only of variants that still make slates; the holdout does not ramp up, so it is left out.
        """
        if self.experiment is None:
            return 0.0
        counted = [variant for variant in self.experiment.variants if variant.name not in self.stopped]
        if len(counted) < 2:
            return 0.0
        users = [int(self.users[self.groups.index(variant.name)]) for variant in counted]
        return sample_ratio_evidence(users, [variant.share for variant in counted])

    @property
    def shadow(self) -> ShadowCounts:
        """The counts of the shadow policy so far."""
        return ShadowCounts(*self._shadow.tolist())

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays that are the whole state, in a fixed order."""
        return {
            "experiment": encoded(self.experiment), "running": np.array([self.running]),
            "stopped": np.frombuffer(msgspec.json.encode(self.stopped, order="sorted"), np.uint8),
            # Stored snapshots have the shadow policy's counts under "apprentice".
            "users": self.users, "sums": self.sums, "apprentice": self._shadow,
            "settled": np.array([self._settled], np.int64),
        }  # fmt: skip

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a copy of it."""
        self._begin(decoded(saved["experiment"]))
        self.running = bool(saved["running"][0])
        self.stopped = msgspec.json.decode(saved["stopped"].tobytes(), type=dict[str, Metric])
        self.users[...], self._shadow[...] = saved["users"], saved["apprentice"]
        # Amounts had no bound once: a sum that has become infinite starts again, for it could never be used.
        self.sums[...] = np.where(np.abs(saved["sums"]) < MAX_SUM, saved["sums"], 0.0)
        self._settled = int(saved["settled"][0])
