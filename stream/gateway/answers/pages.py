"""Lists that are read page by page: a cursor says after which id a page begins, so that it holds on every gateway."""

import base64
import binascii

from aiohttp import web

from stream.gateway.parameters import text_of, whole_of
from stream.gateway.problems import Problem
from stream.records.ids import length_fault

USUAL, MOST = 100, 500  # entries of a page
MOST_BYTES = 1_000_000  # of a page, beyond which it ends early: an item may have 256 KiB


def cursor(kind: str, last: str) -> str:
    """What the next page is asked for with.

    >>> cursor("items", "tea"), read_cursor("items", cursor("items", "tea"))
    ('aXRlbXM6dGVh', 'tea')
    """
    return base64.urlsafe_b64encode(f"{kind}:{last}".encode()).decode().rstrip("=")


def read_cursor(kind: str, text: str) -> str:
    """The id after which a page begins; empty for the first.

    Raises
    ------
    Problem
        422 for what no answer of this list has given
    """
    if not text:
        return ""
    try:
        found, _, last = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        found, last = "", ""
    if found != kind or length_fault(last) or cursor(kind, last) != text:
        raise Problem(422, f"cursor: must be `next` of an answer of this list; got {text[:60]!r}")
    return last


def page_of(request: web.Request, kind: str) -> tuple[str, int]:
    """After which id the page begins that a request asks for, and how many entries it has at most."""
    return read_cursor(kind, text_of(request, "cursor")), whole_of(request, "limit", MOST, USUAL)
