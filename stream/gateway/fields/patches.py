"""Changes of single fields of an item: merged with the newest version that is known, one writer at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import msgspec
from aiohttp import web
from cachetools import TTLCache

from stream.gateway.problems import Problem
from stream.records.schemas import Item

MAX_WRITES, MAX_CHAIN = 500, 8  # items, and versions of each, that are kept
KEPT_S = 10.0  # until they have long come back from Kafka

_OBJECT = msgspec.json.Decoder(dict[str, Any])


class Patches:
    """The gateway's own changes that it has not read back yet, and turns for each item."""

    def __init__(self) -> None:
        self._wrote: TTLCache[str, list[Item | None]] = TTLCache(MAX_WRITES, KEPT_S)  # versions, the newest last
        self._turns: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def turn(self, item_id: str) -> AsyncIterator[None]:
        """Wait until no other request changes the item."""
        lock, waiting = self._turns.setdefault(item_id, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                self._turns.pop(item_id, None)

    def newest(self, item_id: str, read: Item | None) -> Item | None:
        """The item: as it was read, or as it was changed here if that has not come back yet."""
        chain = self._wrote.get(item_id, [])
        return chain[-1] if read in chain else read

    def wrote(self, item_id: str, read: Item | None, after: Item | None) -> None:
        """Keep a change that Kafka has acknowledged; `read` is the item as it has come back by now.

        >>> patches, first, second = Patches(), Item(item_id="i"), Item(item_id="i", title="Mug")
        >>> patches.wrote("i", None, first)
        >>> patches.wrote("i", None, second)
        >>> [patches.newest("i", read) == second for read in (None, first, second)]
        [True, True, True]
        """
        chain = self._wrote.get(item_id, [])
        self._wrote[item_id] = [*(chain if read in chain else [read]), after][-MAX_CHAIN:]


def whole_of(item: Item) -> dict[str, Any]:
    """All fields of an item, those with their defaults too."""
    return {name: msgspec.to_builtins(getattr(item, name)) for name in item.__struct_fields__}


def etag(item: Item) -> dict[str, str]:
    """The header that names a version of an item."""
    return {"ETag": f'"{blake2b(msgspec.json.encode(item, order="sorted"), digest_size=12).hexdigest()}"'}


def matches(request: web.Request, item: Item) -> None:
    """Refuse a change that was meant for another version.

    Raises
    ------
    Problem
        412 if the header `If-Match` does not name the item as it is
    """
    wanted = request.headers.get("If-Match")
    if wanted is not None and wanted != "*" and etag(item)["ETag"] not in (part.strip() for part in wanted.split(",")):
        raise Problem(412, "If-Match: the item is another by now: read it again, and repeat the change")


def merged(item: Item, change: bytes) -> bytes:
    """The record with a change of some fields: null clears one, entries of `attributes` are changed one by one.

    >>> merged(Item(item_id="i", title="Mug", attributes={"a": 1.0}), b'{"price": 8, "attributes": {"b": 2}}')
    b'{"item_id":"i","title":"Mug","attributes":{"a":1.0,"b":2},"price":8}'
    """
    found, given = msgspec.to_builtins(item), _OBJECT.decode(change)
    if isinstance(given.get("attributes"), dict):
        given["attributes"] = found.get("attributes", {}) | given["attributes"]
        given["attributes"] = {name: value for name, value in given["attributes"].items() if value is not None}
    found |= given
    return msgspec.json.encode({name: value for name, value in found.items() if value is not None})
