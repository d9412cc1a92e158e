"""What handlers find in the application, how they read a body, and how they answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from stream.config import Config
from stream.gateway.answers.replays import Replays
from stream.gateway.answers.versions import versioned
from stream.gateway.asking.questions import Questions
from stream.gateway.asking.requester import Requester
from stream.gateway.feed import Feed
from stream.gateway.fields.chosen import View, chosen
from stream.gateway.fields.patches import Patches
from stream.gateway.guard.keys import Keys
from stream.gateway.guard.tokens import Tokens
from stream.gateway.parameters import body_of, text_of
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader
from stream.gateway.reasons.languages import Languages
from stream.gateway.reasons.words import Words
from stream.gateway.writer import Writer
from stream.metrics.gateway import GatewayMetrics

READ_MODEL = web.AppKey("read_model", ReadModel)
READER = web.AppKey("reader", Reader)
REQUESTER = web.AppKey("requester", Requester)
QUESTIONS = web.AppKey("questions", Questions)
WRITER = web.AppKey("writer", Writer)
FEED = web.AppKey("feed", Feed)
REPLAYS = web.AppKey("replays", Replays)
SETTINGS = web.AppKey("settings", Config)
CLIENT = web.AppKey("client", aiohttp.ClientSession)
LANGUAGES = web.AppKey("languages", Languages)
PATCHES = web.AppKey("patches", Patches)
KEYS = web.AppKey("keys", Keys)
TOKENS = web.AppKey("tokens", Tokens)
METRICS = web.AppKey("metrics", GatewayMetrics)
OPENAPI = web.AppKey("openapi", bytes)
STOPPING = web.AppKey("stopping", asyncio.Event)


def words_of(request: web.Request) -> Words:
    """The language of reasons: by the parameter `lang`, else by the header Accept-Language, else by the setting."""
    asked = text_of(request, "lang")
    languages = request.app[LANGUAGES]
    return languages.named(asked) if asked else languages.accepted(request.headers.get("Accept-Language", ""))


def view_of(request: web.Request) -> View:
    """How the request wants items and reasons."""
    return View(chosen(text_of(request, "fields")), words_of(request))


async def worded(request: web.Request, data: Any, words: Words) -> web.Response:
    """An answer with reasons and its version, which caches keep apart by language."""
    headers = {"Content-Language": words.language, "Vary": "Accept-Language"}
    return await versioned(request, orjson.dumps(data), headers=headers)


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
