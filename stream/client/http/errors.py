"""What can go wrong with a request: the gateway refused it, or no answer came."""

from stream.errors import HeadwaterError
from stream.records.http.answers import ProblemDetails


class GatewayError(HeadwaterError):
    """Base of both."""


class NoAnswerError(GatewayError):
    """The gateway was not reached, or did not answer in time; `sent`: it may have received the request."""

    retriable = True

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class ProblemError(GatewayError):
    """The gateway answered with a problem document.

    >>> problem = ProblemDetails(title="Not Found", status=404, detail="item 'cup': must be in the catalogue")
    >>> str(ProblemError("GET /v1/items/cup", problem)), ProblemError("", problem).retriable
    ("GET /v1/items/cup: 404: item 'cup': must be in the catalogue", False)

    Parameters
    ----------
    request : method and path
    retry_after_s : seconds after which the gateway wants to be asked again, if it said so
    """

    def __init__(self, request: str, problem: ProblemDetails, retry_after_s: float | None = None) -> None:
        super().__init__(f"{request}: {problem.status}: {problem.detail}")
        self.problem, self.status, self.retry_after_s = problem, problem.status, retry_after_s
        self.retriable = problem.status in TEMPORARY or retry_after_s is not None


TEMPORARY = frozenset({408, 429, 502, 503, 504})
