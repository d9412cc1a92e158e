"""How many slates are made now and how many later, so that waiting stays below a target. No clock: time is an argument.

The worker works in rounds: the events of a poll, or deferred slates in a pause between polls. Events are always taken
in and folded; what can wait is slates. A round may take half of the target: whatever arrives meanwhile waits so long,
and as long again for its own round. From that comes off what the events of the poll and those that wait behind it cost
without slates. The rest is room for slates. It does not count how long the events of the round have waited: to
defer their slates would make them later still, and is of use only for those that wait behind.

With more load, there are three steps:

1. Polls become larger: the next one is not fetched before the time of a round has passed; and of a user with several
   events in it only the newest gets a slate. Slates for which there is no room are deferred
   (`stream.decisions.shard.Deferred` says in which order they are made then), for a moment.
2. Rounds become longer: each has a price of its own, paid to Kafka's clients and to the log, so more is done in the
   same time. That may be enough, and all slates are made within a few times the target.
3. It was not enough: the worker is at its limit. Rounds are short again, so that the slates which are made are in time;
   the others stay deferred.

A fifth of the time is for slates whatever waits. With less load the room grows by itself, until every event has its
slate at once again; what was deferred is made in the pauses, in shorter rounds.

Costs are measured as the work is done, in seconds of a monotonic clock: what a neighbour on the machine takes counts.
"""

import math
from typing import Literal, NamedTuple

GUESS_UNITS = 20.0  # a first guess of a cost weighs as much as so many units measured
HALF_LIFE_UNITS = 200.0  # after so many units half of what was measured is forgotten
STALL = 10.0  # times the mean: what takes longer was stopped by something else, and counts as so long
WINDOW_S = 5.0  # over which rates are averaged
ROUND = 0.5  # of the target: how long a round may take, ...
GAPS = 6.0  # ... but at least so many times as long as the gap between two rounds when work waits
LONGER = 2.0  # times as long rounds are for a while
LONGER_AFTER_S, ENTER_S, LEAVE_S = (
    0.5,
    3.0,
    10.0,
)  # slates were deferred for so long: longer rounds; the limit. None were
PAUSE = 0.25  # of a round: how long one of deferred slates may take, since events that come meanwhile wait for it
OVERDUE_S = 10.0  # a slate deferred for so long has waited too long
LEAST_SHARE = 0.2  # of the time is for slates, even where the events alone take all of it
MAX_SAVED = 50.0  # such slates that may be saved up

LATE_S = 1.0  # with slates that are never deferred: as late may the records in Kafka be


class Change(NamedTuple):
    """The limit was reached, or left."""

    to: Literal["reached", "left"]
    after_s: float  # since the change before, if there was one


class Cost:
    """Running mean of the seconds that a unit of work takes.

    Parameters
    ----------
    guess_s : until something was measured

    Examples
    --------
    >>> cost = Cost(0.001)
    >>> for _ in range(100):
    ...     cost.add(0.020, 10)
    >>> round(cost.each_s, 4)
    0.002
    """

    def __init__(self, guess_s: float) -> None:
        self._seconds, self._units = guess_s * GUESS_UNITS, GUESS_UNITS

    @property
    def each_s(self) -> float:
        """Seconds a unit; above 0."""
        return self._seconds / self._units

    def add(self, seconds: float, units: int) -> None:
        """So many units took so long together."""
        if units > 0:
            keep = 0.5 ** (units / HALF_LIFE_UNITS)
            self._seconds = max(1e-9, keep * self._seconds + min(seconds, STALL * self.each_s * units))
            self._units = keep * self._units + units


class PerSecond:
    """What was added in the last seconds, per second."""

    def __init__(self) -> None:
        self._began = self._at = self._sum = math.nan

    def add(self, now: float, amount: float) -> None:
        """Add an amount; `now` never falls."""
        if math.isnan(self._began):
            self._began = self._at = now
            self._sum = 0.0
        self._sum = self._sum * math.exp((self._at - now) / WINDOW_S) + amount
        self._at = now

    def value(self, now: float) -> float:
        """The rate; 0 before a second has passed since the first amount."""
        passed = now - self._began
        if not passed >= 1.0:
            return 0.0
        return self._sum * math.exp((self._at - now) / WINDOW_S) / (WINDOW_S * -math.expm1(-passed / WINDOW_S))


class Round(NamedTuple):
    """How far a round is."""

    began: float  # seconds of the monotonic clock
    taken: int = 0  # records that were taken in, and are still to be folded
    unread: int = 0  # records that wait to be taken in, of this poll and behind it
    length: float = 1.0  # of the time that a round may take


class Pace:
    """Measures what the worker's work costs, and says how many slates fit into a round.

    Parameters
    ----------
    target_s : that an event should wait for its slate at most; 0: no slate is ever deferred

    Examples
    --------
    >>> pace = Pace(0.05)
    >>> pace.slates.add(2.0, 2000)
    >>> pace.room(7.0, Round(began=7.0)), pace.room(7.0, Round(began=6.99)), pace.room(7.0, Round(began=6.9))
    (25, 15, 0)
    """

    def __init__(self, target_s: float) -> None:
        self.target_s = target_s
        self.events, self.slates, self.folds = Cost(0.0003), Cost(0.002), Cost(0.0003)
        self.gaps = Cost(0.001)  # between two rounds when work waits, without the fold
        self.rate, self.busy = PerSecond(), PerSecond()  # events taken in, and seconds worked, per second
        self._saved = 0.0  # slates, of those that are made even without room
        self.at_limit = False
        self._since = -math.inf  # of `at_limit`
        self._turning: float | None = None  # since when the opposite has looked true
        self._longer_since: float | None = None  # rounds are longer; the last time that this was of use

    @property
    def event_s(self) -> float:
        """What an event costs without its slate: to take it in, and to fold it."""
        return self.events.each_s + self.folds.each_s

    def capacity(self, slates_per_event: float) -> float:
        """Events per second at which the work would take all of the time; Kafka's own is left out."""
        return 1.0 / (self.event_s + slates_per_event * self.slates.each_s)

    @property
    def round_s(self) -> float:
        """How long a round may take, in seconds; not used without a target."""
        longer = LONGER if self._longer_since is not None else 1.0
        return max(longer * ROUND * self.target_s, GAPS * self.gaps.each_s)

    def room(self, now: float, round_: Round, share: float = 1.0) -> int | None:
        """How many slates may be made now; None: any number.

        Parameters
        ----------
        share : of the room, that those may take who ask now, in (0, 1]
        """
        if self.target_s == 0:
            return None
        left = (
            round_.length * self.round_s
            - (now - round_.began)
            - round_.taken * self.folds.each_s
            - round_.unread * self.event_s
        )
        return max(0, math.ceil(share * left / self.slates.each_s))

    def least(self, room: int, spent_s: float) -> int:
        """How many slates may be made after so many more seconds of other work, which left that room."""
        self._saved = min(MAX_SAVED, self._saved + LEAST_SHARE * spent_s / self.slates.each_s)
        if room >= self._saved:
            self._saved = 0.0
            return room
        whole = int(self._saved)
        self._saved -= whole
        return max(room, whole)

    def look(self, now: float, deferred: int, behind: int) -> Change | None:
        """See whether the worker has reached its limit, or left it: slates deferred or events late for some time.

        Parameters
        ----------
        deferred : users without a slate
        behind : records that wait in Kafka
        """
        late_s = behind * (self.event_s if self.target_s else 1.0 / self.capacity(1.0))
        short = deferred > 0 or late_s > (self.target_s or LATE_S)
        lasting_s = self._lasting(now, turned=short != self.at_limit)
        self._lengthen(now, lasting_s, short=short)
        if lasting_s < (ENTER_S if short else LEAVE_S):
            return None
        change = Change("reached" if short else "left", now - lasting_s - self._since)
        self.at_limit, self._since, self._turning, self._longer_since = short, now - lasting_s, None, None
        return change

    def _lasting(self, now: float, *, turned: bool) -> float:
        """For how long it has looked as if the limit were reached, or left; below 0: it does not."""
        if not turned:
            self._turning = None
            return -math.inf
        self._turning = now if self._turning is None else self._turning
        return now - self._turning

    def _lengthen(self, now: float, lasting_s: float, *, short: bool) -> None:
        """Make rounds longer when slates are deferred before the limit is reached, and shorter some time after that."""
        if self.at_limit:
            return
        if lasting_s >= LONGER_AFTER_S or (short and self._longer_since is not None):
            self._longer_since = now
        elif self._longer_since is not None and now - self._longer_since >= LEAVE_S:
            self._longer_since = None
