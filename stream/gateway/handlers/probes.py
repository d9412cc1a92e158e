"""Handlers for those who watch the gateway: probes, metrics, and the OpenAPI document."""

from aiohttp import web

from stream.gateway.guard.scrapes import check_scrape
from stream.gateway.handlers.parts import METRICS, OPENAPI, READ_MODEL, READER, SETTINGS, STOPPING


async def healthz(_: web.Request) -> web.Response:
    """Whether the process lives."""
    return web.Response(text="alive")


async def readyz(request: web.Request) -> web.Response:
    """Whether it serves: 503 until the topics are read, and when it stops."""
    reader = request.app[READER]
    if request.app[STOPPING].is_set():
        return web.Response(text="stopping", status=503)
    if reader.stopped:
        return web.Response(text="the topics are read no more: the log says why", status=503)
    if not reader.ready.is_set():
        return web.Response(text=f"reading the topics: {reader.progress:.0%}", status=503)
    return web.Response(text=f"serving {len(request.app[READ_MODEL].slates)} users")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus's metrics, for requests from loopback or with `gateway.metrics_token`."""
    gateway, found = request.app[SETTINGS].gateway, request.app[METRICS]
    check_scrape(request, gateway.metrics_token, is_open=gateway.open)
    return web.Response(body=found.render(), headers={"Content-Type": found.content_type})


async def openapi(request: web.Request) -> web.Response:
    """The OpenAPI document."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json")
