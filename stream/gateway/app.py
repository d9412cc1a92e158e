"""The server: its endpoints, and what starts and stops with it, in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from stream.config import Config
from stream.errors import UsageError
from stream.gateway.access import Buckets, Keys
from stream.gateway.api import CLIENT, ENDPOINTS, FEED, READ_MODEL, READER, SETTINGS, STOPPING, WRITER
from stream.gateway.documents import stats_document
from stream.gateway.feed import Feed
from stream.gateway.fleet import TIMEOUT_S, addresses, lag_and_drift
from stream.gateway.middleware import Handler, authorising, counting, sharing
from stream.gateway.openapi import document
from stream.gateway.read_model import ReadModel, warm_up
from stream.gateway.reader import Reader
from stream.gateway.writer import Writer
from stream.metrics.gateway import GatewayMetrics
from stream.serving.ending import end_in_time

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
STATS_S = 1.0
DRAIN_S = 5.0  # for requests in progress, at the end
LEAVE_S = 0.5  # between "not ready" and closing the port, for load balancers to notice
CONSOLE = {"/": ("index.html", "text/html"), "/docs": ("docs.html", "text/html")} | {
    f"/console/{name}": (name, kind)
    for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript"), ("docs.js", "text/javascript"))
}
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def check(config: Config) -> Keys:
    """Read the keys; without any, only loopback may be served, unless `gateway.open` is set.

    Raises
    ------
    UsageError
        for malformed keys, or an address that others can reach without one
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
        "slates": lambda: len(read_model.slates), "items": lambda: len(read_model.items),
        "listeners": lambda: len(feed), "ready": reader.ready.is_set,
    })  # fmt: skip
    scopes = {endpoint.handler: endpoint.scope for endpoint in ENDPOINTS}
    app = web.Application(
        client_max_size=config.gateway.max_body_bytes,
        middlewares=[
            counting(metrics.count, config.gateway.max_body_bytes),
            sharing(config.gateway.cors_origins),
            authorising(keys, buckets, scopes, metrics.limited.inc),
        ],
    )
    app[SETTINGS], app[READ_MODEL], app[FEED], app[READER], app[WRITER] = config, read_model, feed, reader, writer
    app[STOPPING] = asyncio.Event()
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
    _add_endpoints(app, metrics, document(version("headwater")))
    app.cleanup_ctx.append(_running)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    """What runs as long as the server does."""
    await asyncio.to_thread(warm_up)
    await app[WRITER].start()
    await app[READER].start()
    token = app[SETTINGS].worker.token
    headers = {"Authorization": f"Bearer {token}"} if token else None  # for the workers, whom alone it asks
    app[CLIENT] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), headers=headers)
    stats = asyncio.create_task(_stats(app), name="gateway stats")
    yield
    stats.cancel()
    await app[CLIENT].close()
    await app[READER].stop()
    await app[WRITER].stop()


def _add_endpoints(app: web.Application, metrics: GatewayMetrics, openapi: dict[str, Any]) -> None:
    """Probes, metrics, the OpenAPI document and the console's files."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive")

    async def readyz(request: web.Request) -> web.Response:
        reader = request.app[READER]
        if request.app[STOPPING].is_set():
            return web.Response(text="stopping", status=503)
        if not reader.ready.is_set():
            return web.Response(text=f"reading the topics: {reader.progress:.0%}", status=503)
        return web.Response(text=f"serving {len(request.app[READ_MODEL].slates)} users")

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": metrics.content_type})

    async def openapi_json(_: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(openapi), content_type="application/json")

    for path, handler in (
        ("/healthz", healthz), ("/readyz", readyz), ("/metrics", scrape), ("/openapi.json", openapi_json)
    ):  # fmt: skip
        app.router.add_get(path, handler)
    folder = files("stream.gateway") / "console"
    for path, (name, kind) in CONSOLE.items():
        app.router.add_get(path, _file((folder / name).read_bytes(), kind))


def _file(body: bytes, kind: str) -> Handler:
    async def serve_file(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return serve_file


async def _stats(app: web.Application) -> None:
    """Publish the figures once a second, while anybody listens to them."""
    while True:
        await asyncio.sleep(STATS_S)
        if app[FEED].wanted("stats"):
            workers = await addresses(app[SETTINGS].gateway.workers)
            app[FEED].publish("stats", stats_document(app[READ_MODEL]) | await lag_and_drift(app[CLIENT], workers))


async def serve(config: Config, partitions: dict[str, int], started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish the requests in progress.

    Parameters
    ----------
    started : called with the address when the port is open
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
        end_in_time(config.kafka, lambda: 0)
        app[STOPPING].set()
        await asyncio.sleep(LEAVE_S)
    finally:
        await runner.cleanup()
