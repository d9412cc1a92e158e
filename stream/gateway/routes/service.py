"""Requests about the gateway itself: tokens, probes, metrics, the document."""

from stream.gateway import api
from stream.gateway.contract.route import Answer, Body, Route
from stream.gateway.handlers import probes
from stream.gateway.routes.shared import NOON
from stream.records.http.answers import IssuedToken

TEXT = "text/plain"
TOKEN = IssuedToken(token="eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", token_id="Zk3v", user_id="ada", expires=NOON + 3600)  # noqa: S106  an example
SCRAPED = "headwater_gateway_slates 3706.0\n"
EMPTY = {"openapi": "3.1.0", "info": {"title": "headwater gateway", "version": "0.1.0"}, "paths": {}}

SERVICE = (
    Route(
        "POST", "/v1/tokens", api.issue_token, scope="admin|events+slates",
        body=Body("TokenRequest", {"hour": {"user_id": "ada", "seconds": 3600}}),
        answers={201: Answer("signed", (IssuedToken,), {"ada": TOKEN})},
        problems={501: "there are no tokens: see gateway.token_secret"},
    ),
    Route("GET", "/healthz", probes.healthz, {200: Answer("alive", content=TEXT, examples={"alive": "alive"})}),
    Route(
        "GET", "/readyz", probes.readyz,
        {200: Answer("ready", content=TEXT, examples={"ready": "serving 3706 users"})},
        problems={503: "starting, stopping or failed; `detail` says which"},
    ),
    Route(
        "GET", "/metrics", probes.metrics,
        {200: Answer("in Prometheus's text format", content=TEXT, examples={"slates": SCRAPED})},
        problems={401: "needs gateway.metrics_token", 403: "is for this machine only"},
    ),
    Route("GET", "/openapi.json", probes.openapi, {200: Answer("this document", examples={"empty": EMPTY})}),
)  # fmt: skip
