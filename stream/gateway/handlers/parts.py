"""What handlers find in the application, how they read a body, and how they answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from stream.config import Config
from stream.gateway.feed import Feed
from stream.gateway.fields.patches import Patches
from stream.gateway.guard.keys import Keys
from stream.gateway.guard.tokens import Tokens
from stream.gateway.parameters import body_of
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader
from stream.gateway.writer import Writer
from stream.metrics.gateway import GatewayMetrics

READ_MODEL = web.AppKey("read_model", ReadModel)
READER = web.AppKey("reader", Reader)
WRITER = web.AppKey("writer", Writer)
FEED = web.AppKey("feed", Feed)
SETTINGS = web.AppKey("settings", Config)
CLIENT = web.AppKey("client", aiohttp.ClientSession)
PATCHES = web.AppKey("patches", Patches)
KEYS = web.AppKey("keys", Keys)
TOKENS = web.AppKey("tokens", Tokens)
METRICS = web.AppKey("metrics", GatewayMetrics)
OPENAPI = web.AppKey("openapi", bytes)
STOPPING = web.AppKey("stopping", asyncio.Event)


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json", headers=headers)


async def body(request: web.Request, max_bytes: int | None = None) -> bytes:
    """The body of a request, which the settings bound.

    Raises
    ------
    Problem
        for one that is too large, comes too late, or is not declared as JSON
    """
    gateway = request.app[SETTINGS].gateway
    return await body_of(request, gateway.request_s, min(gateway.max_body_bytes, max_bytes or gateway.max_body_bytes))
