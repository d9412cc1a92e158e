"""Requests that are repeated with the same `Idempotency-Key`: they are answered as the first was, and done once.

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header): the same key
with another body is 422, a key whose first request is not answered yet is 409. What may be sent again (with
`Retry-After`) is not kept. The store is this gateway's own and ends with it; beyond it, workers drop event ids that
they know.
"""

import re
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import NamedTuple

from aiohttp import web

from stream.gateway.memory.bounded import Bounded
from stream.gateway.problems import Problem

KEPT_S = 86_400.0
MAX_BYTES = 32_000_000  # of all answers that are kept
_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([\x21\x23-\x7e]{1,255})')


class _Kept(NamedTuple):
    """How a request was answered."""

    digest: bytes  # of its body
    until: float  # seconds of a steady clock
    status: int
    body: bytes
    content_type: str


def key_of(request: web.Request) -> str | None:
    """The header: a string in quotation marks, as the draft has it, or without; None: there is none.

    Raises
    ------
    Problem
        400 for what can be no key
    """
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return None
    found = _KEY.fullmatch(given[0].strip())
    if found is None or len(given) > 1:
        raise Problem(400, "Idempotency-Key: must be given once, 1 to 255 visible characters, best in quotation marks")
    return found[1] or found[2]


class Replays:
    """Answers by caller and key."""

    def __init__(self, max_bytes: float = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = Bounded[_Kept](max_bytes, lambda kept: len(kept.body), lambda _: None)
        self._running: dict[str, bytes] = {}  # digests of the bodies of requests that are not answered yet

    def __len__(self) -> int:
        return len(self._kept)

    async def once(
        self, caller: str, key: str | None, body: bytes, do: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """Do what a request asks for, or answer as it was answered before.

        Parameters
        ----------
        key : None: it is done in any case

        Raises
        ------
        Problem
            422 if the key came with another body, 409 if its first request is not answered yet
        """
        if key is None:
            return await do()
        name, digest = f"{caller}\n{key}", blake2b(body, digest_size=16).digest()
        kept = self._kept.get(name)
        if kept is not None and kept.until < self._clock():
            del self._kept[name]
            kept = None
        before = self._running.get(name) if kept is None else kept.digest
        if before not in (None, digest):
            raise Problem(422, "Idempotency-Key: came with another body before: a new request needs a new key")
        if kept is not None:
            headers = {"Idempotency-Replayed": "true"}
            return web.Response(body=kept.body, status=kept.status, content_type=kept.content_type, headers=headers)
        if before is not None:
            raise Problem(
                409, "Idempotency-Key: the first request with it is not answered yet: repeat it later",
                headers={"Retry-After": "1"},
            )  # fmt: skip
        self._running[name] = digest
        try:
            found = await do()
        finally:
            del self._running[name]
        if found.status < 500 and "Retry-After" not in found.headers and isinstance(found.body, bytes):
            until = self._clock() + KEPT_S
            self._kept[name] = _Kept(digest, until, found.status, found.body, found.content_type)
        return found
