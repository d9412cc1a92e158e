"""River's matrix factorisation behind the interface of a source: a baseline to be measured against."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import optim, reco

from learners.arrays.draws import draw
from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Interaction, Query, State, require_known

_SCALE = 0.1  # of first vectors, as River's default deviation
_ITEM_NUMBERS = 1 << 62  # keeps the first vectors of items apart from those of users of small numbers


class BiasedMF:
    r"""`river.reco.BiasedMF` [^1] as a source: a rating is predicted, and the highest prediction proposed.

    $$\hat y_{ui} = \mu + b_u + b_i + p_u \cdot q_i$$

    A baseline, no part of the default: `top_k` is exact over the whole catalogue, so it costs more as that grows,
    learning runs in Python, and a model of ratings has no reason to rank what is watched next. What a view, a click
    and a purchase are rated is a guess (`ratings`); where true ratings are known call `rate_one`.

    River's own `predict_one` inserts every user and item it is asked about. Here questions are answered from copies
    of the learned numbers in arrays, and first vectors follow from the numbers of user and item, not from a generator
    with a position to keep.

    Parameters
    ----------
    dimensions
        Length of a vector.
    learning_rate, shrinkage
        Of biases and vectors.
    ratings
        What a view, a click and a purchase count as.
    max_users
        Users kept; a new one replaces the user with the oldest last rating.

    Examples
    --------
    >>> source = BiasedMF()
    >>> source.add_item(1)
    >>> for _ in range(50):
    ...     source.rate_one(user=7, item=0, rating=5.0)
    ...     source.rate_one(user=7, item=1, rating=2.0)
    >>> source.predict_one(user=7, item=0), source.predict_one(user=8, item=0)
    (4.9, 4.7)

    References
    ----------
    [^1]: Paterek: Improving regularized singular value decomposition for collaborative filtering. KDD Cup 2007.
    """

    name = "biased_mf"
    proposes_touched = False

    def __init__(
        self, dimensions: int = 10, learning_rate: float = 0.025, shrinkage: float = 0.02,
        ratings: Sequence[float] = (1.0, 2.0, 3.0), max_users: int = 100_000,
    ) -> None:  # fmt: skip
        self._ratings, self._max_users = tuple(ratings), max_users
        self._dimensions = dimensions
        self._model = reco.BiasedMF(
            n_factors=dimensions, bias_optimizer=optim.SGD(learning_rate), latent_optimizer=optim.SGD(learning_rate),
            l2_bias=shrinkage, l2_latent=shrinkage, seed=0,
        )  # fmt: skip
        self._size = 0
        self._vectors = np.zeros((16, dimensions))  # of items, as River has them
        self._biases = np.zeros(16)
        self._learned = np.zeros(16, np.bool_)
        self._users: OrderedDict[int, None] = OrderedDict()  # by their last rating, the newest at the end

    def describe(self, item: int, about: object) -> None:
        """Ignore the catalogue."""

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._size = max(self._size, item + 1)
        self._vectors = grown(self._vectors, self._size)
        self._biases = grown(self._biases, self._size)
        self._learned = grown(self._learned, self._size)

    def learn_one(self, event: Interaction) -> None:
        """Learn an event as the rating that its kind stands for."""
        self.rate_one(event.user, event.item, self._ratings[event.kind])

    def rate_one(self, user: int, item: int, rating: float) -> None:
        """Learn a rating."""
        require_known(self.name, item, self._size)
        model = self._model
        if user in self._users:
            self._users.move_to_end(user)
        else:
            if len(self._users) >= self._max_users:
                self.forget(next(iter(self._users)))
            self._users[user] = None
            model.u_latents[user] = self._first(user)
        if not self._learned[item]:
            model.i_latents[item] = self._first(_ITEM_NUMBERS + item)
            self._learned[item] = True
        model.learn_one(user, item, rating)  # type: ignore[no-untyped-call]
        self._vectors[item] = model.i_latents[item]
        self._biases[item] = model.i_biases[item]

    def predict_one(self, user: int, item: int) -> float:
        """Return the rating expected; without the user's or the item's part where nothing is known of it."""
        known = 0 <= item < self._size and bool(self._learned[item])
        if not known:
            return float(self._model.global_mean.get()) + float(self._model.u_biases.get(user, 0.0))
        return float(self._predict(user, np.array([item]))[0])

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items of the whole catalogue with the highest ratings expected."""
        items = np.flatnonzero((blocked == 0) & self._learned[: len(blocked)]).astype(np.int32)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, self.score_many(query, items), k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the rating expected for each item, at least 0, which is what an item without a rating gets."""
        scores = np.zeros(len(items), np.float32)
        known = (items >= 0) & (items < self._size)
        known[known] = self._learned[items[known]]
        scores[known] = np.maximum(self._predict(query.user, items[known]), 0.0)
        return scores

    def forget(self, user: int) -> None:
        """Drop the user's vector and bias."""
        self._users.pop(user, None)
        self._model.u_latents.pop(user, None)
        self._model.u_biases.pop(user, None)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return vectors and biases of items and of users by their last rating, and the mean rating."""
        model, users, known = self._model, list(self._users), slice(self._size)
        mean = model.global_mean
        return {
            "vectors": self._vectors[known], "biases": self._biases[known], "learned": self._learned[known],
            "users": np.array(users, np.int64),
            "user_vectors": np.array([model.u_latents[user] for user in users]).reshape(-1, self._dimensions),
            "user_biases": np.array([model.u_biases[user] for user in users], np.float64),
            "mean": np.array([mean.n, mean.get()], np.float64),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        if state["vectors"].shape[1:] != (self._dimensions,):
            raise ValueError(f"vectors must have {self._dimensions} dimensions; got {state['vectors'].shape[1:]}")
        model = self._model
        self._vectors = np.array(state["vectors"], np.float64)
        self._biases = np.array(state["biases"], np.float64)
        self._learned = np.array(state["learned"], np.bool_)
        self._size = len(self._biases)
        self._users = OrderedDict.fromkeys(state["users"].tolist())
        for table in (model.u_latents, model.u_biases, model.i_latents, model.i_biases):
            table.clear()
        for user, vector, bias in zip(self._users, state["user_vectors"], state["user_biases"].tolist()):
            model.u_latents[user], model.u_biases[user] = np.array(vector), bias
        for item in np.flatnonzero(self._learned).tolist():
            model.i_latents[item], model.i_biases[item] = self._vectors[item].copy(), float(self._biases[item])
        count, mean = state["mean"].tolist()
        model.global_mean = type(model.global_mean)()
        if count:
            model.global_mean.update(mean, count)

    def _predict(self, user: int, items: NDArray[Any]) -> NDArray[np.float64]:
        """Return the ratings expected for items that have been rated, without asking River, which would insert."""
        model = self._model
        expected = self._biases[items] + (model.global_mean.get() + model.u_biases.get(user, 0.0))
        if user in self._users:
            # not as one matrix product: BLAS rounds by the number of rows, and an item has one score
            expected = expected + np.einsum("ij,j->i", self._vectors[items], model.u_latents[user])
        return np.asarray(expected, np.float64)

    def _first(self, number: int) -> NDArray[np.float64]:
        row = np.empty(self._dimensions, np.float32)
        draw(row, number, _SCALE)
        return row.astype(np.float64)
