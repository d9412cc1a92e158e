"""Simulated shoppers served by policies alone, by the whole engine in process, or by workers behind Kafka.

The shoppers are those of `bandits.worlds.shop`. Policies alone choose among the shop's own eight sources, thousands of
decisions a second. The engine and the workers get events and a catalogue, as of any user, but no tastes or intents; the
shoppers read the slates and answer with events.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits.worlds import REFERENCES, Setting, Shop, Tastes, Trial, run
from bandits.worlds.shop import SESSIONS
from bandits.worlds.trials import SLOTS, make
from stream.config import Config
from stream.decisions.local import LocalWorker
from stream.experiments.results import Tally
from stream.records.log import ExperimentChange, ItemChange
from stream.records.schemas import KINDS, Event, EventType, Experiment, Item

START = 1.7e9  # event time of the first decision in process, unix seconds
STEP_S = 1.0  # of event time between two decisions
WINDOWS = 40  # of a curve
BASE = "ranked"

Floats = NDArray[Any]


class Served(Protocol):
    """A system under test: it returns slates and takes events."""

    def describe(self, item: Item) -> None:
        """Take a new item."""
        ...

    def slate(self, user_id: str) -> list[str]:
        """Return the user's current slate; empty for an unknown user."""
        ...

    def take(self, kind: EventType, event: Event) -> None:
        """Take an event of a user."""
        ...


class InProcess:
    """The engine and the fold, without Kafka."""

    def __init__(self, config: Config) -> None:
        self.worker = LocalWorker.of(config)

    def describe(self, item: Item) -> None:
        """Add an item to the catalogue."""
        self.worker.take(ItemChange(item.item_id, item))

    def run(self, change: ExperimentChange) -> None:
        """Begin or end an experiment."""
        self.worker.take(change)

    def slate(self, user_id: str) -> list[str]:
        """Return the slate of the open decision."""
        user = self.worker.shard.users.get(user_id)
        return [] if user is None or user.open is None else user.open.slate

    def take(self, kind: EventType, event: Event) -> None:
        """Decide and learn from one event."""
        self.worker.take(self.worker.arrival(kind, event))


def serve(
    shop: Shop, served: Served, seed: str, clock: Callable[[int], float], progress: Callable[[], None] = lambda: None
) -> Trial:
    """Simulate shoppers who look at slates and answer with events.

    Parameters
    ----------
    seed : part of the users' and events' ids
    clock : returns the event time of decision n, unix seconds; may wait
    """
    decisions, items = shop.decisions, len(shop.facts.category)
    found = Trial.empty(decisions)
    arrivals, visits = _arrivals(shop), [0] * SESSIONS
    for n in range(decisions):
        while arrivals and arrivals[-1][0] <= n:
            served.describe(_item(shop, arrivals.pop()[1]))
        shop.offer()
        now, session = clock(n), shop.session
        user_id, visit = f"{seed}-{shop.facts.user[session]}", f"{seed}-{session}-{visits[session]}"
        slate = _numbers(served.slate(user_id), items)
        found.expected[n] = shop.expected(slate)
        found.best[n] = shop.expected(shop.best(np.flatnonzero(shop.facts.born <= n).astype(np.int32), SLOTS))
        answer = shop.answer(slate)
        visits[session] += answer.ended
        found.note(n, answer)
        if answer.item >= 0:
            event = Event(
                event_id=f"{seed}-{n}", user_id=user_id, item_id=f"item-{answer.item}", timestamp=now, session_id=visit
            )
            served.take(KINDS[answer.kind], event)
        progress()
    return found


def _arrivals(shop: Shop) -> list[tuple[float, int]]:
    """Items and when they arrive, the first at the end."""
    return sorted(((float(born), item) for item, born in enumerate(shop.facts.born)), reverse=True)


def _item(shop: Shop, item: int) -> Item:
    facts = shop.facts
    return Item(
        item_id=f"item-{item}", title=f"Item {item}", tags=[f"sub-{facts.sub[item]}"],
        categories=[f"category-{facts.category[item]}"],
    )  # fmt: skip


def _numbers(slate: Sequence[str], items: int) -> NDArray[np.int32]:
    numbers = (int(item.removeprefix("item-")) for item in slate[:SLOTS] if item.startswith("item-"))
    return np.array([number for number in numbers if number < items], np.int32)


class Run(NamedTuple):
    """One policy in one shop."""

    policy: str
    seed: int
    trial: Trial


def runs(
    setting: Setting,
    policies: Sequence[str],
    seeds: int,
    decisions: int,
    seed: str,
    tastes: Tastes | None = None,
    discount: float = 0.0,
) -> Iterator[Run]:
    """Run policies alone, and references, in shops that differ by their seed."""
    for name in policies:
        for n in range(seeds):
            policy = name if name in REFERENCES else make(name)
            yield Run(name, n, run(setting, policy, f"{seed}/{n}", decisions, tastes, discount))


def engine_runs(
    setting: Setting, policies: Sequence[str], seeds: int, decisions: int, config: Config, tastes: Tastes | None = None
) -> Iterator[Run]:
    """Run the whole engine with each policy."""
    for name in policies:
        policy = msgspec.structs.replace(config.policy, name=name)
        slate = msgspec.structs.replace(config.slate, slots=SLOTS)
        with_policy = msgspec.structs.replace(config, policy=policy, slate=slate)
        for n in range(seeds):
            seed = f"{config.policy.seed}/{n}"
            shop = Shop(setting, seed, decisions, tastes)
            trial = serve(shop, InProcess(with_policy), f"shopper-{n}", lambda step: START + STEP_S * step)
            yield Run(name, n, trial)


def trial_of(
    setting: Setting, experiment: Experiment, decisions: int, config: Config, tastes: Tastes | None = None
) -> Tally:
    """Run an experiment on simulated shoppers: the engine serves each by the variant of the user."""
    with_slots = msgspec.structs.replace(config, slate=msgspec.structs.replace(config.slate, slots=SLOTS))
    served = InProcess(with_slots)
    served.run(ExperimentChange(experiment.name, experiment))
    shop = Shop(setting, f"{config.policy.seed}/0", decisions, tastes)
    serve(shop, served, "shopper", lambda step: START + STEP_S * step)
    return served.worker.model.tally


def paced(rate: float) -> Callable[[int], float]:
    """Make a clock that waits to keep `rate` decisions per second, and returns the wall-clock time."""
    started = time.monotonic()

    def clock(n: int) -> float:
        wait = started + n / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return time.time()

    return clock


def report(found: Sequence[Run]) -> dict[str, Any]:
    """Average over seeds, with standard errors; gains over always showing the ranking, in percent, paired by seed."""
    by_policy: dict[str, dict[int, Trial]] = {}
    for each in found:
        by_policy.setdefault(each.policy, {})[each.seed] = each.trial
    base = by_policy.get(BASE)
    return {
        "decisions": len(found[0].trial.reward),
        "seeds": len(next(iter(by_policy.values()))),
        "policies": {name: _measures(trials, base) for name, trials in by_policy.items()},
    }


def _measures(trials: Mapping[int, Trial], base: Mapping[int, Trial] | None) -> dict[str, Any]:
    values = {seed: _of(trial) for seed, trial in trials.items()}
    found: dict[str, Any] = {}
    for name in next(iter(values.values())):
        found[name] = _mean([each[name] for each in values.values()])
        if base is not None and name not in {"hit_rate", "regret"}:
            gains = [100.0 * (each[name] / _of(base[seed])[name] - 1.0) for seed, each in values.items()]
            found[f"{name}_gain_percent"] = _mean(gains)
    expected = np.mean([trial.expected for trial in trials.values()], axis=0)
    found["curve"] = [float(window.mean()) for window in np.array_split(expected, min(WINDOWS, len(expected)))]
    return found


def _of(trial: Trial) -> dict[str, float]:
    n = len(trial.reward)
    parts: dict[str, Floats] = {
        "reward": trial.reward, "caused": trial.caused, "expected": trial.expected,
        "last_quarter": trial.expected[-n // 4 :], "after_drift": trial.expected[n // 2 : n // 2 + n // 10],
        "hit_rate": trial.hit, "regret": trial.best - trial.expected,
    }  # fmt: skip
    return {name: float(part.mean()) for name, part in parts.items()}


def _mean(values: Sequence[float]) -> list[float]:
    """Mean and standard error."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return [float(np.mean(values)), error]
