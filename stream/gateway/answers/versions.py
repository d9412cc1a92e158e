"""Versions of answers: a strong ETag for each representation, and 304 where the caller has it (RFC 9110, 13)."""

import asyncio
import re
from collections.abc import Mapping
from hashlib import blake2b

from aiohttp import web

REVALIDATED = "private, no-cache"  # kept by the caller only, who asks each time whether it still holds
LONG = 100_000  # bytes of a representation, some 0.1 ms to digest
_TAGS = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag_of(body: bytes) -> str:
    """The ETag of a representation, by its bytes.

    >>> tag_of(b"{}") == tag_of(b"{}") != tag_of(b"[]")
    True
    """
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


async def versioned(
    request: web.Request, body: bytes, tag: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer in JSON with its version; 304 without a body if the header If-None-Match names it.

    Parameters
    ----------
    tag : another ETag than that of the bytes
    """
    if not tag:  # a long one is digested beside the loop, so that others are served
        tag = tag_of(body) if len(body) < LONG else await asyncio.to_thread(tag_of, body)
    found = {"ETag": tag, "Cache-Control": REVALIDATED, **(headers or {})}
    if _names(", ".join(request.headers.getall("If-None-Match", [])), tag):
        return web.Response(status=304, headers=found)
    return web.Response(body=body, content_type="application/json", headers=found)


def _names(header: str, tag: str) -> bool:
    """Whether If-None-Match names a version; weak tags are compared by their text, as it says there.

    >>> _names('W/"a", "b"', '"a"'), _names('"a,b"', '"a"'), _names("*", '"a"'), _names("", '"a"')
    (True, False, True, False)
    """
    return header.strip() == "*" or tag in _TAGS.findall(header)
