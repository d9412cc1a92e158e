"""What surrounds every request: it is counted, errors become problem documents, origins and keys are checked.

CORS is written here: aiohttp-cors (0.8) does not send `Vary: Origin`, without which a shared cache may give the answer
for one origin to another; it wants every route registered twice.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from stream.gateway.access import Buckets, Keys
from stream.gateway.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}

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
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return Problem(500, "the gateway failed; its log says why").response()
        finally:
            count(route, request.method, status, time.perf_counter() - started)

    return counted


def _as_problem(request: web.Request, error: web.HTTPException, max_body_bytes: int) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(405, f"{request.path}: must be {allowed}; got {request.method}", headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(413, f"the body must have at most {max_body_bytes} bytes")
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, f"{request.path}: there is no such page; /docs lists all")
    return Problem(error.status, error.reason)


def sharing(origins: str) -> Any:
    """Allows pages of the origins in `origins`, separated by commas, to read answers (CORS)."""
    allowed = {origin.strip() for origin in origins.split(",") if origin.strip()}

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if origin not in allowed:
            return await handler(request)
        shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=shared | PREFLIGHT)
        try:
            response = await handler(request)
        except Problem as problem:
            problem.headers |= shared
            raise
        if not response.prepared:
            response.headers.update(shared)
        return response

    return cors


def authorising(keys: Keys, buckets: Buckets, scopes: Mapping[Any, str], limited: Callable[[], None]) -> Any:
    """Admits requests that have a key with the scope of their handler, and tokens left.

    Parameters
    ----------
    scopes : of each handler; a handler without one, such as a page or a probe, is open to all
    limited : called for every request above the rate
    """

    @web.middleware
    async def authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
        scope = scopes.get(request.match_info.handler)
        if scope is None:
            return await handler(request)
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        caller = keys.caller(given if kind.lower() == "bearer" else None, request.remote or "unknown")
        if caller is None:
            raise Problem(401, "a key is needed: Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"})
        wait = buckets.take(caller.name, time.monotonic())
        if wait:
            limited()
            raise Problem(
                429,
                f"more than {buckets.rate:g} requests a second: wait {wait:g} s",
                headers={"Retry-After": f"{wait:g}"},
            )
        if scope not in caller.scopes:
            raise Problem(403, f"the key must have the scope {scope}; it has {', '.join(sorted(caller.scopes))}")
        return await handler(request)

    return authorised
