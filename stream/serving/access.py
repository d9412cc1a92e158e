"""Who may read a worker's pages: the holder of the token; without one, this machine alone.

/healthz and /readyz answer everybody: probes carry no token, and both say nothing about users. Without a token a page
of some web site could still read this machine's pages through the user's browser, once its own name leads to 127.0.0.1;
such a request names a host that is not this machine, and is refused.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from stream.config import Worker
from stream.errors import UsageError

PROBES = {"/healthz", "/readyz"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def check(worker: Worker) -> None:
    """Check that nobody else can read the pages without a token, unless `worker.open` is set.

    Raises
    ------
    UsageError
        for an address that others can reach
    """
    if not worker.token and not worker.open and not is_loopback(worker.host):
        raise UsageError(
            f"worker.host {worker.host}: others could read /metrics, /explanation and /fingerprint: set "
            "HEADWATER_WORKER_TOKEN, or worker.open if everybody may"
        )


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only mean this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.9", "[::1]", "0.0.0.0", "shop.example")]
    [True, True, True, False, False]
    """
    host = host.strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def guarding(worker: Worker) -> Any:
    """A middleware that lets nobody pass who may not read the pages."""
    expected = f"Bearer {worker.token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBES:
            return await handler(request)
        if worker.token:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, expected):
                return web.Response(
                    text="Authorization: must be `Bearer` and the token of the setting worker.token\n",
                    status=401, headers={"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
        elif not worker.open and not is_loopback(_name(request.host)):
            return web.Response(
                text="Host: must be this machine (127.0.0.1, localhost); set worker.token to be asked by other names\n",
                status=421,
            )
        return await handler(request)

    return guard


def _name(host: str) -> str:
    """The host of a Host header without its port."""
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
