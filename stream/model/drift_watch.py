"""What of a step is watched for change: losses of the ranking's models, hit rates of the sources and of the engine."""

from collections.abc import Sequence
from math import log
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import Source, TwoHeads
from learners.drift import FALLS_EVERY, Change, Measures, Pace, Watched, take_values
from learners.metrics.log_loss import LEAST
from stream import config

WORST_LOSS = 5.0  # nats; losses are clipped here and divided by it for ADWIN
ENGINE, MIXER, CLICK, PURCHASE = "engine", "mixer", "click", "purchase"
MODELS = (ENGINE, MIXER, CLICK, PURCHASE)  # besides the sources
_ENGINE, _CLICK, _PURCHASE, _MIXER, _SOURCES = range(5)  # places among the measures


class Watching(NamedTuple):
    """What is watched, for compiled code: the engine, the two heads, the mixer, the sources."""

    measures: Measures
    columns: NDArray[np.int64]  # [sources] of their ranks in a row
    touched: NDArray[np.bool_]  # [sources] whether they propose items that the user has seen
    seen: int  # column
    lowest: int  # 1 / (1 + rank) of the last slot, as quantised in a row
    values: NDArray[np.float64]  # [measures] that were taken last, nan: none


@njit(cache=True)
def watch_slate(watching: Watching, hit: bool) -> bool:
    """Take whether a slate was answered with a hit; return whether that raises alarms."""
    watching.values[:] = np.nan
    watching.values[_ENGINE] = 1.0 if hit else 0.0
    return take_values(watching.measures, watching.values) > 0


@njit(cache=True)
def watch_rows(
    watching: Watching, row: NDArray[np.uint8], taken: bool, purchased: bool, learned: NDArray[np.float64]
) -> bool:
    """Take what the ranking learned from a step; return whether that raises alarms.

    Parameters
    ----------
    row : features of the item that was taken, if it was a candidate
    learned : what `learn_step` wrote
    """
    measures, columns, touched, seen, lowest, values = watching
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
    return take_values(measures, values) > 0


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
        self.arrays = Watching(
            self.change.measures,
            np.array([columns.index(f"{source.name}_rank") for source in sources]),
            np.array([source.proposes_touched for source in sources]),
            columns.index("seen"),
            int(255.0 / slots + 0.5),
            np.full(len(watched), np.nan),
        )

    def alarms(self) -> list[tuple[str, str]]:
        """Answer what the values taken last have raised, and let alarms fall; returns them as (model, answer)."""
        measures = self.change.measures
        raised = np.flatnonzero(measures.alarms).tolist()
        answered = [(self._names[n], self.change.answer(n)) for n in raised]
        measures.alarms[:] = 0
        if measures.waited[0] >= FALLS_EVERY:
            self.change.fall()
        return answered

    def state(self) -> dict[str, NDArray[Any]]:
        """All windows and alarms."""
        return self.change.state()

    def restore(self, state: Any) -> None:
        """Continue from a copy of them."""
        self.change.restore(state)
