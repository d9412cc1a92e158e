"""How likely is it: a click and a purchase probability for every candidate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.base import State
from learners.metrics.log_loss import LEAST, LogLoss

Probability = TypeVar("Probability", float, NDArray[np.float32])

CLICK_HEAD: Final = 0
PURCHASE_HEAD: Final = 1


@njit(cache=True)
def _to_probabilities(logits: NDArray[np.float32], intercepts: NDArray[np.float32], sampling_rate: float) -> None:
    """Turn logits, [n, 2], into probabilities of click and purchase among all rows, in place."""
    for row in logits:
        odds = math.exp(min(float(row[0] + intercepts[0]), 80.0)) * sampling_rate  # exp of 80 is still a float32
        bought = math.exp(min(float(row[1] + intercepts[1]), 80.0))
        row[0] = odds / (1.0 + odds)
        row[1] = row[0] * bought / (1.0 + bought)


class Heads(NamedTuple):
    """Both heads, click and purchase, for compiled code: what is learned, and how well it predicted before."""

    numbers: NDArray[np.float64]  # [2, F + 1] weights in the order of the features, the intercept last
    rates: NDArray[np.float64]  # [2] step of the next row
    steps: NDArray[np.int64]  # [2] rows learned
    predicted: NDArray[np.float64]  # [2] probability of the row learned last, as predicted before learning it
    loss: NDArray[np.float64]  # [2] of the click head: sum of the weighted losses, nats, and of the weights


@njit(cache=True)
def _step(heads: Heads, head: int, x: NDArray[np.float64], y: float) -> float:
    """River's step of gradient descent: the same operations in the same order; returns what was predicted before it."""
    numbers, rate = heads.numbers[head], heads.rates[head]
    features, dot = len(x), 0.0
    for f in range(features):
        if x[f] != 0.0:
            dot += numbers[f] * x[f]
    sign = 2.0 * y - 1.0
    z = (dot + numbers[features]) * sign
    if z > 18.0:
        slope = math.exp(-z) * -sign
    elif z < -18.0:
        slope = -sign
    else:
        slope = -sign / (math.exp(z) + 1.0)
    numbers[features] -= rate * slope
    for f in range(features):
        if x[f] != 0.0:
            numbers[f] -= rate * (x[f] * slope)
    heads.steps[head] += 1
    heads.predicted[head] = slope + y  # the log loss has the slope p - y: no second dot product
    return float(heads.predicted[head])


@njit(cache=True)
def learn_rows(
    heads: Heads, rows: NDArray[np.uint8], columns: NDArray[np.int64], clicked: int, purchased: bool,
    sampling_rate: float,
) -> float:  # fmt: skip
    """Do what `TwoHeads.learn_many_rows` says, with these columns of the rows as features."""
    expected, x = 0.0, np.empty(len(columns))
    for n in range(len(rows)):
        for f in range(len(x)):
            x[f] = rows[n, columns[f]] / 255
        hit = n == clicked
        of_click = _step(heads, CLICK_HEAD, x, 1.0 if hit else 0.0)
        if hit:
            _step(heads, PURCHASE_HEAD, x, 1.0 if purchased else 0.0)
        worth = 1.0 if hit else 1.0 / sampling_rate
        scaled = of_click * sampling_rate
        p = scaled / (scaled + (1.0 - of_click))
        heads.loss[0] -= worth * math.log(max(p if hit else 1.0 - p, LEAST))
        heads.loss[1] += worth
        expected += worth * p
    return expected


class Head:
    """One of the two: what an alarm of drift may change.

    Attributes
    ----------
    numbers : float64[F + 1]
        Weights in the order of their features, the intercept last.
    """

    def __init__(self, heads: Heads, place: int) -> None:
        self._heads, self._place = heads, place
        self._first, self._learning_rate = heads.numbers[place].copy(), float(heads.rates[place])

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Weights in the order of their features, the intercept last."""
        numbers: NDArray[np.float64] = self._heads.numbers[self._place]
        return numbers

    @property
    def predicted(self) -> float:
        """Probability of the row learned last, as predicted before learning it."""
        return float(self._heads.predicted[self._place])

    def vector(self) -> list[float]:
        """Return the weights in the order of their features, the intercept last."""
        return self.numbers.tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any

    def scale_learning_rate(self, factor: float) -> None:
        """Take steps `factor` times as long as configured until the next call."""
        self._heads.rates[self._place] = self._learning_rate * factor

    def reset(self) -> None:
        """Forget all that was learned."""
        self.numbers[:] = self._first
        self._heads.steps[self._place] = 0


class TwoHeads:
    r"""Two logistic regressions over the same features: `click` (the next event is on this item) and `purchase`.

    Each candidate is one row; all positives and a uniform sample of the negatives are learned with weight 1. The sample
    makes positives look too frequent, which is undone at prediction [^1]: $p / (p + (1 - p) / r)$, where a
    negative is sampled with probability $r$. Who buys an item has gone to it first, so the second head learns the
    probability of a purchase *given* the click, from the rows that were clicked, and the two are multiplied [^2].

    Parameters
    ----------
    names
        Features, in the order of the columns, values in [0, 1].
    learning_rate
        SGD step of both heads.
    initial_weights
        First weights, by name, 0 where absent: a sensible guess ranks sensibly from the first event on.

    Attributes
    ----------
    arrays : Heads
        All that is learned, for compiled code.

    Examples
    --------
    >>> ranker = TwoHeads(["similar", "seen"], learning_rate=0.5)
    >>> for _ in range(100):
    ...     _ = ranker.learn_many_rows(np.array([[255, 0], [0, 255]], np.uint8), clicked=0, purchased=False)
    >>> ranker.score_many(255 * np.eye(2, dtype=np.uint8))[:, 0].round(2).tolist()
    [0.98, 0.02]

    References
    ----------
    [^1]: He et al.: Practical lessons from predicting clicks on ads at Facebook. ADKDD 2014.
    [^2]: Ma et al.: Entire space multi-task model. SIGIR 2018.
    """

    def __init__(
        self,
        names: Sequence[str],
        learning_rate: float = 0.05,
        initial_weights: Mapping[str, float] | None = None,
    ) -> None:
        first = initial_weights or {}
        if unknown := sorted(set(first) - set(names)):
            raise ValueError(f"`initial_weights` must name features of the ranker; got {unknown}")
        self.names = tuple(names)
        self.arrays = Heads(
            np.array([[*(float(first.get(name, 0.0)) for name in names), 0.0]] * 2),
            np.full(2, learning_rate), np.zeros(2, np.int64), np.full(2, 0.5), np.zeros(2),
        )  # fmt: skip
        self.click, self.purchase = Head(self.arrays, CLICK_HEAD), Head(self.arrays, PURCHASE_HEAD)
        self._exported: NDArray[np.float32] | None = None  # [F + 1, 2], None after learning
        self._exported_at = (0, 0)  # steps of both heads

    def __repr__(self) -> str:
        return f"TwoHeads({len(self.names)} features, {self.log_loss})"

    def learn_many_rows(
        self, rows: NDArray[np.uint8], clicked: int, purchased: bool, sampling_rate: float = 1.0
    ) -> float:
        """Learn one event's candidates, row by row; returns how many clicks were expected among them before.

        Each negative of the sample counts for those that it stands for, so a calibrated head expects as many clicks in
        the mean as there are.

        Parameters
        ----------
        rows
            [n, F] features times 255. A zero changes nothing, as if River did not see it.
        clicked
            Row of the item the event is on, -1 if it was no candidate: then all rows are negatives.
        purchased
            Whether the event is a purchase.
        sampling_rate
            Share of the negative candidates that is among the rows, in (0, 1].
        """
        columns = np.arange(len(self.names))
        expected: float = learn_rows(self.arrays, rows, columns, clicked, purchased, sampling_rate)
        self.outdate()
        return expected

    def outdate(self) -> None:
        """Expect that compiled code has learned into the arrays."""
        self._exported = None

    @property
    def log_loss(self) -> LogLoss:
        """Prequential loss of the click head: every row is predicted, corrected, then learned; a negative counts 1 / r.

        A copy: what is learned later is not in it.
        """
        loss = LogLoss()
        loss.total, loss.weight = self.arrays.loss.tolist()
        return loss

    def score_many(self, rows: NDArray[np.uint8], sampling_rate: float = 1.0) -> NDArray[np.float32]:
        """Return click and purchase probability of every row, [n, 2], for features times 255, [n, F]."""
        steps = (int(self.arrays.steps[0]), int(self.arrays.steps[1]))
        if self._exported is None or self._exported_at != steps:  # a head may have been reset
            weights = self.arrays.numbers.T.copy()
            weights[:-1] /= 255.0
            self._exported, self._exported_at = weights.astype(np.float32), steps
        logits: NDArray[np.float32] = rows.astype(np.float32) @ self._exported[:-1]
        _to_probabilities(logits, self._exported[-1], sampling_rate)
        return logits

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights (intercept last) and steps of both heads, and the sums of the loss: views."""
        return {"weights": self.arrays.numbers, "steps": self.arrays.steps, "log_loss": self.arrays.loss}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self.arrays.numbers[:], self.arrays.steps[:] = state["weights"], state["steps"]
        self.arrays.loss[:] = state["log_loss"]
        self.outdate()


def corrected(probability: Probability, sampling_rate: float) -> Probability:
    """Return the probability among all rows, given that among positives and the sampled share of the negatives.

    >>> corrected(0.5, 0.1)
    0.0909
    """
    p: Any = probability  # numpy's types widen float32 times a number, numpy itself does not
    result: Probability = p * sampling_rate / (p * sampling_rate + (1.0 - p))
    return result


def ranking_score(probabilities: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the expected value of every row: probabilities [n, 2] times the worth of a click and a purchase, [2].

    >>> ranking_score(np.array([[0.5, 0.0], [0.2, 0.1]], np.float32), np.array([1.0, 5.0], np.float32)).tolist()
    [0.5, 0.7]
    """
    scores: NDArray[np.float32] = probabilities @ weights
    return scores
