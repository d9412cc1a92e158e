"""Loss of predicted probabilities, updated one event at a time."""

import math
from typing import Final

LEAST: Final = 1e-12  # likelihood that a loss counts at least: a certain prediction that was wrong costs 27.6 nats


class LogLoss:
    """Weighted mean of the negative log-likelihood of what happened, in nats.

    >>> loss = LogLoss()
    >>> loss.update(0.8, True)
    >>> loss.update(0.4, False)
    >>> round(loss.get(), 3)
    0.367
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.weight = 0.0

    def __repr__(self) -> str:
        return f"LogLoss({self.get():.4f})"

    def update(self, probability: float, happened: bool, weight: float = 1.0) -> None:
        """Count one prediction; a certain one that was wrong costs 27.6, not infinity."""
        likelihood = probability if happened else 1.0 - probability
        self.total -= weight * math.log(max(likelihood, LEAST))
        self.weight += weight

    def get(self) -> float:
        """Return the mean, 0 before the first update."""
        return self.total / self.weight if self.weight else 0.0
