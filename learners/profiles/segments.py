"""Which kind of user is this? River's incremental k-means over profiles, and a guess for those without one."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from river.cluster import KMeans

from learners.base import State
from learners.profiles.profiles import NAMES
from learners.vocabulary import Vocabulary

Attributes = Mapping[str, str | float | bool | None]

_FAR = 10.0  # where centres wait that no profile has started yet: no number in [0, 1] is near
_PSEUDO_SESSIONS = 1.0  # of the common shares in the counts of an attribute
_LOW_SHARE = 0.25  # of an even share of the sessions: below it a segment counts as deserted
_FAR_OFF = 2.0  # times the usual error: a profile so badly described starts a segment in place of a deserted one
_KEEP = 0.99  # of the sum of errors, a session
_SETTLED = 20  # sessions a segment on average before one can be deserted
_UNIT_LIMIT = 2.0**512
NOT_SEGMENTED: Final = -1


@njit(cache=True)
def _nearest(centers: NDArray[np.float64], point: NDArray[np.float64]) -> tuple[int, float]:
    """Number and squared distance of the nearest centre, the lower number of equals; sums in River's order."""
    best, least = 0, np.inf
    for row in range(len(centers)):
        total = 0.0
        for column in range(len(point)):
            distance = abs(centers[row, column] - point[column])
            total += distance * distance
        if total < least:
            best, least = row, total
    return best, least


class Segments:
    r"""A few kinds of users, learned from their profiles as sessions end.

    River's k-means [^1] moves the nearest centre a fixed share of the way to every profile [^2]:

    $$c \leftarrow c + \eta \, (x - c)$$

    Its centres start at random, which in twelve dimensions leaves all profiles to one of them; so here the first
    distinct profiles are the first centres, and a segment that has been deserted (a quarter of an even share) starts
    again at a profile that is described much worse than usual. Profiles come as bytes, quantised, and no random number
    is used: replicas agree to the bit.

    A user without a profile gets the most probable segment by their attributes: naive Bayes over counts of how often
    each attribute's value went with each segment.

    Parameters
    ----------
    segments
        Number of segments, at most 255.
    rate
        $\eta$, in (0, 1).
    values
        Different attribute values that are counted, first come; further ones say nothing.

    Examples
    --------
    >>> segments = Segments(segments=2)
    >>> low, high = bytes([20] * len(NAMES)), bytes([230] * len(NAMES))
    >>> segments.predict_one(low)
    -1
    >>> for _ in range(5):
    ...     segments.learn_one(low, {"country": "NL"})
    ...     segments.learn_one(high, {"country": "DE"})
    >>> segments.predict_one(bytes([40] * len(NAMES))), segments.predict_one(high)
    (0, 1)
    >>> segments.predict_cold({"country": "DE"})
    1

    References
    ----------
    [^1]: river.cluster.KMeans, whose own `predict_one` gives the same numbers.
    [^2]: MacQueen: Some methods for classification and analysis of multivariate observations. Berkeley Symposium 1967.
    """

    def __init__(self, segments: int = 8, rate: float = 0.05, values: int = 4_096) -> None:
        self.segments, self._values = segments, values
        self._width = len(NAMES)
        # The seed decides nothing: every centre is set here, and what is asked for later is there.
        self._river: Any = KMeans(n_clusters=segments, halflife=rate, seed=0)
        self._centers = np.full((segments, self._width), _FAR)  # a copy of River's, for `predict_one`
        self._put_centers()
        self._growth = 2.0 ** (1.0 / (100.0 * segments))  # a session counts half after a hundred of an average segment
        self._unit = np.ones(1)
        self._sessions = np.zeros(segments)  # decayed, of each segment
        self._error = np.zeros(2)  # decayed sum of squared distances to the nearest centre, and how many
        self._started = np.zeros(1, np.int64)  # centres in use
        self._names = Vocabulary()  # "attribute=value", at most `values`
        self._counts = np.zeros((values, segments))  # decayed sessions of users with the value

    def __repr__(self) -> str:
        return f"Segments({self._sessions.tolist()})"

    def learn_one(self, profile: bytes, attributes: Attributes | None = None) -> None:
        """Learn from the quantised profile of a user whose session has just ended, as bytes of `NAMES`.

        1. the first distinct profiles are centres
        2. a badly described profile takes over a deserted segment
        3. else River moves the nearest centre
        4. count the segment, and what the user's attributes say of it
        """
        point = self._point(profile)
        segment, error = _nearest(self._centers, point)
        started = int(self._started[0])
        if started < self.segments and error > 0.0:  # 1
            segment, self._started[0] = started, started + 1
            self._start(segment, point)
        else:
            if self._is_far_off(error):  # 2
                segment = int(np.argmin(self._sessions))
                self._start(segment, point)
            else:  # 3
                segment = self._river.learn_predict_one(dict(enumerate(point.tolist())))
                self._centers[segment] = [self._river.centers[segment][n] for n in range(self._width)]
            self._error *= _KEEP
            self._error += (error, 1.0)
        self._count(segment, attributes or {})  # 4

    def predict_one(self, profile: bytes) -> int:
        """Return the segment of a quantised profile; -1 before the first session has ended."""
        if self._started[0] == 0:
            return NOT_SEGMENTED
        return int(_nearest(self._centers, self._point(profile))[0])

    def predict_cold(self, attributes: Attributes) -> int:
        """Return the most probable segment of a user of whom only attributes are known; -1 before the first session."""
        if self._started[0] == 0:
            return NOT_SEGMENTED
        common = self._sessions / self._sessions.sum()
        chances = common.copy()
        for name in _named(attributes):
            row = self._names.index(name)
            if row >= 0:
                pseudo = _PSEUDO_SESSIONS * self._unit[0]
                share = self._counts[row].sum() / self._sessions.sum()  # of all users: what a new segment would have
                chances *= (self._counts[row] + pseudo * share) / (self._sessions + pseudo)
                chances /= chances.sum()
        return int(np.argmax(chances))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the centres and all counts."""
        return {
            "centers": self._centers, "unit": self._unit, "sessions": self._sessions, "error": self._error,
            "started": self._started, "counts": self._counts[: len(self._names)],
            **{f"names_{key}": array for key, array in self._names.state().items()},
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._centers = np.array(state["centers"], np.float64)
        self._put_centers()
        self._unit = np.array(state["unit"], np.float64)
        self._sessions = np.array(state["sessions"], np.float64)
        self._error = np.array(state["error"], np.float64)
        self._started = np.array(state["started"], np.int64)
        self._names.restore({"text": state["names_text"], "ends": state["names_ends"]})
        self._counts = np.zeros((self._values, self.segments))
        self._counts[: len(self._names)] = state["counts"]

    def _point(self, profile: bytes) -> NDArray[np.float64]:
        if len(profile) != self._width:
            raise ValueError(f"`segments`: a quantised profile must have {self._width} bytes; got {len(profile)}")
        return np.frombuffer(profile, np.uint8) / 255.0

    def _put_centers(self) -> None:
        """Hand all centres to River, their columns named by numbers: it sums in hash order, which strings change."""
        for segment, center in enumerate(self._centers.tolist()):
            self._river.centers[segment].update(enumerate(center))

    def _start(self, segment: int, point: NDArray[np.float64]) -> None:
        self._centers[segment] = point
        self._river.centers[segment].update(enumerate(point.tolist()))

    def _is_far_off(self, error: float) -> bool:
        """Whether a profile so far from its centre should restart a deserted segment."""
        sessions = self._sessions.tolist()
        settled = sum(sessions) > _SETTLED * self.segments * self._unit[0]
        deserted = min(sessions) * self.segments < _LOW_SHARE * sum(sessions)
        return bool(settled and deserted and error * self._error[1] > _FAR_OFF * self._error[0])

    def _count(self, segment: int, attributes: Attributes) -> None:
        self._unit *= self._growth
        self._sessions[segment] += self._unit[0]
        for name in _named(attributes):
            if self._names.index(name) >= 0 or len(self._names) < self._values:
                self._counts[self._names.intern(name), segment] += self._unit[0]
        if self._unit[0] >= _UNIT_LIMIT:
            for array in (self._unit, self._sessions, self._counts):
                array *= 1.0 / _UNIT_LIMIT


def _named(attributes: Attributes) -> list[str]:
    """Attributes as words, in the order of their names; numbers by tens, so that the age of 34 is met again."""
    words = []
    for name, value in sorted(attributes.items()):
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = 10.0 * math.floor(value / 10.0) if math.isfinite(value) else None
        if value is not None:
            words.append(f"{name}={value}")
    return words
