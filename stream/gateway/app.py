"""The server: its endpoints, and what starts and stops with it, in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from importlib.resources import files

import aiohttp
import orjson
from aiohttp import web

from stream.config import Config
from stream.errors import UsageError
from stream.gateway.answers.replays import Replays
from stream.gateway.asking.questions import Questions
from stream.gateway.asking.requester import Requester
from stream.gateway.contract.document import document
from stream.gateway.documents import stats_document
from stream.gateway.feed import Feed
from stream.gateway.fields.patches import Patches
from stream.gateway.fields.unknown import known_parameters
from stream.gateway.fleet import TIMEOUT_S, addresses, lag_and_drift
from stream.gateway.guard.audit import Audit
from stream.gateway.guard.authorise import Guard, authorising
from stream.gateway.guard.connections import ConnectionLimits, Runner
from stream.gateway.guard.hosts import Hosts, answering_to, is_loopback
from stream.gateway.guard.keys import Keys
from stream.gateway.guard.limits import Attempts, Buckets
from stream.gateway.guard.tokens import Tokens
from stream.gateway.handlers.parts import (
    CLIENT,
    FEED,
    KEYS,
    LANGUAGES,
    METRICS,
    OPENAPI,
    PATCHES,
    QUESTIONS,
    READ_MODEL,
    READER,
    REPLAYS,
    REQUESTER,
    SETTINGS,
    STOPPING,
    TOKENS,
    WRITER,
)
from stream.gateway.middleware import Handler, completing, counting, expectation, sharing
from stream.gateway.read_model import ReadModel, warm_up
from stream.gateway.reader import Reader
from stream.gateway.reasons.languages import read_languages
from stream.gateway.routes import ROUTES
from stream.gateway.writer import Writer
from stream.metrics.gateway import GatewayMetrics
from stream.serving.ending import end_in_time

STATS_S = 1.0
KEYS_S = 1.0  # between two looks at the file of keys
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
        for malformed keys or secrets, or an address that others can reach without one
    """
    gateway = config.gateway
    keys = Keys(gateway.keys, gateway.keys_file)
    Tokens(gateway.token_secret)
    if not keys and not gateway.open and not is_loopback(gateway.host):
        raise UsageError(
            f"gateway.host {gateway.host}: others could reach it without a key: set HEADWATER_GATEWAY_KEYS, or "
            "gateway.open if everybody may read, write and delete"
        )
    return keys


def build(config: Config, partitions: dict[str, int]) -> web.Application:
    """Make the application; `partitions` of each topic, by full name."""
    gateway, keys = config.gateway, check(config)
    read_model = ReadModel(gateway.memory_mb * 1e6, afresh=config.sources.reused_ids == "afresh")
    feed = Feed(gateway.streams, gateway.streams_per_caller)
    tokens = Tokens(gateway.token_secret, config.kafka.namespace)
    metrics = GatewayMetrics({
        "slates": lambda: len(read_model.slates), "items": lambda: len(read_model.items),
        "listeners": lambda: len(feed), "ready": lambda: reader.ready.is_set() and not reader.stopped,
        "waiting": lambda: len(requester.waiting),
        "held_bytes": lambda: sum(store.currsize for store in read_model.stores),
        "evicted": lambda: sum(store.evicted for store in read_model.stores),
    })  # fmt: skip
    reader, writer = Reader(config, partitions, read_model, feed, metrics.unreadable), Writer(config)
    requester = Requester(config, partitions, read_model, metrics.unreadable, metrics.asked)
    guard = Guard(keys, tokens, Buckets(gateway.rate, gateway.burst), Attempts(), Audit())
    guarded = [route for route in ROUTES if route.scope]
    app = web.Application(
        client_max_size=gateway.max_body_bytes,
        middlewares=[
            counting(metrics.count, gateway.max_body_bytes),
            answering_to(Hosts(gateway.hosts, gateway.cors_origins, local=not keys and not gateway.open)),
            sharing(gateway.cors_origins),
            known_parameters({route.handler: route.parameters for route in guarded}),
            authorising(guard, {route.handler: route.access for route in guarded}, metrics.limited.inc),
        ],
    )
    app[KEYS], app[TOKENS] = keys, tokens
    app[LANGUAGES] = read_languages(gateway.reasons, gateway.lang, config.sources.extra)
    app[SETTINGS], app[READ_MODEL], app[FEED], app[READER], app[WRITER] = config, read_model, feed, reader, writer
    app[REQUESTER], app[QUESTIONS] = requester, Questions(requester, metrics.questioned)
    app[STOPPING], app[PATCHES], app[REPLAYS] = asyncio.Event(), Patches(), Replays()
    app[METRICS], app[OPENAPI] = metrics, orjson.dumps(document(version("headwater"), ROUTES))
    for route in ROUTES:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, route.path, route.handler, expect_handler=expectation)
    _add_console(app)
    app.cleanup_ctx.append(_running)
    app.on_response_prepare.append(completing(guard.buckets.policy))
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    """What runs as long as the server does."""
    await asyncio.to_thread(warm_up)
    await app[WRITER].start()
    await app[READER].start()
    await app[REQUESTER].start()
    token = app[SETTINGS].worker.token
    headers = {"Authorization": f"Bearer {token}"} if token else None  # for the workers, whom alone it asks
    app[CLIENT] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), headers=headers)
    tasks = [
        asyncio.create_task(_stats(app), name="gateway stats"),
        asyncio.create_task(_follow_keys(app[KEYS]), name="gateway keys"),
    ]
    yield
    for task in tasks:
        task.cancel()
    await app[CLIENT].close()
    await app[QUESTIONS].stop()
    await app[REQUESTER].stop()
    await app[READER].stop()
    await app[WRITER].stop()


def _add_console(app: web.Application) -> None:
    """The console's files."""
    folder = files("stream.gateway") / "console"
    for path, (name, kind) in CONSOLE.items():
        app.router.add_get(path, _file((folder / name).read_bytes(), kind))


def _file(body: bytes, kind: str) -> Handler:
    async def serve_file(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return serve_file


async def _follow_keys(keys: Keys) -> None:
    """Notice a changed file of keys."""
    while True:
        await asyncio.sleep(KEYS_S)
        keys.refresh()


async def _stats(app: web.Application) -> None:
    """Publish the figures once a second, while anybody listens to them."""
    while True:
        await asyncio.sleep(STATS_S)
        if app[FEED].wanted("stats"):
            workers = await addresses(app[SETTINGS].gateway.workers)
            figures = stats_document(app[READ_MODEL]) | await lag_and_drift(app[CLIENT], workers)
            app[FEED].publish("stats", lambda _: figures)  # noqa: B023  called at once


async def serve(config: Config, partitions: dict[str, int], started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish the requests in progress.

    Parameters
    ----------
    started : called with the address when the port is open
    """
    app = build(config, partitions)
    gateway = config.gateway
    limits = ConnectionLimits(gateway.request_s, gateway.connections, gateway.connections_per_address)
    runner = Runner(app, limits, shutdown_timeout=DRAIN_S)
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
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app[KEYS].refresh)
        await asked.wait()
        end_in_time(config.kafka, lambda: 0)
        app[STOPPING].set()
        await asyncio.sleep(LEAVE_S)
    finally:
        await runner.cleanup()
