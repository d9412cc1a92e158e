"""What surrounds every request: it is counted, errors become problem documents, origins are checked; keys: `guard`.

CORS is written here: aiohttp-cors (0.8) does not send `Vary: Origin`, without which a shared cache may give the answer
for one origin to another; it wants every route registered twice.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import HttpVersion11, web

from stream.gateway.guard.authorise import QUOTA
from stream.gateway.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}
# Headers of answers that pages of other origins may read.
EXPOSED = "Content-Language, ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After"
METHODS = frozenset(PREFLIGHT["Access-Control-Allow-Methods"].split(", ")) | {"HEAD", "OPTIONS"}

log = logging.getLogger(__name__)


def counting(count: Callable[[str, str, int, float], None], max_body_bytes: int) -> Any:
    """Counts requests by route, method and status with their seconds, and turns every error into a problem document."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        started, status = time.perf_counter(), 500
        resource = request.match_info.route.resource
        route = "none" if resource is None else resource.canonical
        try:
            response = await handler(request)
            status = response.status
            return response
        except Problem as problem:
            status = problem.status
            return problem.response()
        except web.HTTPException as error:
            status = error.status
            return _as_problem(request, error, max_body_bytes).response()
        except asyncio.CancelledError:
            status = 499  # the client disconnected
            raise
        except ConnectionError:
            status = 499
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return Problem(500, "the gateway failed; its log says why").response()
        finally:
            method = request.method if request.method in METHODS else "other"  # a sender may invent any number of them
            count(route, method, status, time.perf_counter() - started)

    return counted


def completing(policy: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Adds to every answer, just before it is sent, what is left to the caller, and that nobody keeps it unless told.

    Parameters
    ----------
    policy : of the limit, as a header
    """

    async def complete(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.setdefault("Cache-Control", "no-store")
        if (quota := request.get(QUOTA)) is not None:
            response.headers.update({"RateLimit-Policy": policy, "RateLimit": quota})

    return complete


async def expectation(request: web.Request) -> web.StreamResponse | None:
    """Answer the header Expect: None to go on with the request."""
    expected = request.headers.get("Expect", "")
    if request.version == HttpVersion11 and expected.lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None
    return Problem(417, f"Expect: must be 100-continue; got {expected[:40]!r}").response()


def _as_problem(request: web.Request, error: web.HTTPException, max_body_bytes: int) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        got = f"{request.path[:200]}: must be {allowed}; got {request.method[:20]}"
        return Problem(405, got, headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(413, f"the body must have at most {max_body_bytes} bytes")
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, f"{request.path[:200]}: there is no such page; /docs lists all")
    return Problem(error.status, error.reason)


def sharing(origins: str) -> Any:
    """Allows pages of the origins in `origins`, separated by commas, to read answers (CORS)."""
    allowed = {origin.strip() for origin in origins.split(",") if origin.strip()}

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if origin not in allowed:
            return await handler(request)
        shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": EXPOSED}
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=shared | PREFLIGHT)
        try:
            response = await handler(request)
        except Problem as problem:
            problem.headers |= shared
            raise
        if not response.prepared:
            vary = response.headers.get("Vary")
            response.headers.update(shared)
            if vary:
                response.headers["Vary"] = f"{vary}, Origin"
        return response

    return cors
