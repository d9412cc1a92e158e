"""The server: requests are counted, limited and allowed or not, then answered; and it starts and stops in order."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from stream.config import Config
from stream.errors import UsageError
from stream.gateway.access import Buckets, Keys
from stream.gateway.api import CLIENT, ENDPOINTS, FEED, HELD, READER, SETTINGS, STOPPING, WORKER_S, WRITER, Endpoint
from stream.gateway.feed import Feed
from stream.gateway.fleet import addresses
from stream.gateway.openapi import document
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader
from stream.gateway.writer import Writer
from stream.metrics.gateway import GatewayMetrics

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
STATS_S = 1.0
DRAIN_S = 5.0  # for requests under way, at the end
LEAVE_S = 0.5  # between saying that one is not ready and taking no more: balancers must notice
PAGES = {"/": ("index.html", "text/html"), "/docs": ("docs.html", "text/html")} | {
    f"/console/{name}": (name, kind)
    for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript"), ("docs.js", "text/javascript"))
}
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def check(config: Config) -> Keys:
    """The keys; without any only this machine is served, unless that is wanted.

    Raises
    ------
    UsageError
        for keys that are none, or an address that others can reach without them
    """
    keys, gateway = Keys(config.gateway.keys), config.gateway
    if not keys and not gateway.open and gateway.host not in LOOPBACK:
        raise UsageError(
            f"gateway.host {gateway.host}: others could reach it without a key: set HEADWATER_GATEWAY_KEYS, or "
            "gateway.open if everybody may read, write and delete"
        )
    return keys


def build(config: Config, partitions: dict[str, int]) -> web.Application:
    """Make the application; `partitions` of each topic, by full name."""
    keys, buckets = check(config), Buckets(config.gateway.rate, config.gateway.burst)
    read_model, feed = ReadModel(), Feed()
    reader, writer = Reader(config, partitions, read_model, feed), Writer(config)
    metrics = GatewayMetrics({
        "slates": lambda: len(read_model.slates), "items": lambda: len(read_model.items), "listeners": lambda: len(feed),
        "ready": reader.ready.is_set,
    })  # fmt: skip
    app = web.Application(
        client_max_size=config.gateway.max_body_bytes,
        middlewares=[_counted(metrics), _cors(config.gateway.cors_origins), _allowed(keys, buckets, metrics)],
    )
    app[SETTINGS], app[HELD], app[FEED], app[READER], app[WRITER] = config, read_model, feed, reader, writer
    app[STOPPING] = asyncio.Event()
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
    _add_pages(app, metrics, document(version("headwater")))
    app.cleanup_ctx.append(_running)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    """Everything that lives as long as the server."""
    await app[WRITER].start()
    await app[READER].start()
    app[CLIENT] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WORKER_S))
    stats = asyncio.create_task(_stats(app), name="gateway stats")
    yield
    stats.cancel()
    await app[CLIENT].close()
    await app[READER].stop()
    await app[WRITER].stop()


def _add_pages(app: web.Application, metrics: GatewayMetrics, openapi: dict[str, Any]) -> None:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive")

    async def readyz(request: web.Request) -> web.Response:
        reader = request.app[READER]
        if request.app[STOPPING].is_set():
            return web.Response(text="stopping", status=503)
        if not reader.ready.is_set():
            return web.Response(text=f"reading the topics: {reader.progress:.0%}", status=503)
        return web.Response(text=f"serving {len(request.app[HELD].slates)} users")

    async def scraped(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": metrics.content_type})

    async def described(_: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(openapi), content_type="application/json")

    for path, handler in (
        ("/healthz", healthz), ("/readyz", readyz), ("/metrics", scraped), ("/openapi.json", described)
    ):  # fmt: skip
        app.router.add_get(path, handler)
    folder = files("stream.gateway") / "console"
    for path, (name, kind) in PAGES.items():
        app.router.add_get(path, _page((folder / name).read_bytes(), kind))


def _page(body: bytes, kind: str) -> Handler:
    async def page(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return page


def _counted(metrics: GatewayMetrics) -> Any:
    """Counts, and turns whatever goes wrong into a problem document."""

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
            return _as_problem(request, error).response()
        except asyncio.CancelledError:
            status = 499  # the client went away
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return Problem(500, "the gateway failed; its log says why").response()
        finally:
            metrics.count(route, request.method, status, time.perf_counter() - started)

    return counted


def _as_problem(request: web.Request, error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(405, f"{request.path}: must be {allowed}; got {request.method}", headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(413, f"the body must have at most {request.app[SETTINGS].gateway.max_body_bytes} bytes")
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, f"{request.path}: there is no such page; /docs lists all")
    return Problem(error.status, error.reason)


def _cors(origins: str) -> Any:
    allowed = {origin.strip() for origin in origins.split(",") if origin.strip()}

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if origin not in allowed:
            return await handler(request)
        shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            asked = {
                "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": "600",
            }
            return web.Response(status=204, headers=shared | asked)
        try:
            response = await handler(request)
        except Problem as problem:
            problem.headers |= shared
            raise
        if not response.prepared:
            response.headers.update(shared)
        return response

    return cors


def _allowed(keys: Keys, buckets: Buckets, metrics: GatewayMetrics) -> Any:
    """Lets through who has a key with the scope, and tokens left; pages and probes are open to all."""
    scopes = {endpoint.handler: endpoint for endpoint in ENDPOINTS}

    @web.middleware
    async def allowed(request: web.Request, handler: Handler) -> web.StreamResponse:
        endpoint: Endpoint | None = scopes.get(request.match_info.handler)
        if endpoint is None:
            return await handler(request)
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        caller = keys.caller(given if kind.lower() == "bearer" else None, request.remote or "unknown")
        if caller is None:
            raise Problem(401, "a key is needed: Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"})
        wait = buckets.take(caller.name, time.monotonic())
        if wait:
            metrics.limited.inc()
            raise Problem(
                429,
                f"more than {buckets.rate:g} requests a second: wait {wait:g} s",
                headers={"Retry-After": f"{wait:g}"},
            )
        if endpoint.scope not in caller.scopes:
            raise Problem(
                403, f"the key must have the scope {endpoint.scope}; it has {', '.join(sorted(caller.scopes))}"
            )
        return await handler(request)

    return allowed


async def _stats(app: web.Application) -> None:
    """Tell who listens, once a second, how things stand."""
    while True:
        await asyncio.sleep(STATS_S)
        if app[FEED].wanted("stats"):
            app[FEED].publish("stats", stats(app[HELD]) | await _workers(app))


def stats(read_model: ReadModel) -> dict[str, Any]:
    """Figures and curves of the last minutes."""
    return {
        "users": len(read_model.slates),
        "items": len(read_model.items),
        "latency_ms": [None if (value := read_model.latency(q)) is None else 1e3 * value for q in (0.5, 0.99)],
        "seconds": [list(second) for second in read_model.seconds],
        "slots": dict(read_model.slots.most_common()),
        "hits": read_model.hits,
        "worth": [[state, source, *found] for (state, source), found in sorted(read_model.worth.items())],
    }


async def _workers(app: web.Application) -> dict[str, Any]:
    """Lag and drift, as the workers' metrics tell; nothing if none is configured or answers."""
    workers = await addresses(app[SETTINGS].gateway.workers)
    lag, drift, answered = 0.0, dict[str, float](), 0
    for worker in workers:
        try:
            async with app[CLIENT].get(f"{worker}/metrics") as response:
                page = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            continue
        answered += 1
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == "headwater_consumer_lag_events":
                    lag += sample.value
                elif sample.name == "headwater_drift_total" and sample.value > 0:
                    drift[sample.labels["model"]] = max(drift.get(sample.labels["model"], 0.0), sample.value)
    return {"workers": [answered, len(workers)], "lag": lag if answered else None, "drift": drift}


async def serve(config: Config, partitions: dict[str, int], started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish what is under way.

    Parameters
    ----------
    started : called with the address once it listens
    """
    app = build(config, partitions)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.gateway.host, config.gateway.port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"gateway: cannot listen on {config.gateway.host}:{config.gateway.port}: {error}"
            ) from error
        port = runner.addresses[0][1]
        host = f"[{config.gateway.host}]" if ":" in config.gateway.host else config.gateway.host
        started(f"http://{host}:{port}")
        asked = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        await asked.wait()
        app[STOPPING].set()
        await asyncio.sleep(LEAVE_S)
    finally:
        await runner.cleanup()
