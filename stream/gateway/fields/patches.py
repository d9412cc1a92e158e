"""Changes of single fields of an item or a user: merged with the newest version that is known, one writer at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from cachetools import TTLCache

from stream.gateway.problems import Problem
from stream.records.schemas import Item, Profile

MAX_WRITES, MAX_CHAIN = 500, 8  # records, and versions of each, that are kept
KEPT_S = 10.0  # until they have long come back from Kafka

Key = tuple[str, str]  # the topic, and the id of the item or user
R = TypeVar("R", Item, Profile)
_OBJECT = msgspec.json.Decoder(dict[str, Any])


class Patches:
    """The gateway's own changes that it has not read back yet, and turns for each item and user."""

    def __init__(self) -> None:
        self._wrote: TTLCache[Key, list[Any]] = TTLCache(MAX_WRITES, KEPT_S)  # versions, the newest last
        self._turns: dict[Key, tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Wait until no other request changes the same."""
        lock, waiting = self._turns.setdefault(key, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                self._turns.pop(key, None)

    def newest(self, key: Key, read: R | None) -> R | None:
        """The record: as it was read, or as it was changed here if that has not come back yet."""
        chain: list[R | None] = self._wrote.get(key, [])
        return chain[-1] if read in chain else read

    def wrote(self, key: Key, read: R | None, after: R | None) -> None:
        """Keep a change that Kafka has acknowledged; `read` is the record as it has come back by now.

        >>> patches, key = Patches(), ("catalog.items", "i")
        >>> first, second = Item(item_id="i"), Item(item_id="i", title="Mug")
        >>> patches.wrote(key, None, first)
        >>> patches.wrote(key, None, second)
        >>> [patches.newest(key, read) == second for read in (None, first, second)]
        [True, True, True]
        """
        chain: list[R | None] = self._wrote.get(key, [])
        self._wrote[key] = [*(chain if read in chain else [read]), after][-MAX_CHAIN:]


def whole_of(item: Item) -> dict[str, Any]:
    """All fields of an item, those with their defaults too."""
    return {name: msgspec.to_builtins(getattr(item, name)) for name in item.__struct_fields__}


def etag(record: Item | Profile) -> dict[str, str]:
    """The header that names a version of a record."""
    return {"ETag": f'"{blake2b(msgspec.json.encode(record), digest_size=12).hexdigest()}"'}


def matches(request: web.Request, record: Item | Profile | None) -> None:
    """Refuse a change that was meant for another version.

    Raises
    ------
    Problem
        412 if the header `If-Match` does not name the record as it is, or there is none
    """
    wanted = request.headers.get("If-Match")
    if wanted is None or (record is not None and wanted.strip() == "*"):
        return
    if record is None or etag(record)["ETag"] not in (part.strip() for part in wanted.split(",")):
        raise Problem(412, "If-Match: this is another version by now: read it again, and repeat the change")


def merged(record: Item | Profile, change: bytes) -> bytes:
    """The record with a change of some fields: null clears one, entries of `attributes` are changed one by one.

    >>> merged(Item(item_id="i", title="Mug", attributes={"a": 1.0}), b'{"price": 8, "attributes": {"b": 2}}')
    b'{"item_id":"i","title":"Mug","attributes":{"a":1.0,"b":2},"price":8}'
    """
    found, given = msgspec.to_builtins(record), _OBJECT.decode(change)
    if isinstance(given.get("attributes"), dict):
        given["attributes"] = found.get("attributes", {}) | given["attributes"]
        given["attributes"] = {name: value for name, value in given["attributes"].items() if value is not None}
    found |= given
    return msgspec.json.encode({name: value for name, value in found.items() if value is not None})
