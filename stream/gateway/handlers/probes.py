"""Handlers for those who watch the gateway: probes, metrics, and the OpenAPI document."""

from aiohttp import web

from stream.gateway.guard.scrapes import check_scrape
from stream.gateway.handlers.parts import METRICS, OPENAPI, READ_MODEL, READER, SETTINGS, STOPPING
from stream.gateway.problems import Problem


async def healthz(_: web.Request) -> web.Response:
    """Whether the process lives."""
    return web.Response(text="alive")


async def readyz(request: web.Request) -> web.Response:
    """Whether it serves: 503 until the topics are read, and when it stops. What it does not see is said behind it."""
    reader = request.app[READER]
    if request.app[STOPPING].is_set():
        raise Problem(503, "stopping")
    if reader.stopped:
        raise Problem(503, "the topics are read no more: the log says why")
    if not reader.ready.is_set():
        raise Problem(503, f"reading the topics: {reader.progress:.0%}", headers={"Retry-After": "1"})
    problem = f"; {reader.problem}" if reader.problem else ""  # no 503: it has slates, and a restart would refuse
    return web.Response(text=f"serving {len(request.app[READ_MODEL].slates)} users{problem}")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus's metrics, for requests from loopback or with `gateway.metrics_token`."""
    gateway, found = request.app[SETTINGS].gateway, request.app[METRICS]
    check_scrape(request, gateway.metrics_token, is_open=gateway.open)
    return web.Response(body=found.render(), headers={"Content-Type": found.content_type})


async def openapi(request: web.Request) -> web.Response:
    """The OpenAPI document."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json")
