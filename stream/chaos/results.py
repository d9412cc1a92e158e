"""What a run of chaos found: losses, broken laws, and pauses, with those that no fault explains."""

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from stream.chaos.fleet import BROKER, BY_ITSELF, END, KILL, LONG_STOP, SHORT_STOP, Fleet, Incident, Settings
from stream.chaos.ledger import Ledger
from stream.chaos.pauses import SHOWN, during
from stream.chaos.requests import Requests

AFTER_S = 10.0  # a fault still has its effect so long after it is over: the group settles twice
MAX_STANDSTILLS = 1_000  # that are judged; `SHOWN` of them are shown, and all that are too long
QUIET_S = 5.0  # a pause that no fault explains
RESTART_S = 5.0  # from a worker's start until it serves, if no restart was measured


class Faults(NamedTuple):
    """All faults of one kind."""

    kind: str
    times: int
    longest_pause_s: float  # of an event acknowledged meanwhile or soon after; faults may overlap
    recovery_p50_s: float | None
    recovery_max_s: float | None


class Stall(NamedTuple):
    """A time in which a topic-partition stood still, and what had happened."""

    where: str
    at_s: float  # since the start of the stream
    length_s: float
    allowed_s: float  # see `allowed_s`
    faults: list[str]


class Result(NamedTuple):
    """What a run found; `lost`, `doubled`, `broken` and what differs must be nothing."""

    settings: Settings
    faults: list[Faults]
    sent: int
    acknowledged: int
    lost: int  # acknowledged, but not accepted
    doubled: int  # accepted more than once
    broken: dict[str, int]  # laws, and how often they did not hold
    workers_equal: list[bool]  # whether each worker's model is that of the uninterrupted fold
    longest_pause_s: float  # between an event's acknowledgement and its acceptance
    standstills: list[Stall]  # the longest pauses
    requests: Requests
    log: dict[str, int]  # its messages by what became of them, and where it starts by now
    remarks: list[str]  # workers that did not end as they should

    @property
    def good(self) -> bool:
        """Whether everything happened exactly once, everywhere the same, was answered, and no pause was too long."""
        wrong = self.lost or self.doubled or self.broken or self.too_long or self.requests.unanswered
        return not wrong and all(self.workers_equal)

    @property
    def too_long(self) -> int:
        """Pauses longer than the faults in them explain."""
        return sum(each.length_s > each.allowed_s for each in self.standstills)


def result_of(settings: Settings, ledger: Ledger, fleet: Fleet, equal: list[bool], log: dict[str, int]) -> Result:
    """Compare what was sent, accepted and folded, and measure the pauses."""
    accepted = ledger.accepted()
    kinds = [KILL, END, LONG_STOP, SHORT_STOP, BROKER, BY_ITSELF]
    requests = ledger.requests.close([each.at for each in fleet.incidents if each.kind == KILL])
    rows = [_faults(kind, [each for each in fleet.incidents if each.kind == kind], ledger) for kind in kinds]
    return Result(
        settings, [row for row in rows if row.times], len(accepted), ledger.acknowledged(), ledger.missing(),
        int((accepted > 1).sum()), dict(+ledger.broken), equal, ledger.pauses.longest(0.0, time.time()),
        _standstills(ledger, fleet), requests, log, fleet.remarks,
    )  # fmt: skip


def _standstills(ledger: Ledger, fleet: Fleet) -> list[Stall]:
    pauses, incidents = ledger.pauses, fleet.incidents
    restart_s = max((each.recovery_s for each in incidents if each.recovery_s is not None), default=RESTART_S)
    found = []
    for each in pauses.standstills(MAX_STANDSTILLS):
        names = during(each, [(incident.name, incident.at) for incident in incidents], AFTER_S + restart_s)
        allowed = allowed_s(len(names), fleet.session_timeout_s, restart_s)
        found.append(Stall(each.where, each.at - pauses.started, each.length_s, allowed, names))
    return [each for n, each in enumerate(found) if n < SHOWN or each.length_s > each.allowed_s]


def allowed_s(faults: int, session_timeout_s: float, restart_s: float) -> float:
    """How long events may wait while so many faults follow each other without a rest.

    Each can make the whole group wait for a member that is silent, at most a session time-out, and then for a worker
    that starts, or for what was missed to be made up for, which takes about as long. `restart_s` is measured in the
    same run, so a slow or busy machine is given more.

    >>> allowed_s(1, 6.0, 4.0), allowed_s(3, 6.0, 4.0)
    (15.0, 35.0)
    """
    return QUIET_S + faults * (session_timeout_s + restart_s)


def _faults(kind: str, incidents: Sequence[Incident], ledger: Ledger) -> Faults:
    def pause_s(incident: Incident) -> float:
        return ledger.pauses.longest(incident.at - 1, incident.over + (incident.recovery_s or 0.0) + AFTER_S)

    recoveries = [each.recovery_s for each in incidents if each.recovery_s is not None]
    return Faults(
        kind, len(incidents), max(map(pause_s, incidents), default=0.0),
        median(recoveries) if recoveries else None, max(recoveries, default=None),
    )  # fmt: skip
