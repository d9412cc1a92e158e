"""How likely is it: a click and a purchase probability for every candidate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray
from river import linear_model, optim, utils

from learners.base import State
from learners.metrics import LogLoss

Probability = TypeVar("Probability", float, NDArray[np.float32])

Weights: TypeAlias = "utils.VectorDict[str, float]"  # generic for type checkers only

_LEVELS = tuple(level / 255 for level in range(256))


@njit(cache=True)
def _to_probabilities(logits: NDArray[np.float32], intercepts: NDArray[np.float32], sampling_rate: float) -> None:
    """Turn logits, [n, 2], into probabilities of click and purchase among all rows, in place."""
    for row in logits:
        odds = math.exp(min(float(row[0] + intercepts[0]), 80.0)) * sampling_rate  # exp of 80 is still a float32
        bought = math.exp(min(float(row[1] + intercepts[1]), 80.0))
        row[0] = odds / (1.0 + odds)
        row[1] = row[0] * bought / (1.0 + bought)


class Head(linear_model.LogisticRegression):
    """River's logistic regression with a fixed set of features, so that its weights are a vector in a stated order.

    Parameters
    ----------
    weights
        First weight of every feature.
    learning_rate
        SGD step for weights and intercept.
    """

    def __init__(self, weights: Mapping[str, float], learning_rate: float) -> None:
        super().__init__(optimizer=optim.SGD(learning_rate), intercept_lr=learning_rate)
        self._first, self._learning_rate = dict(weights), learning_rate
        self._weights = utils.VectorDict(dict(weights))
        self.predicted = 0.5  # probability of the row learned last, as predicted before learning it

    def vector(self) -> list[float]:
        """Return the weights in the order of their features, the intercept last."""
        return [*self._weights.to_dict().values(), float(self.intercept)]

    def load(self, vector: Sequence[float], iterations: int) -> None:
        """Continue from what `vector` returned after so many steps."""
        names = self._weights.to_dict()
        self._weights = utils.VectorDict(dict(zip(names, vector[:-1], strict=True)))
        self.intercept = vector[-1]
        self.optimizer.n_iterations = iterations

    def hasten(self, factor: float) -> None:
        """Take steps `factor` times as long as configured until told otherwise."""
        self.optimizer.lr = self.intercept_lr = optim.schedulers.Constant(self._learning_rate * factor)

    def reset(self) -> None:
        """Forget all that was learned."""
        self.load([*self._first.values(), 0.0], iterations=0)

    def _eval_gradient_one(self, x: dict[str, float], y: float, w: float) -> "tuple[Weights, float]":
        gradient, loss_gradient = super()._eval_gradient_one(x, y, w)
        self.predicted = loss_gradient / w + y  # the log loss has the slope p - y: no second dot product
        return gradient, loss_gradient


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
    ...     ranker.learn_many_rows(np.array([[255, 0], [0, 255]], np.uint8), clicked=0, purchased=False)
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
    ) -> None:
        """Learn one event's candidates, row by row.

        Parameters
        ----------
        rows
            [n, F] features times 255. Zeros are left out of what River sees.
        clicked
            Row of the item the event is on, -1 if it was no candidate: then all rows are negatives.
        purchased
            Whether the event is a purchase.
        sampling_rate
            Share of the negative candidates that is among the rows, in (0, 1].
        """
        names, click, purchase = self.names, self.click, self.purchase
        for n, levels in enumerate(rows.tolist()):
            x = {name: _LEVELS[level] for name, level in zip(names, levels) if level}
            hit = n == clicked
            click.learn_one(x, hit)
            if hit:
                purchase.learn_one(x, purchased)
            weight = 1.0 if hit else 1.0 / sampling_rate
            self.log_loss.update(corrected(click.predicted, sampling_rate), hit, weight)
        self._exported = None

    def score_many(self, rows: NDArray[np.uint8], sampling_rate: float = 1.0) -> NDArray[np.float32]:
        """Return click and purchase probability of every row, [n, 2], for features times 255, [n, F]."""
        steps = (self.click.optimizer.n_iterations, self.purchase.optimizer.n_iterations)
        if self._exported is None or self._exported_at != steps:  # a head may have begun anew
            weights = np.array([self.click.vector(), self.purchase.vector()]).T
            weights[:-1] /= 255.0
            self._exported, self._exported_at = weights.astype(np.float32), steps
        logits: NDArray[np.float32] = rows.astype(np.float32) @ self._exported[:-1]
        _to_probabilities(logits, self._exported[-1], sampling_rate)
        return logits

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights (intercept last) and steps of both heads, and the sums of the loss."""
        return {
            "weights": np.array([self.click.vector(), self.purchase.vector()]),
            "steps": np.array([self.click.optimizer.n_iterations, self.purchase.optimizer.n_iterations], np.int64),
            "log_loss": np.array([self.log_loss.total, self.log_loss.weight]),
        }

    def restore(self, state: State) -> None:
        """Continue from `state`."""
        for head, vector, steps in zip((self.click, self.purchase), state["weights"].tolist(), state["steps"].tolist()):
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
