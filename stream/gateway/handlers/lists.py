"""Lists of all items and all users, page by page."""

import asyncio

import orjson
from aiohttp import web

from stream.gateway.answers.pages import MOST_BYTES, cursor, page_of
from stream.gateway.answers.versions import versioned
from stream.gateway.documents import item_document
from stream.gateway.fields.chosen import chosen
from stream.gateway.fields.patches import whole_of
from stream.gateway.handlers.parts import READ_MODEL
from stream.gateway.parameters import text_of
from stream.gateway.problems import Problem

AT_ONCE, PAUSE_BYTES = 25, 100_000  # items, and their bytes, that are made into text in one go


async def list_items(request: web.Request) -> web.Response:
    """One page of the catalogue, in the order of ids: whole items, or their chosen fields."""
    for name in ("query", "k"):
        if name in request.query:
            raise Problem(422, f"{name}: is for a search; with `cursor` or `limit` all items are listed: leave it out")
    read_model, fields = request.app[READ_MODEL], chosen(text_of(request, "fields"))
    last, most = page_of(request, "items")
    found, size, ids = list[bytes](), 0, read_model.item_ids.after(last, most + 1)
    paused = 0
    for n, item_id in enumerate(ids[:most]):
        if n % AT_ONCE == AT_ONCE - 1 or size - paused > PAUSE_BYTES:
            paused = size
            await asyncio.sleep(0)  # others are served in between
        item = read_model.items.peek(item_id)
        if item is not None:  # it may have gone in a pause
            made = orjson.dumps(item_document(item_id, read_model, fields) if fields else whole_of(item))
            if found and size + len(made) > MOST_BYTES:
                break
            found.append(made)
            size += len(made)
        last = item_id
    after = cursor("items", last) if ids and last != ids[-1] else None
    complete = not read_model.items.evicted
    body = b'{"items":[' + b",".join(found) + b'],"next":' + orjson.dumps(after) + b',"complete":'
    return await versioned(request, body + orjson.dumps(complete) + b"}")


async def list_users(request: web.Request) -> web.Response:
    """The ids of users who have a slate or attributes, one page of them, in the order of ids."""
    read_model = request.app[READ_MODEL]
    last, most = page_of(request, "users")
    ids = read_model.user_ids.after(last, most + 1)
    after = cursor("users", ids[most - 1]) if len(ids) > most else None
    complete = not (read_model.slates.evicted or read_model.attributes.evicted)
    return await versioned(request, orjson.dumps({"users": ids[:most], "next": after, "complete": complete}))
