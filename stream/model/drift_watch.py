"""What of a step is watched for change: losses of the ranking's models, hit rates of the sources and of the engine."""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import Source, TwoHeads
from learners.drift import Change, Pace, Watched
from learners.metrics.log_loss import LEAST
from stream import config
from stream.records.log import Settlement

WORST_LOSS = 5.0  # nats; losses are clipped here and divided by it for ADWIN
ENGINE, MIXER, CLICK, PURCHASE = "engine", "mixer", "click", "purchase"
MODELS = (ENGINE, MIXER, CLICK, PURCHASE)  # besides the sources


class Watch:
    """All watched models of one site, a part of its fold.

    Parameters
    ----------
    columns : of the rows that the ranking learns
    mixer : the model with the listwise loss, if there is one
    slots : a source hits if the item taken is among its first `slots` candidates
    """

    def __init__(
        self, settings: config.Drift, sources: Sequence[Source], heads: TwoHeads, columns: Sequence[str], slots: int,
        mixer: object | None = None,
    ) -> None:  # fmt: skip
        ranking = [heads.click, heads.purchase, *([] if mixer is None else [mixer])]
        watched = [
            Watched(ENGINE, "lower", [*ranking, *sources], settings.engine),
            Watched(CLICK, "higher", [heads.click], settings.heads),
            Watched(PURCHASE, "higher", [heads.purchase], settings.heads),
            *([] if mixer is None else [Watched(MIXER, "higher", [mixer], settings.mixer)]),
        ]
        self._columns = {source.name: columns.index(f"{source.name}_rank") for source in sources}
        self._seen, self._repeats = columns.index("seen"), {s.name for s in sources if s.proposes_touched}
        watched += [Watched(source.name, "lower", [source], settings.sources) for source in sources]
        self.change = Change(watched, Pace(settings.factor, settings.half_life, settings.cool_down), settings.delta)
        self._lowest = int(255.0 / slots + 0.5)  # 1 / (1 + rank) of the last slot, as quantised in a row
        self._heads = heads

    def settled(self, settled: Settlement) -> list[tuple[str, str]]:
        """Take the outcome of a slate; returns the alarms as (model, answer)."""
        if settled.outcome not in ("hit", "miss"):
            return []
        return self._observe({ENGINE: float(settled.outcome == "hit")})

    def learned(
        self, taken: NDArray[np.uint8] | None, *, purchased: bool, click: float, listwise: float | None = None
    ) -> list[tuple[str, str]]:
        """Take what the ranking learned from a step; returns the alarms as (model, answer).

        Parameters
        ----------
        taken : row of the item that was taken; None: it was no candidate
        click, listwise : loss of the click head and of the mixer before they learned, in nats
        """
        new = taken is None or taken[self._seen] == 0
        values = {
            name: float(taken is not None and taken[n] >= self._lowest)
            for name, n in self._columns.items()
            if new or name in self._repeats  # the others do not propose items that the user has seen
        }
        values[CLICK] = _share(click)
        if taken is not None:
            values[PURCHASE] = _share(_log_loss(self._heads.purchase.predicted, purchased))
        if listwise is not None:
            values[MIXER] = _share(listwise)
        return self._observe(values)

    def tick(self) -> None:
        """One event passed."""
        self.change.tick()

    def state(self) -> dict[str, NDArray[Any]]:
        """All windows and alarms."""
        return self.change.state()

    def restore(self, state: Any) -> None:
        """Continue from a copy of them."""
        self.change.restore(state)

    def _observe(self, values: dict[str, float]) -> list[tuple[str, str]]:
        answers = ((name, self.change.observe(name, value)) for name, value in values.items())
        return [(name, answer) for name, answer in answers if answer is not None]


def _share(loss: float) -> float:
    return min(max(loss, 0.0), WORST_LOSS) / WORST_LOSS


def _log_loss(probability: float, happened: bool) -> float:
    return -log(max(probability if happened else 1.0 - probability, LEAST))
