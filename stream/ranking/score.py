"""From features to one ranking score: the mixer's share, and River's probabilities of a click and a purchase."""

from collections.abc import Sequence
from math import isnan, log
from typing import Any, NamedTuple, Self

import numpy as np
from msgspec.structs import replace
from numba import njit
from numpy.typing import NDArray

from learners import Mixer, TwoHeads, ranking_score
from learners.ranking.heads import PURCHASE_HEAD, Heads, learn_rows
from learners.ranking.mixer import learn_list
from learners.ranking.shares import Net, columns_of, scores_of, shares_of
from stream import config
from stream.observe import Losses
from stream.ranking.features import NEW_SINCE, SCORE, byte, feature_names, initial_weights
from stream.records.log import Rows

HEAD_FEATURES = (
    SCORE, "agreement", "seen", "seen_rank", "seen_bought", "seen_in_session", "last", "last_x_purchase",
    "category_share", "history", "depth", "repeat_rate",
)  # fmt: skip
HEAD_NEGATIVES = 2  # every worker learns every row
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


class Learning(NamedTuple):
    """All that learns, for compiled code."""

    net: Net
    running: NDArray[np.float64]  # see `learn_list`
    rate: float  # step of the mixer
    heads: Heads
    head_columns: NDArray[np.int64]


@njit(cache=True)
def learn_step(
    learning: Learning, features: NDArray[np.uint8], taken: bool, uniform: int, rate: float, purchased: bool,
    learned: NDArray[np.float64],
) -> None:  # fmt: skip
    """Learn the rows of a step, written one behind the other: see `Rows`.

    Parameters
    ----------
    learned
        Written, float64[4], as it was before: loss of the mixer (nan: nothing to learn) and of the click head, in nats;
        purchase probability of the item taken last; clicks expected among the heads' rows.
    """
    net, running, step, heads, columns = learning
    rows = features.reshape(-1, net.linear.shape[1] + 1)
    learned[0] = learn_list(net, running, rows, step) if taken and len(rows) > 1 else np.nan
    negatives = min(HEAD_NEGATIVES, uniform)
    total, weight = heads.loss
    learned[3] = learn_rows(
        heads, rows[: int(taken) + negatives], columns, 0 if taken else -1, purchased,
        rate * negatives / max(1, uniform),
    )  # fmt: skip
    learned[1] = (heads.loss[0] - total) / max(heads.loss[1] - weight, 1e-9)
    learned[2] = heads.predicted[PURCHASE_HEAD]


def losses(learned: Sequence[float], *, taken: bool, purchased: bool) -> Losses:
    """What `learn_step` wrote, for metrics."""
    listwise, click, bought, expected = learned
    if not taken:
        return Losses(None, click, clicks=(expected, 0.0))
    purchase = -log(max(bought if purchased else 1.0 - bought, LEAST))
    known = None if isnan(listwise) else listwise
    return Losses(known, click, purchase, (expected, 1.0), (bought, float(purchased)))


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
        self._learning: Learning | None = None

    def score_many(
        self, features: NDArray[np.uint8], weights: Weights
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Ranking scores, [n], and the features with the mixer's score as a last column, [n, F + 1]."""
        columns, n = columns_of(features, len(self.columns)), len(features)
        units = np.empty((self.mixer.units, n), np.float32)
        scores: NDArray[np.float32] = score_columns(self.mixer.arrays, columns, n, units, weights.next)
        rows = columns[:, :n].T.copy()
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
        """Learn one step: the mixer from all of its rows, the heads from the item taken and the uniform sample.

        Raises
        ------
        ValueError
            if these are no rows of this ranking, as another configuration makes
        """
        self.check(rows)
        learned, features = np.empty(4), np.frombuffer(rows.features, np.uint8)
        learn_step(self.arrays, features, rows.taken, rows.uniform, rows.rate, purchased, learned)
        self.heads.outdate()
        return losses(learned.tolist(), taken=rows.taken, purchased=purchased)

    def widened(self, rows: Rows) -> Rows:
        """Rows of a log of version 4, which have no column `NEW_SINCE`: nothing is new."""
        narrow = np.frombuffer(rows.features, np.uint8).reshape(-1, len(self.columns) - 1)
        features = np.insert(narrow, self.columns.index(NEW_SINCE), 0, axis=1)
        return replace(rows, features=features.tobytes())

    def check(self, rows: Rows) -> None:
        """Refuse what `learn_one` cannot learn, with a ValueError."""
        count, rest = divmod(len(rows.features), len(self.columns))
        if rest or count < rows.taken:
            raise ValueError(
                f"ranking: rows must be of {len(self.columns)} features; got {len(rows.features)} bytes: all workers "
                "must have the same sources"
            )
        if not 0.0 < rows.rate <= 1.0:
            raise ValueError(f"ranking: the share of the candidates not taken must be in (0, 1]; got {rows.rate}")

    @property
    def arrays(self) -> Learning:
        """All that learns, for compiled code; another tuple after a restore."""
        if self._learning is None or self._learning.net is not self.mixer.arrays:
            self._learning = Learning(
                self.mixer.arrays, self.mixer.running, self.mixer.learning_rate, self.heads.arrays, self._head_columns
            )  # fmt: skip
        return self._learning

    def parts(self) -> dict[str, Any]:
        """All that learns, for snapshots and fingerprints."""
        return {"mixer": self.mixer, "heads": self.heads}


@njit(cache=True)
def score_columns(
    net: Net, columns: NDArray[np.uint8], count: int, units: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:  # fmt: skip
    """Write the mixer's score into the last column; return its share of each candidate times a weight.

    For `columns`, `count` and `units` see `scores_of`.
    """
    if count == 0:
        return np.empty(0, np.float32)
    scores, last = scores_of(net, columns, count, units), columns[-1]
    shares, whole = shares_of(scores)
    for n in range(count):
        last[n] = byte(1.0 + (scores[n] - whole) / SCORE_RANGE)
        shares[n] = np.float32(weight) * shares[n]
    return shares
