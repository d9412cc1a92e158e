"""Who may read /metrics: this machine, or whoever has the token."""

import hmac

from aiohttp import web

from stream.gateway.guard.hosts import is_loopback
from stream.gateway.problems import Problem


def check_scrape(request: web.Request, token: str, *, is_open: bool) -> None:
    """Refuse those who may not read the metrics.

    Parameters
    ----------
    token : `gateway.metrics_token`; empty: requests from loopback only
    is_open : `gateway.open`: everybody may do everything, so this too

    Raises
    ------
    Problem
        401 or 403
    """
    if token:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        sent = given.strip().encode("utf-8", "surrogateescape")
        if kind.lower() != "bearer" or not hmac.compare_digest(sent, token.encode()):
            raise Problem(
                401, "/metrics: needs gateway.metrics_token: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
    elif not is_open and not is_loopback(request.remote or ""):
        raise Problem(403, "/metrics: is for this machine only: for others set HEADWATER_GATEWAY_METRICS_TOKEN")
