"""The warm-up runs engine and fold on events, slates and settlements."""

from collections import Counter

import pytest

from stream.config import Config
from stream.decisions.local import LocalWorker
from stream.observe import Observer
from stream.records.log import LoggedEvent, Settlement
from stream.worker import warm_up


class Outcomes(Observer):
    """Counts the outcomes of decisions."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def settled(self, settlement: Settlement, event: LoggedEvent | None = None) -> None:
        self.counts[settlement.outcome] += 1


def test_all_made_up_events_are_learned_and_settle_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = list[LocalWorker](), Outcomes()

    def of(config: Config) -> LocalWorker:
        made.append(LocalWorker.of(config, seen))
        return made[-1]

    monkeypatch.setattr(warm_up, "LocalWorker", type("Recorded", (), {"of": staticmethod(of)}))
    warm_up.warm_up(Config())
    (worker,) = made
    assert (worker.events, worker.model.catalogue.events, worker.model.skipped) == (warm_up.STEPS,) * 2 + (0,)
    assert len(worker.model.vocabulary) == warm_up.ITEMS
    assert seen.counts["hit"] == warm_up.STEPS - 3, "all events but the first of each user settle a decision"
