"""What nobody reads: parameters of a query are refused, fields of a body are named in `warnings`.

A misspelt parameter changes the answer at once, so it is an error. A field may be one that a newer version reads, so
the record is written, and the answer says which name was meant.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec
from aiohttp import web

from stream.gateway.problems import Problem
from stream.records.unknown import SHOWN, nearest, unknown_fields

WARNED = 20  # documents of a request that are looked at, and warnings of an answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def warned(record: type[msgspec.Struct], *bodies: bytes) -> dict[str, list[str]]:
    """The part of an answer that names unknown fields; empty if there are none."""
    found = dict.fromkeys(one for body in bodies for one in unknown_fields(record, body))
    return {"warnings": list(found)[:WARNED]} if found else {}


def known_parameters(of: Mapping[Any, Collection[str]]) -> Any:
    """A middleware that refuses parameters which the handler does not read.

    Parameters
    ----------
    of : handler -> names of its parameters; handlers that are not in it take anything
    """

    @web.middleware
    async def refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
        anything = request.match_info.handler not in of
        known = of.get(request.match_info.handler, ())
        for name in () if anything else request.query:
            if name not in known:
                takes = f"known: {', '.join(sorted(known))}" if known else "it takes none"
                raise Problem(422, f"{name[:SHOWN]!r}: is no parameter of this request; {takes}{nearest(name, known)}")
        return await handler(request)

    return refusing
