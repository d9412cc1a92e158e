"""Errors as JSON documents: RFC 9457, problem details for HTTP APIs."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818  the word of the RFC
    """Ends a request; `detail` says what must hold, what came, and what to do.

    >>> Problem(404, "item 'i1' is not in the catalogue").response().status
    404
    """

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers or {}, more

    def response(self) -> web.Response:
        """The response with the document."""
        document = {"title": HTTPStatus(self.status).phrase, "status": self.status, "detail": self.detail} | self.more
        return web.Response(
            body=orjson.dumps(document), status=self.status, content_type=CONTENT_TYPE, headers=self.headers
        )
