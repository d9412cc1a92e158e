"""Ratings that a file gives beside its events, for the error of learners that predict them."""

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol, cast

from river import reco

from stream.datasets.file_events import FileEvents
from stream.datasets.layouts import LAYOUTS
from stream.datasets.readers import ratings_of
from stream.records.numbers import number

COLUMN = "rating"
SEED = 7  # of the factors that River draws for new users and items

# What predicts ratings, by the name of its learner; the second is what is left of the first without factors.
RATERS: dict[str, type[reco.BiasedMF] | type[reco.Baseline]] = {"biased_mf": reco.BiasedMF, "baseline": reco.Baseline}


class Rater(Protocol):
    """River's interface of a learner of ratings."""

    def predict_one(self, user: str, item: str) -> float:
        """Return the rating that is expected."""

    def learn_one(self, user: str, item: str, y: float) -> None:
        """Learn the rating that was given."""


def read_ratings(path: str | Path, format_: str) -> dict[str, float]:
    """Return ratings by event id, of the formats with a header that has the column `rating`; else nothing.

    Ids are those of `readers.read`. What is no number is left out.
    """
    path = ratings_of(Path(path)) if format_ == "movielens" else Path(path)
    if format_ not in {"csv", "movielens"} or not path.exists():
        return {}
    unpack = gzip.open if path.suffix == ".gz" else open
    with unpack(path, "rt", encoding="utf-8-sig", newline="") as file:
        return dict(_ratings(cast("IO[str]", file), format_))


def _ratings(file: IO[str], format_: str) -> Iterator[tuple[str, float]]:
    rows, layout, events = csv.reader(file), LAYOUTS[format_], FileEvents()
    header = next(rows, [])
    columns = layout.columns + layout.optional
    if not {COLUMN, *layout.columns} <= set(header):
        return
    place, places = header.index(COLUMN), [header.index(name) if name in header else -1 for name in columns]
    for row in rows:
        if len(row) != len(header):
            continue
        fields = [*row, ""]  # the value of an absent optional column, at place -1
        try:
            line = layout.parse([fields[n] for n in places])
            event = None if line is None else events.event(line)
            rating = number(row[place])
        except ValueError:
            continue
        if event is not None:
            yield event.event_id, rating


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
