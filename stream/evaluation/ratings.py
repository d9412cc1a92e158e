"""Ratings of a file's events, and the error of learners that predict them."""

import math
from collections.abc import Sequence
from typing import Protocol

from river import reco

SEED = 7  # of the factors that River draws for new users and items

# Raters by the name of their learner; the second is the first without factors.
RATERS: dict[str, type[reco.BiasedMF] | type[reco.Baseline]] = {"biased_mf": reco.BiasedMF, "baseline": reco.Baseline}


class Rater(Protocol):
    """River's interface of a learner of ratings."""

    def predict_one(self, user: str, item: str) -> float:
        """Return the rating that is expected."""

    def learn_one(self, user: str, item: str, y: float) -> None:
        """Learn the rating that was given."""


class RatingErrors:
    r"""Root mean squared error of River's raters, each rating predicted before it is learned.

    $$RMSE = \sqrt{\frac{1}{n} \sum (\hat r_{ui} - r_{ui})^2}$$ in stars.

    Examples
    --------
    >>> errors = RatingErrors(["baseline"], {"a": 4.0, "b": 2.0})
    >>> errors.update("a", "ada", "film", measured=True, learned=True)
    >>> errors.report()["baseline"]["rmse"]
    4.0

    References
    ----------
    Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems. Computer 2009.
    """

    def __init__(self, names: Sequence[str], ratings: dict[str, float]) -> None:
        self.ratings = ratings
        self.raters: dict[str, Rater] = {name: RATERS[name](seed=SEED) for name in names}
        self.squares = dict.fromkeys(self.raters, 0.0)
        self.count = 0

    def update(self, event_id: str, user: str, item: str, *, measured: bool, learned: bool) -> None:
        """Predict, then learn, the rating of one event, if it has one."""
        rating = self.ratings.get(event_id)
        if rating is None:
            return
        self.count += measured
        for name, rater in self.raters.items():
            if measured:
                self.squares[name] += (rater.predict_one(user, item) - rating) ** 2
            if learned:
                rater.learn_one(user, item, rating)

    def report(self) -> dict[str, dict[str, float]]:
        """Return the error of every rater; nothing where nothing was measured."""
        if not self.count:
            return {}
        return {
            name: {"rmse": math.sqrt(total / self.count), "ratings": self.count} for name, total in self.squares.items()
        }
