"""When a request is sent again: how often, how soon, and which; without clock or connection, so that it can be tested.

What may not have been received is sent again whatever it is, so is what was refused for its rate. What may have been
carried out is sent again only if it is `repeatable`. No wait goes beyond the time that the caller gives.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import msgspec

from stream.client.http.call import Call, Reply
from stream.client.http.errors import GatewayError, NoAnswerError, ProblemError
from stream.records.http.answers import ProblemDetails

FIRST_S, LONGEST_S = 0.1, 5.0  # before the second attempt, before any; doubled by each
NOT_TAKEN = 429  # too early: the gateway did nothing
SHOWN = 200  # characters of an answer that is no problem document
T = TypeVar("T")
_PROBLEM = msgspec.json.Decoder(ProblemDetails)


class Patience(NamedTuple):
    """How long one call may take, and how often it is sent again."""

    timeout_s: float = 10.0
    retries: int = 4

    def pause(self, call: Call[Any], error: GatewayError, attempt: int, left_s: float, uniform: float) -> float | None:
        """Seconds until the next attempt; None: there is none.

        Parameters
        ----------
        attempt : that failed, from 0
        left_s : of the time for this call
        uniform : a random number in [0, 1): clients that failed together do not come back together

        >>> patience, call = Patience(), Call("GET", "/readyz", str)
        >>> lost = NoAnswerError("lost", sent=True)
        >>> [patience.pause(call._replace(repeatable=again), lost, 0, 10.0, 0.5) for again in (True, False)]
        [0.075, None]
        """
        if attempt >= self.retries or not _may_repeat(call, error):
            return None
        wait = min(LONGEST_S, FIRST_S * 2.0**attempt) * (0.5 + 0.5 * uniform)
        if isinstance(error, ProblemError) and error.retry_after_s is not None:
            wait = max(wait, error.retry_after_s + FIRST_S * uniform)
        return wait if wait < left_s else None


def _may_repeat(call: Call[Any], error: GatewayError) -> bool:
    if not error.retriable:
        return False
    taken = error.sent if isinstance(error, NoAnswerError) else getattr(error, "status", 0) != NOT_TAKEN
    return call.repeatable or not taken


def result_of(call: Call[T], reply: Reply) -> T:
    """What an answer says.

    Raises
    ------
    ProblemError
        if it is no success; a proxy's answer may be no problem document
    NoAnswerError
        if it cannot be read
    """
    if not reply.status < HTTPStatus.MULTIPLE_CHOICES:
        raise ProblemError(call.name, _problem(reply), _retry_after(reply.headers, datetime.now(UTC)))
    try:
        return call.read(reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoAnswerError(f"{call.name}: the answer cannot be read: {error}", sent=True) from error


def _problem(reply: Reply) -> ProblemDetails:
    try:
        return _PROBLEM.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ProblemDetails(title="", status=reply.status, detail=reply.body[:SHOWN].decode(errors="replace"))


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds, of a number or a date; None if neither is given.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> [_retry_after({"retry-after": text}, noon) for text in ("5", "Thu, 01 Jan 2026 12:00:30 GMT", "soon")]
    [5.0, 30.0, None]
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
