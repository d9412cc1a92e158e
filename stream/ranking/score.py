"""From features to one ranking score: the mixer's share, and River's probabilities of a click and a purchase."""

from collections.abc import Sequence
from math import log
from typing import Any, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import Mixer, TwoHeads, ranking_score
from learners.ranking.mixer import Net, shares_of
from stream import config
from stream.observe import Losses
from stream.ranking.features import SCORE, byte, feature_names, initial_weights
from stream.records.log import Rows

HEAD_FEATURES = (
    SCORE, "agreement", "seen", "seen_rank", "seen_bought", "seen_in_session", "last", "last_x_purchase",
    "category_share", "history", "depth", "repeat_rate",
)  # fmt: skip
HEAD_NEGATIVES = 2  # River takes some 20 microseconds a row, and every worker learns every row
LEAST = 1e-15  # probability whose logarithm is taken
SCORE_RANGE = 10.0  # nats of the mixer's share that its column resolves


class Weights(NamedTuple):
    """Of the ranking score: what being taken next, a click and a purchase are worth."""

    next: float
    click: float
    purchase: float

    @classmethod
    def of(cls, settings: config.Ranking) -> Self:
        """As configured."""
        return cls(settings.next_weight, settings.click_weight, settings.purchase_weight)


class Ranking:
    """Scores candidates; learns, from every step, which of them was taken.

    The mixer says which candidate is next, given that one is. The heads turn its score and a few features into
    probabilities of a click and of a purchase. The ranking score is their weighted sum.

    Parameters
    ----------
    sources : names of the discovery sources, in the order of the features
    settings : step sizes, negatives
    """

    def __init__(self, sources: Sequence[str], settings: config.Ranking) -> None:
        names = feature_names(tuple(sources))
        self.columns = (*names, SCORE)
        self.own = 3 * len(sources)  # the first column that speaks of the user
        self.mixer = Mixer(names, settings.learning_rate, settings.units, initial_weights(tuple(sources)))
        self.heads = TwoHeads(HEAD_FEATURES, settings.head_learning_rate, {SCORE: 3.0})
        self._head_columns = np.array([self.columns.index(name) for name in HEAD_FEATURES])

    def score_many(
        self, features: NDArray[np.uint8], weights: Weights
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Ranking scores, [n], and the features with the mixer's score as a last column, [n, F + 1]."""
        rows = np.zeros((len(features), len(self.columns)), np.uint8)
        rows[:, :-1] = features
        scores: NDArray[np.float32] = score_rows(self.mixer.arrays, rows, weights.next)
        return self.with_heads(scores, rows, weights), rows

    def with_heads(
        self, scores: NDArray[np.float32], rows: NDArray[np.uint8], weights: Weights
    ) -> NDArray[np.float32]:  # fmt: skip
        """Add to the mixer's part of the ranking scores that of the heads, if they have a weight."""
        if weights.click or weights.purchase:
            heads = np.array([weights.click, weights.purchase], np.float32)
            scores += ranking_score(self.probabilities(rows), heads)
        return scores

    def probabilities(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of a click and of a purchase of every candidate, [n, 2], given all of them."""
        rate = min(1.0, HEAD_NEGATIVES / max(1, len(rows) - 1))
        return self.heads.score_many(rows[:, self._head_columns], rate)

    def learn_one(self, rows: Rows, *, purchased: bool) -> Losses:
        """Learn one step: the mixer from all of its rows, the heads from the item taken and the uniform sample."""
        table = np.frombuffer(rows.features, np.uint8).reshape(-1, len(self.columns))
        listwise = self.mixer.learn_one(table[:, :-1]) if rows.taken and len(table) > 1 else None
        negatives = min(HEAD_NEGATIVES, rows.uniform)
        shown = table[: rows.taken + negatives, self._head_columns]
        loss = self.heads.log_loss
        total, weight = loss.total, loss.weight
        rate = rows.rate * negatives / max(1, rows.uniform)
        taken = bool(rows.taken)
        expected = self.heads.learn_many_rows(
            shown, clicked=0 if taken else -1, purchased=purchased, sampling_rate=rate
        )
        click, bought = (loss.total - total) / max(loss.weight - weight, 1e-9), self.heads.purchase.predicted
        if not taken:
            return Losses(listwise, click, clicks=(expected, 0.0))
        purchase = -log(max(bought if purchased else 1.0 - bought, LEAST))
        return Losses(listwise, click, purchase, (expected, 1.0), (bought, float(purchased)))

    def parts(self) -> dict[str, Any]:
        """All that learns, for snapshots and fingerprints."""
        return {"mixer": self.mixer, "heads": self.heads}


@njit(cache=True)
def score_rows(net: Net, rows: NDArray[np.uint8], weight: float) -> NDArray[np.float32]:
    """Write the mixer's score into the last column of the rows; return its share of each times a weight."""
    if len(rows) == 0:
        return np.empty(0, np.float32)
    shares, last = shares_of(net, rows), rows.shape[1] - 1
    for n in range(len(rows)):
        rows[n, last] = byte(1.0 + log(max(float(shares[n]), 1e-30)) / SCORE_RANGE)
        shares[n] = np.float32(weight) * shares[n]
    return shares
