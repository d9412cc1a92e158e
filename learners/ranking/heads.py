"""How likely is it: a click and a purchase probability for every candidate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.base import State
from learners.metrics.log_loss import LEAST, LogLoss

Probability = TypeVar("Probability", float, NDArray[np.float32])


@njit(cache=True)
def _to_probabilities(logits: NDArray[np.float32], intercepts: NDArray[np.float32], sampling_rate: float) -> None:
    """Turn logits, [n, 2], into probabilities of click and purchase among all rows, in place."""
    for row in logits:
        odds = math.exp(min(float(row[0] + intercepts[0]), 80.0)) * sampling_rate  # exp of 80 is still a float32
        bought = math.exp(min(float(row[1] + intercepts[1]), 80.0))
        row[0] = odds / (1.0 + odds)
        row[1] = row[0] * bought / (1.0 + bought)


class _Predicted(NamedTuple):
    """How good the predictions before learning were."""

    total: float  # of the click head's weighted losses, nats
    weight: float
    click: float  # as predicted for the last row
    purchase: float  # as predicted for the row that was clicked; the value before if none was
    expected: float  # clicks among the rows and the negatives that they stand for, as predicted


class _Weights(NamedTuple):
    """A head, for compiled code."""

    numbers: NDArray[np.float64]  # [F + 1] the intercept last
    rates: tuple[float, float]  # of weights and intercept


@njit(cache=True)
def _step(head: _Weights, x: NDArray[np.float64], y: float) -> float:
    """River's step of gradient descent: the same operations in the same order; returns what was predicted before it."""
    numbers, rates = head
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
    numbers[features] -= rates[1] * slope
    for f in range(features):
        if x[f] != 0.0:
            numbers[f] -= rates[0] * (x[f] * slope)
    return slope + y  # the log loss has the slope p - y


@njit(cache=True)
def _learn_rows(
    rows: NDArray[np.uint8], clicked: int, purchased: bool, sampling_rate: float, clicks: NDArray[np.float64],
    purchases: NDArray[np.float64], rates: tuple[float, float, float, float], before: _Predicted,
) -> _Predicted:  # fmt: skip
    click, purchase = _Weights(clicks, (rates[0], rates[1])), _Weights(purchases, (rates[2], rates[3]))
    total, weight, of_click, of_purchase, expected = before
    x = np.empty(rows.shape[1])
    for n in range(len(rows)):
        for f in range(len(x)):
            x[f] = rows[n, f] / 255
        hit = n == clicked
        of_click = _step(click, x, 1.0 if hit else 0.0)
        if hit:
            of_purchase = _step(purchase, x, 1.0 if purchased else 0.0)
        worth = 1.0 if hit else 1.0 / sampling_rate
        scaled = of_click * sampling_rate
        p = scaled / (scaled + (1.0 - of_click))
        total -= worth * math.log(max(p if hit else 1.0 - p, LEAST))
        weight += worth
        expected += worth * p
    return _Predicted(total, weight, of_click, of_purchase, expected)


class Head:
    """River's logistic regression over a fixed set of features, as the vector that compiled code learns.

    The steps are those of `river.linear_model.LogisticRegression` with `optim.SGD`, to the bit.

    Parameters
    ----------
    weights
        First weight of every feature.
    learning_rate
        SGD step for weights and intercept.

    Attributes
    ----------
    numbers : float64[F + 1]
        Weights in the order of their features, the intercept last.
    steps : int
        Rows learned.
    """

    def __init__(self, weights: Mapping[str, float], learning_rate: float) -> None:
        self._first = np.array([*weights.values(), 0.0])
        self._learning_rate = learning_rate
        self.rates = (learning_rate, learning_rate)  # of the weights, and of the intercept
        self.numbers, self.steps = self._first.copy(), 0
        self.predicted = 0.5  # probability of the row learned last, as predicted before learning it

    def vector(self) -> list[float]:
        """Return the weights in the order of their features, the intercept last."""
        return self.numbers.tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any

    def load(self, numbers: NDArray[np.float64], steps: int) -> None:
        """Continue from a copy of `numbers` after so many steps."""
        self.numbers[:] = numbers
        self.steps = steps

    def scale_learning_rate(self, factor: float) -> None:
        """Take steps `factor` times as long as configured until the next call."""
        self.rates = (self._learning_rate * factor,) * 2

    def reset(self) -> None:
        """Forget all that was learned."""
        self.load(self._first, steps=0)


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
    log_loss : LogLoss
        Prequential loss of the click head: every row is predicted, corrected, then learned. A negative counts 1 / r.

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
        weights = {name: float(first.get(name, 0.0)) for name in names}
        self.names = tuple(names)
        self.click = Head(weights, learning_rate)
        self.purchase = Head(weights, learning_rate)
        self.log_loss = LogLoss()
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
        click, purchase, loss = self.click, self.purchase, self.log_loss
        loss.total, loss.weight, click.predicted, purchase.predicted, expected = _learn_rows(
            rows, clicked, purchased, sampling_rate, click.numbers, purchase.numbers, (*click.rates, *purchase.rates),
            _Predicted(loss.total, loss.weight, click.predicted, purchase.predicted, 0.0),
        )  # fmt: skip
        click.steps += len(rows)
        purchase.steps += 0 <= clicked < len(rows)
        self._exported = None
        return float(expected)

    def score_many(self, rows: NDArray[np.uint8], sampling_rate: float = 1.0) -> NDArray[np.float32]:
        """Return click and purchase probability of every row, [n, 2], for features times 255, [n, F]."""
        steps = (self.click.steps, self.purchase.steps)
        if self._exported is None or self._exported_at != steps:  # a head may have been reset
            weights = np.array([self.click.numbers, self.purchase.numbers]).T
            weights[:-1] /= 255.0
            self._exported, self._exported_at = weights.astype(np.float32), steps
        logits: NDArray[np.float32] = rows.astype(np.float32) @ self._exported[:-1]
        _to_probabilities(logits, self._exported[-1], sampling_rate)
        return logits

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights (intercept last) and steps of both heads, and the sums of the loss."""
        return {
            "weights": np.array([self.click.numbers, self.purchase.numbers]),
            "steps": np.array([self.click.steps, self.purchase.steps], np.int64),
            "log_loss": np.array([self.log_loss.total, self.log_loss.weight]),
        }

    def restore(self, state: State) -> None:
        """Continue from `state`."""
        for head, vector, steps in zip((self.click, self.purchase), state["weights"], state["steps"].tolist()):
            head.load(vector, steps)
        self.log_loss.total, self.log_loss.weight = state["log_loss"].tolist()
        self._exported = None


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
