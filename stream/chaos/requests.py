"""What a run of chaos has asked for, and what became of it: every request is answered, by one slate of each owner."""

import time
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable

import msgspec
import numpy as np
from msgspec import Struct, field

from stream.chaos.pauses import Pauses
from stream.records.log import Decision
from stream.records.requests import Request, Response

REMEMBERED = 200_000  # requests whose answers are compared; a second answer comes within seconds
_RESPONSE = msgspec.json.Decoder(Response)


class Requests(Struct, frozen=True):
    """What became of all requests; `unanswered` must be 0."""

    sent: int
    acknowledged: int
    unanswered: int  # acknowledged by Kafka, but without a response
    answers: dict[str, int]  # first responses, by status
    repeated: int  # further responses: by the next owner, or sent again
    decided: int  # slates in the log
    settled: int  # of these
    under_way: int  # when a worker was killed: acknowledged before, answered later
    longest_wait_s: float  # of a request, from its acknowledgement to its first response


class _Asked(Struct):
    """One request, and its answers."""

    user_id: str
    hurried: bool  # whether it has a deadline
    slates: dict[int, str] = field(default_factory=dict)  # epoch -> decision
    written_ms: dict[str, int] = field(default_factory=dict)  # decision -> of its first response
    decision: str = ""  # in the log
    logged_ms: int = 0


class RequestLedger:
    """Requests are numbers; the answers to `REMEMBERED` of them are kept.

    Parameters
    ----------
    broken : laws that do not hold, counted by name
    pauses : where the time of each first response is entered, as that of an event's acceptance is
    """

    def __init__(self, broken: Counter[str], pauses: Pauses) -> None:
        self._broken, self._pauses = broken, pauses
        self._acknowledged, self._answered = array("d"), array("d")  # unix seconds; 0: not, or not yet
        self._asked: OrderedDict[int, _Asked] = OrderedDict()
        self._statuses: Counter[str] = Counter()
        self._open: set[str] = set()  # decisions of requests that are not settled
        self._repeated = self._decided = self._settled = 0
        self._longest_s = 0.0

    def send(self, request: Request) -> int:
        """Note a request that is about to be sent, named by its number behind the last dash; returns the number."""
        n = len(self._acknowledged)
        self._asked[n] = _Asked(request.user_id, request.deadline_ms is not None)
        self._acknowledged.append(0.0)
        self._answered.append(0.0)
        if len(self._asked) > REMEMBERED:
            self._check(self._asked.popitem(last=False)[1])
        return n

    def acknowledge(self, n: int) -> None:
        """Kafka has this request."""
        self._acknowledged[n] = time.time()

    def respond(self, data: bytes, partition: int, written_ms: int) -> None:
        """Take in a record of `responses`."""
        response = _RESPONSE.decode(data)
        n = _number(response.request_id)
        asked = self._asked.get(n)
        if asked is None or asked.user_id != response.user_id:
            self._broken["answers to what nobody asked"] += 1
            return
        if self._answered[n]:
            self._repeated += 1
        else:
            self._first(n, response, partition, written_ms / 1000)
        self._broken["late without a deadline"] += response.status == "late" and not asked.hurried
        slate = response.recommendation
        if slate is not None:
            made = asked.slates.setdefault(slate.epoch, slate.decision_id)
            self._broken["answered by one owner with two slates"] += made != slate.decision_id
            asked.written_ms.setdefault(slate.decision_id, written_ms)

    def _first(self, n: int, response: Response, partition: int, written: float) -> None:
        self._answered[n] = written
        self._statuses[response.status] += 1
        if self._acknowledged[n]:
            self._longest_s = max(self._longest_s, written - self._acknowledged[n])
            self._pauses.add(f"requests/{partition}", self._acknowledged[n], written)

    def decide(self, decision: Decision, written_ms: int) -> None:
        """Take in a decision of the log; one that no request asked for is passed over."""
        if not decision.request_id:
            return
        self._decided += 1
        self._open.add(decision.decision_id)
        asked = self._asked.get(_number(decision.request_id))
        if asked is None:
            self._broken["decisions for what nobody asked"] += 1
        else:
            self._broken["requests decided twice"] += asked.decision != ""
            asked.decision, asked.logged_ms = decision.decision_id, written_ms

    def settle(self, decision_id: str) -> None:
        """Take in a settlement of the log."""
        if decision_id in self._open:
            self._open.remove(decision_id)
            self._settled += 1

    def unanswered(self) -> int:
        """Requests that Kafka has acknowledged and nobody has answered."""
        return int(np.count_nonzero((np.array(self._acknowledged) > 0) & (np.array(self._answered) == 0)))

    def close(self, kills: Iterable[float]) -> Requests:
        """Check what is still remembered, and count.

        Parameters
        ----------
        kills : when workers were killed, unix seconds
        """
        while self._asked:
            self._check(self._asked.popitem(last=False)[1])
        acknowledged, answered = np.array(self._acknowledged), np.array(self._answered)
        known = acknowledged > 0
        return Requests(
            len(known), int(np.count_nonzero(known)), self.unanswered(), dict(self._statuses), self._repeated,
            self._decided, self._settled,
            sum(int(np.count_nonzero(known & (acknowledged <= at) & (answered > at))) for at in kills), self._longest_s,
        )  # fmt: skip

    def _check(self, asked: _Asked) -> None:
        if asked.decision:
            written_ms = asked.written_ms.get(asked.decision)
            self._broken["decisions that no answer holds"] += written_ms is None
            self._broken["answered after the log had it"] += written_ms is not None and written_ms > asked.logged_ms


def _number(request_id: str) -> int:
    return int(request_id.rpartition("-")[2])
