"""Items and users: PUT is whole, PATCH is partial, GET reads, DELETE ends. Writes of one of them take turns."""

from typing import Any

import msgspec
import orjson
from aiohttp import web

from stream.gateway.answers.versions import REVALIDATED, versioned
from stream.gateway.documents import user_document
from stream.gateway.fields.patches import etag, matches, merged, whole_of
from stream.gateway.fields.unknown import warned
from stream.gateway.handlers.parts import PATCHES, READ_MODEL, WRITER, answer, body
from stream.gateway.parameters import id_of, raise_rejection, with_id
from stream.gateway.problems import Problem
from stream.records.codec import decode_item, decode_profile
from stream.records.limits import MAX_ITEM_BYTES, MAX_PROFILE_BYTES
from stream.records.schemas import Item, Profile
from stream.records.topics import ITEMS, USERS, Topic

_PROFILE = msgspec.json.Decoder(Profile)


async def get_item(request: web.Request) -> web.Response:
    """Read an item of the catalogue, as the gateway has it; the header `ETag` names this version."""
    if (item := _item(request, item_id := id_of(request, "item_id"))) is None:
        raise Problem(404, f"item {item_id!r}: must be in the catalogue; it is not")
    return await versioned(request, orjson.dumps(whole_of(item)), etag(item)["ETag"])


async def put_item(request: web.Request) -> web.Response:
    """Describe an item, whole: writes a record to catalog.items. Fields left out are empty from then on; see PATCH.

    `If-Match` with the `ETag` of GET refuses (412) if the item is another by now.
    """
    item_id = id_of(request, "item_id")
    given = with_id(await body(request, MAX_ITEM_BYTES), "item_id", request)
    raise_rejection(item := decode_item(item_id.encode(), given))
    key = ITEMS.name, item_id
    async with request.app[PATCHES].turn(key):
        matches(request, request.app[PATCHES].newest(key, _item(request, item_id)))
        await _write(request, ITEMS, item_id, given, item)
    return answer({"item_id": item_id, **warned(Item, given)}, 202)


async def patch_item(request: web.Request) -> web.Response:
    """Change fields of an item: null clears one, `attributes` are merged, all others stay (JSON merge patch).

    Merged with the item as this gateway has it; writes of one item take turns here. `If-Match` with the `ETag` of GET
    refuses (412) if the item is another by now. Of two gateways at the same moment, the later record holds.
    """
    item_id = id_of(request, "item_id")
    given = with_id(await body(request, MAX_ITEM_BYTES), "item_id", request)
    key = ITEMS.name, item_id
    async with request.app[PATCHES].turn(key):
        before = request.app[PATCHES].newest(key, _item(request, item_id))
        matches(request, before)
        if before is None:
            raise Problem(404, f"item {item_id!r}: must be in the catalogue to be changed; describe it with PUT")
        whole = merged(before, given)
        raise_rejection(item := decode_item(item_id.encode(), whole))
        await _write(request, ITEMS, item_id, whole, item)
    return answer({"item_id": item_id, **warned(Item, given)}, 202)


async def drop_item(request: web.Request) -> web.Response:
    """Remove an item from the catalogue: writes a tombstone to catalog.items."""
    item_id = id_of(request, "item_id", deleting=True)
    await _write(request, ITEMS, item_id, None, None)
    return answer({"item_id": item_id}, 202)


async def get_user(request: web.Request) -> web.Response:
    """Read what the gateway has of a user: attributes, last items, and the decision of the newest slate.

    The header `ETag` names the version of the attributes.
    """
    user_id = id_of(request, "user_id")
    if (found := user_document(user_id, request.app[READ_MODEL])) is None:
        raise Problem(404, f"user {user_id!r}: no attributes, no recent event and no slate are known here")
    version = etag(_user(request, user_id) or Profile(user_id=user_id))
    return answer(found, headers=version | {"Cache-Control": REVALIDATED})


async def put_user(request: web.Request) -> web.Response:
    """Set all of a user's attributes: writes a record to catalog.users. Attributes left out are gone from then on.

    `If-Match` with the `ETag` of GET refuses (412) if they are others by now; see PATCH.
    """
    user_id = id_of(request, "user_id")
    given = with_id(await body(request, MAX_PROFILE_BYTES), "user_id", request)
    raise_rejection(profile := decode_profile(user_id.encode(), given))
    key = USERS.name, user_id
    async with request.app[PATCHES].turn(key):
        matches(request, request.app[PATCHES].newest(key, _user(request, user_id)) or Profile(user_id=user_id))
        await _write(request, USERS, user_id, given, profile)
    return answer({"user_id": user_id, **warned(Profile, given)}, 202)


async def patch_user(request: web.Request) -> web.Response:
    """Change some of a user's attributes: null clears one, all others stay (JSON merge patch).

    A user without attributes gets the given ones. Merged with those that this gateway has; `If-Match` as for items.
    """
    user_id = id_of(request, "user_id")
    given = with_id(await body(request, MAX_PROFILE_BYTES), "user_id", request)
    key = USERS.name, user_id
    async with request.app[PATCHES].turn(key):
        before = request.app[PATCHES].newest(key, _user(request, user_id))
        if before is None and request.app[READ_MODEL].attributes.evicted:
            raise Problem(409, f"user {user_id!r}: this gateway may have dropped the attributes: send all with PUT")
        before = before or Profile(user_id=user_id)
        matches(request, before)
        whole = merged(before, given)
        raise_rejection(profile := decode_profile(user_id.encode(), whole))
        await _write(request, USERS, user_id, whole, profile)
    return answer({"user_id": user_id, **warned(Profile, given)}, 202)


async def forget(request: web.Request) -> web.Response:
    """Forget a user: writes a tombstone to catalog.users, on which workers delete everything about them."""
    user_id = id_of(request, "user_id", deleting=True)
    await _write(request, USERS, user_id, None, None)
    return answer({"user_id": user_id, "forgotten": "asked: workers do it with the user's next turn in the log"}, 202)


def _item(request: web.Request, item_id: str) -> Item | None:
    """As it has come back from Kafka."""
    return request.app[READ_MODEL].items.get(item_id)


def _user(request: web.Request, user_id: str) -> Profile | None:
    record = request.app[READ_MODEL].attributes.get(user_id)
    return None if record is None else _PROFILE.decode(record)


async def _write(request: web.Request, topic: Topic, name: str, record: bytes | None, after: Any) -> None:
    """Write a record; changes that follow at once are merged with it."""
    await request.app[WRITER].one(topic, name, record)
    read = _item(request, name) if topic is ITEMS else _user(request, name)
    request.app[PATCHES].wrote((topic.name, name), read, after)
