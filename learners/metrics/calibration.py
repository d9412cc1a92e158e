"""Are predicted probabilities right: log-loss, AUC and a reliability table, one list of candidates at a time."""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

BINS: Final = 10  # of the reliability table
_CELLS: Final = 4096  # of the histograms over log-odds
_REACH: Final = 32.0  # log-odds from -32 to 32: beyond every float32 that matters
_LEAST: Final = 1e-12  # a certain prediction that was wrong costs 27.6 nats, not infinity


@njit(cache=True)
def _count(
    probabilities: NDArray[np.float32], true: int, cells: NDArray[np.int64], bins: NDArray[np.float64],
) -> float:  # fmt: skip
    """Count candidates into histograms, [2, cells], and bins, [bins, 3]; returns the sum of their losses."""
    loss = 0.0
    for n in range(len(probabilities)):
        p = min(max(float(probabilities[n]), _LEAST), 1.0 - _LEAST)
        happened = n == true
        loss -= math.log(p if happened else 1.0 - p)
        odds = math.log(p / (1.0 - p))
        place = min(max(int((odds + _REACH) * (_CELLS / (2.0 * _REACH))), 0), _CELLS - 1)
        cells[1 if happened else 0, place] += 1
        row = bins[min(int(p * BINS), BINS - 1)]
        row[0] += 1.0
        row[1] += p
        row[2] += happened
    return loss


class Bin(NamedTuple):
    """One row of a reliability table: predictions between two bounds, and what came of them."""

    low: float
    high: float
    candidates: int
    predicted: float  # mean
    observed: float  # share that happened


class Calibration:
    r"""Log-loss in nats, area under the ROC curve and reliability of predicted probabilities.

    The AUC is the probability that what happened was predicted higher than what did not, ties half. It is counted over
    4,096 cells of log-odds of 1/64 each, so predictions that close count as ties. Constant memory.

    Examples
    --------
    >>> click = Calibration()
    >>> click.update(np.array([0.9, 0.2, 0.1], np.float32), true=0)
    (0.434, 3)
    >>> click.update(np.array([0.2, 0.4], np.float32), true=-1)
    (0.734, 2)
    >>> round(click.log_loss(), 3), click.auc(), click.reliability()[2][2:]
    (0.234, 1.0, (2, 0.2, 0.0))

    References
    ----------
    Fawcett: An introduction to ROC analysis. Pattern Recognition Letters 2006.
    """

    def __init__(self) -> None:
        self.loss, self.count = 0.0, 0
        self._cells = np.zeros((2, _CELLS), np.int64)  # not happened, happened
        self._bins = np.zeros((BINS, 3))  # count, sum of predictions, happened

    def __repr__(self) -> str:
        return f"Calibration({self.count} predictions, log-loss {self.log_loss():.4f}, AUC {self.auc():.4f})"

    def update(self, probabilities: NDArray[np.float32], true: int) -> tuple[float, int]:
        """Count one list of candidates, of which number `true` happened (-1: none); returns its loss and length."""
        loss = float(_count(probabilities, true, self._cells, self._bins))
        self.loss += loss
        self.count += len(probabilities)
        return loss, len(probabilities)

    def log_loss(self) -> float:
        """Return the mean over all candidates, 0 before the first."""
        return self.loss / max(1, self.count)

    def auc(self) -> float:
        """Return the area, one half while nothing or everything has happened."""
        lost, won = self._cells
        pairs = float(lost.sum()) * float(won.sum())
        below = np.cumsum(lost) - lost
        return float((won * (below + 0.5 * lost)).sum()) / pairs if pairs else 0.5

    def reliability(self) -> list[Bin]:
        """Return ten bins of equal width; predicted and observed are 0 where a bin is empty."""
        return [
            Bin(n / BINS, (n + 1) / BINS, int(count), total / max(1.0, count), happened / max(1.0, count))
            for n, (count, total, happened) in enumerate(self._bins.tolist())
        ]
