"""Changes of single fields of an item: merged with the newest version that is known, one writer at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import msgspec
from aiohttp import web
from cachetools import LRUCache

from stream.gateway.problems import Problem
from stream.records.schemas import Item

MAX_WRITES = 10_000  # own changes that are kept until they have come back from Kafka

_OBJECT = msgspec.json.Decoder(dict[str, Any])


class Patches:
    """The gateway's own changes that it has not read back yet, and turns for each item."""

    def __init__(self) -> None:
        self._wrote: LRUCache[str, tuple[Item, Item]] = LRUCache(MAX_WRITES)  # item -> what was changed, into what
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
        wrote = self._wrote.get(item_id)
        return wrote[1] if wrote is not None and read == wrote[0] else read

    def wrote(self, item_id: str, before: Item, after: Item) -> None:
        """Keep a change that Kafka has acknowledged; a chain of changes begins at the version that was read."""
        chain = self._wrote.get(item_id)
        self._wrote[item_id] = (chain[0] if chain is not None and chain[1] == before else before, after)


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
