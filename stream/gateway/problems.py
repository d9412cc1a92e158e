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
        found = web.Response(
            body=orjson.dumps(self.document()), status=self.status, content_type=CONTENT_TYPE, headers=self.headers
        )
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            found.force_close()
        return found

    def raw(self) -> bytes:
        """The response as bytes, for a connection without a request; the connection is closed after it."""
        body = orjson.dumps(self.document())
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", f"Content-Type: {CONTENT_TYPE}",
            f"Content-Length: {len(body)}", "Connection: close", *(f"{k}: {v}" for k, v in self.headers.items()),
        ]  # fmt: skip
        return "\r\n".join((*lines, "", "")).encode() + body

    def document(self) -> dict[str, Any]:
        """The document; of what came, bytes that are no text are shown as question marks."""
        detail = self.detail.encode("utf-8", "replace").decode()
        return {"title": HTTPStatus(self.status).phrase, "status": self.status, "detail": detail} | self.more
