"""What of a step is watched for change: losses of the ranking's models, hit rates of the sources and of the engine."""

from collections.abc import Sequence
from math import log
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import Source, TwoHeads
from learners.arrays.handle import Handle
from learners.drift import Change, Measures, Pace, Watched, take_values
from learners.metrics.log_loss import LEAST
from stream import config
from stream.records.log import Settlement

WORST_LOSS = 5.0  # nats; losses are clipped here and divided by it for ADWIN
ENGINE, MIXER, CLICK, PURCHASE = "engine", "mixer", "click", "purchase"
MODELS = (ENGINE, MIXER, CLICK, PURCHASE)  # besides the sources
_CLICK, _PURCHASE, _MIXER, _SOURCES = range(1, 5)  # places among the measures, behind the engine's


class _Watched(NamedTuple):
    """What is watched, for compiled code; the sources come last among the measures."""

    measures: Measures
    columns: NDArray[np.int64]  # [sources] of their ranks in a row
    touched: NDArray[np.bool_]  # [sources] whether they propose items that the user has seen
    seen: int  # column
    lowest: int  # 1 / (1 + rank) of the last slot, as quantised in a row
    values: NDArray[np.float64]  # [measures]


@njit(cache=True)
def _watch(held: Any, row: NDArray[np.uint8], taken: bool, purchased: bool, learned: NDArray[np.float64]) -> int:
    """Work out the values of a step from the row of the item taken; return how many alarms they raise."""
    measures, columns, touched, seen, lowest, values = held.it
    values[:] = np.nan
    values[_CLICK] = _share(learned[1])
    if taken:
        likelihood = learned[2] if purchased else 1.0 - learned[2]
        values[_PURCHASE] = _share(-log(max(likelihood, LEAST)))
    if not np.isnan(learned[0]):
        values[_MIXER] = _share(learned[0])
    new = not taken or row[seen] == 0
    for n in range(len(columns)):
        if new or touched[n]:  # the others do not propose items that the user has seen
            values[_SOURCES + n] = 1.0 if taken and row[columns[n]] >= lowest else 0.0
    return int(take_values(measures, values))


@njit(cache=True)
def _share(loss: float) -> float:
    return min(max(loss, 0.0), WORST_LOSS) / WORST_LOSS


class Watch:
    """All watched models of one site, a part of its fold.

    Parameters
    ----------
    columns : of the rows that the ranking learns
    mixer : the model with the listwise loss
    slots : a source hits if the item taken is among its first `slots` candidates
    """

    def __init__(
        self, settings: config.Drift, sources: Sequence[Source], heads: TwoHeads, columns: Sequence[str], slots: int,
        mixer: object,
    ) -> None:  # fmt: skip
        watched = [
            Watched(ENGINE, "lower", [heads.click, heads.purchase, mixer, *sources], settings.engine),
            Watched(CLICK, "higher", [heads.click], settings.heads),
            Watched(PURCHASE, "higher", [heads.purchase], settings.heads),
            Watched(MIXER, "higher", [mixer], settings.mixer),
            *(Watched(source.name, "lower", [source], settings.sources) for source in sources),
        ]
        self.change = Change(watched, Pace(settings.factor, settings.half_life, settings.cool_down), settings.delta)
        self._names = [model.name for model in watched]
        self.values = np.full(len(watched), np.nan)  # that were taken last, of `learned`
        self._watched = _Watched(
            self.change.measures,
            np.array([columns.index(f"{source.name}_rank") for source in sources]),
            np.array([source.proposes_touched for source in sources]),
            columns.index("seen"),
            int(255.0 / slots + 0.5),
            self.values,
        )
        self._handle = Handle()

    def settled(self, settled: Settlement) -> list[tuple[str, str]]:
        """Take the outcome of a slate; returns the alarms as (model, answer)."""
        if settled.outcome not in ("hit", "miss"):
            return []
        answer = self.change.observe(ENGINE, float(settled.outcome == "hit"))
        return [] if answer is None else [(ENGINE, answer)]

    def learned(
        self, rows: NDArray[np.uint8], *, taken: bool, purchased: bool, learned: NDArray[np.float64]
    ) -> list[tuple[str, str]]:
        """Take what the ranking learned from a step; returns the alarms as (model, answer).

        Parameters
        ----------
        rows : features of the item that was taken come first, if it was a candidate
        learned : losses before learning: see `Ranking`
        """
        if not _watch(self._handle.of(self._watched), rows, taken, purchased, learned):
            return []
        raised = np.flatnonzero(self.change.measures.alarms).tolist()
        return [(self._names[n], self.change.answer(n)) for n in raised]

    def tick(self) -> None:
        """One event passed."""
        self.change.tick()

    def state(self) -> dict[str, NDArray[Any]]:
        """All windows and alarms."""
        return self.change.state()

    def restore(self, state: Any) -> None:
        """Continue from a copy of them."""
        self.change.restore(state)
