"""Requests about items: search, the catalogue."""

from stream.gateway import api
from stream.gateway.answers.pages import cursor
from stream.gateway.contract.route import MERGEABLE, Answer, Body, Parameter, Route, whole
from stream.gateway.fields.patches import whole_of
from stream.gateway.handlers import catalogue
from stream.gateway.parameters import MAX_TEXT
from stream.gateway.routes.shared import (
    FIELDS,
    IF_MATCH,
    IF_NONE_MATCH,
    NOON,
    NOT_MODIFIED,
    OTHER_VERSION,
    page_of,
)
from stream.records.http.answers import FoundItems, ItemPage, ItemWritten, NamedItem
from stream.records.schemas import Item

MUG = Item(
    item_id="mug", title="Enamel mug", categories=["Mugs", "Kitchen"], price=24.9, tags=["blue"],
    attributes={"brand": "Emaille", "dishwasher": True}, expires_at=NOON + 90 * 86_400,
    link="https://shop.example/mug", image="https://shop.example/mug.jpg",
)  # fmt: skip
WRITTEN = ItemWritten(item_id="mug")
MISSPELT = ItemWritten(item_id="mug", warnings=["`titel` is no field of Item: is `title` meant?"])
UNKNOWN = {404: "the item is not in the catalogue"}

ITEMS = (
    Route(
        "GET", "/v1/items", api.search, scope="slates", tag="items",
        query=(
            Parameter("query", {"type": "string", "maxLength": MAX_TEXT}, "part of a title", "mug"),
            Parameter("k", whole(1, api.MAX_FOUND), "items; 20 without it", 5), FIELDS, *page_of("items"),
        ),
        headers=(IF_NONE_MATCH,),
        answers=NOT_MODIFIED | {
            200: Answer(
                "what was found; a page of all items with `cursor` or `limit`", (FoundItems, ItemPage),
                {
                    "found": FoundItems(items=[NamedItem(item_id="mug", title="Enamel mug", price=24.9)]),
                    "page": ItemPage(items=[MUG], next=cursor("items", "mug"), complete=True),
                },
                ("ETag",),
            )
        },
    ),
    Route(
        "GET", "/v1/items/{item_id}", catalogue.get_item, scope="slates", tag="items",
        headers=(IF_NONE_MATCH,), problems=UNKNOWN,
        answers=NOT_MODIFIED | {200: Answer("the item, all fields", (Item,), {"mug": whole_of(MUG)}, ("ETag",))},
    ),
    Route(
        "PUT", "/v1/items/{item_id}", catalogue.put_item, scope="catalogue", tag="items", headers=(IF_MATCH,),
        body=Body("ItemBody", {"mug": {"title": "Enamel mug", "categories": ["Mugs"], "price": 24.9}}),
        answers={202: Answer("written", (ItemWritten,), {"written": WRITTEN, "misspelt": MISSPELT})},
        problems=OTHER_VERSION,
    ),
    Route(
        "PATCH", "/v1/items/{item_id}", catalogue.patch_item, scope="catalogue", tag="items", headers=(IF_MATCH,),
        body=Body("ItemChange", {"cheaper": {"price": 22.5}, "endless": {"expires_at": None}}, MERGEABLE),
        answers={202: Answer("written", (ItemWritten,), {"written": WRITTEN})}, problems=OTHER_VERSION | UNKNOWN,
    ),
    Route(
        "DELETE", "/v1/items/{item_id}", catalogue.drop_item, scope="admin", tag="items",
        answers={202: Answer("written", (ItemWritten,), {"written": WRITTEN})},
    ),
)  # fmt: skip
