"""Measurements step by step, in flat arrays: all measures, intervals and tests are computed from them."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.metrics.beyond_accuracy import describe_list
from learners.metrics.rank_metrics import REST_COLUMNS, rest_of_session
from stream.evaluation.protocol import Visit


class Coming(NamedTuple):
    """What one step looks up in a list."""

    item: int  # index of the next item, -1 if the model does not know it
    visit: Visit
    position: int  # of the next event in its session
    ids: Sequence[str]  # of all known items

    @property
    def left(self) -> int:
        """Events of the rest of the session, the next one included."""
        return self.visit.events - self.position

    @property
    def distinct(self) -> int:
        """Distinct items of that rest."""
        return self.visit.distinct[self.position]

    def relevant(self, listed: Sequence[int]) -> NDArray[np.uint8]:
        """Which items of a list the rest of the session brings."""
        last, position, ids = self.visit.last, self.position, self.ids
        return np.array([last.get(ids[item], -1) >= position for item in listed], np.uint8)


class Use:
    """Events per item so far, for popularity and novelty."""

    def __init__(self) -> None:
        self.counts = np.zeros(1024, np.int64)
        self.total = self.most = 0

    def make_room(self, items: int) -> None:
        """Make room for so many items."""
        if items > len(self.counts):
            self.counts = np.concatenate([self.counts, np.zeros(max(items, len(self.counts)), np.int64)])

    def add(self, item: int) -> None:
        """Count one event."""
        self.make_room(item + 1)
        self.counts[item] += 1
        self.total += 1
        self.most = max(self.most, int(self.counts[item]))


class Steps:
    """The part of the measured steps that all learners share; some 30 bytes a step."""

    def __init__(self) -> None:
        self.times = array("d")  # of the event, unix seconds
        self.users = array("l")  # number of the user (or session): the clusters of the bootstrap
        self.seen = array("b")  # whether the user knew the item
        self.worths = array("d")  # reward of the event
        self.left = array("l")  # events left in the session, the step's own included
        self.losses = array("d")  # log-loss of the click head over the candidates, in nats
        self.candidates = array("l")  # so many
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.times)

    def add(self, user_id: str, time: float, worth: float, left: int, *, seen: bool) -> None:
        """Open one step."""
        self.times.append(time)
        self.users.append(self._numbers.setdefault(user_id, len(self._numbers)))
        self.seen.append(seen)
        self.worths.append(worth)
        self.left.append(left)
        self.losses.append(0.0)
        self.candidates.append(0)


class Journal:
    """Lists of one learner: 2 bytes of rank, 12 for each list length and 12 of traits a step, 8 an item.

    Parameters
    ----------
    ks : list lengths to measure
    """

    def __init__(self, ks: tuple[int, ...]) -> None:
        self.ks = np.array(ks, np.int64)
        self.ranks = array("h")
        self._rest = array("f")
        self._traits = array("f")
        self.filled = array("b")  # whether the list held anything
        self.exposures = np.zeros(1024, np.int64)

    def add(self, items: NDArray[np.int32], coming: Coming, use: Use, category: NDArray[np.int32]) -> int:
        """Measure one list; returns the rank of the next item in it, from 0, or -1."""
        listed = items.tolist()
        rank = listed.index(coming.item) if coming.item in listed else -1
        self.ranks.append(rank)
        self._rest.frombytes(rest_of_session(coming.relevant(listed), coming.left, coming.distinct, self.ks).tobytes())
        self._traits.extend(describe_list(items, use.counts, use.total, use.most, category))
        self.filled.append(bool(listed))
        if listed:
            top = max(listed)
            if top >= len(self.exposures):
                self.exposures = np.concatenate([self.exposures, np.zeros(top + 1, np.int64)])
            self.exposures[items] += 1
        return rank

    def rest(self) -> NDArray[np.float32]:
        """Scores against the rest of the session, [steps, lengths, 3]: see `rest_of_session`."""
        return np.array(self._rest, np.float32).reshape(-1, len(self.ks), REST_COLUMNS)

    def traits(self) -> NDArray[np.float32]:
        """Average popularity, novelty and diversity of every list, [steps, 3]."""
        return np.array(self._traits, np.float32).reshape(-1, 3)
