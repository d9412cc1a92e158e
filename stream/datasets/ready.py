"""Layouts of event logs that many people have, by the name of their format. A new one is an entry below."""

import re
from collections.abc import Sequence

from stream.datasets.layouts import OTHER, Events, Layout

SHOP: Events = {"view": "view", "cart": "click", "purchase": "purchase", OTHER: None}
TAOBAO: Events = {"pv": "view", "cart": "click", "fav": "click", "buy": "purchase"}
RETAILROCKET: Events = {"view": "view", "addtocart": "click", "transaction": "purchase"}
OTTO: Events = {  # the numbers stand for them in the parquet files made of the log
    "clicks": "view", "carts": "click", "orders": "purchase", "0": "view", "1": "click", "2": "purchase",
}  # fmt: skip
GA4: Events = {
    "view_item": "view", "select_item": "click", "add_to_cart": "click", "add_to_wishlist": "click",
    "purchase": "purchase", OTHER: None,
}  # fmt: skip
SEGMENT: Events = {
    "Product Viewed": "view", "Product Clicked": "click", "Product Added": "click",
    "Product Added to Wishlist": "click", "Order Completed": "purchase", OTHER: None,
}  # fmt: skip
ASIN = re.compile(r"(B[0-9A-Z]{9}|\d{9}[\dX])$")  # ISBNs are those of books
REVIEWER = re.compile(r"A[0-9A-Z]{9,20}$")
STARS = re.compile(r"[0-5](\.\d+)?$")

PLAIN_COLUMNS = {
    "user": ("user_id",), "item": ("item_id",), "time": ("timestamp",), "event": ("event", "type"),
    "session": ("session_id",), "price": ("price",), "quantity": ("quantity",), "rating": ("rating",),
    "title": ("title",), "category": ("category",), "brand": ("brand",),
}  # fmt: skip


def _is_taobao(fields: Sequence[str]) -> bool:
    return len(fields) == 5 and fields[3] in TAOBAO


def _is_ratings(fields: Sequence[str]) -> bool:
    """Four columns: two ids, stars, unix seconds."""
    return len(fields) == 4 and bool(STARS.match(fields[2])) and fields[3].strip().isdigit() and len(fields[3]) >= 9


def _is_amazon_2018(fields: Sequence[str]) -> bool:
    return _is_ratings(fields) and bool(ASIN.match(fields[0])) and bool(REVIEWER.match(fields[1]))


def _is_amazon_2014(fields: Sequence[str]) -> bool:
    return _is_ratings(fields) and bool(REVIEWER.match(fields[0])) and bool(ASIN.match(fields[1]))


def _is_movielens(fields: Sequence[str]) -> bool:
    return _is_ratings(fields) and fields[0].isdigit() and fields[1].isdigit()


_FILMS = {"user": ("userId",), "item": ("movieId",), "rating": ("rating",), "time": ("timestamp",)}
_REVIEWS = {"user": ("user",), "item": ("item",), "rating": ("rating",), "time": ("timestamp",)}
_SEGMENT = "properties", "properties.products"


def _segment(*names: str) -> tuple[str, ...]:
    """Where a product's fields stand: in the list of an order, or right among the properties."""
    return tuple(f"{place}.{name}" for place in reversed(_SEGMENT) for name in names)


READY: dict[str, tuple[Layout, ...]] = {
    "csv": (Layout(PLAIN_COLUMNS, marks=("user_id", "item_id", "timestamp")),),
    "jsonl": (Layout(PLAIN_COLUMNS, marks=("user_id", "item_id", "timestamp")),),
    "taobao": (
        Layout(
            {
                "user": ("user",), "item": ("item",), "time": ("timestamp",), "event": ("behaviour",),
                "category": ("category",),
            },
            TAOBAO, names=("user", "item", "category", "behaviour", "timestamp"), recognises=_is_taobao,
        ),
    ),
    "rees46": (
        Layout(
            {
                "user": ("user_id",), "item": ("product_id",), "time": ("event_time",), "event": ("event_type",),
                "session": ("user_session",), "price": ("price",), "category": ("category_code",),
                "category2": ("category_id",), "brand": ("brand",),
            },
            SHOP, priced=True,
            marks=(
                "event_time", "event_type", "product_id", "price", "user_id", "user_session",
                "category_id", "category_code", "brand",
            ),
        ),
    ),
    "movielens": (
        Layout(_FILMS, starred=True, marks=("userId", "movieId", "rating", "timestamp")),
        *(
            Layout(
                _FILMS, starred=True, names=("userId", "movieId", "rating", "timestamp"), recognises=_is_movielens,
                separator=separator,
            )
            for separator in ("::", "\t")
        ),
    ),
    "retailrocket": (
        Layout(
            {"user": ("visitorid",), "item": ("itemid",), "time": ("timestamp",), "event": ("event",)},
            RETAILROCKET, marks=("timestamp", "visitorid", "event", "itemid"),
        ),
    ),
    "otto": (
        Layout(
            {"user": ("session",), "item": ("events.aid",), "time": ("events.ts",), "event": ("events.type",)},
            OTTO, marks=("session", "events"), each=("events",),
        ),
        Layout(
            {"user": ("session",), "item": ("aid",), "time": ("ts",), "event": ("type",)},
            OTTO, marks=("session", "aid", "ts", "type"),
        ),
    ),
    "hm": (
        Layout(
            {"user": ("customer_id",), "item": ("article_id",), "time": ("t_dat",), "price": ("price",)},
            marks=("t_dat", "customer_id", "article_id"), default="purchase",
        ),
    ),
    "amazon": (
        Layout(
            {"user": ("user_id",), "item": ("parent_asin",), "time": ("timestamp",), "rating": ("rating",)},
            marks=("user_id", "parent_asin", "rating", "timestamp"), starred=True,
        ),
        Layout(
            {"user": ("reviewerID",), "item": ("asin",), "time": ("unixReviewTime",), "rating": ("overall",)},
            marks=("reviewerID", "asin", "overall", "unixReviewTime"), starred=True,
        ),
        Layout(_REVIEWS, starred=True, names=("item", "user", "rating", "timestamp"), recognises=_is_amazon_2018),
        Layout(_REVIEWS, starred=True, names=("user", "item", "rating", "timestamp"), recognises=_is_amazon_2014),
    ),
    "recbole": (
        Layout(
            {
                "user": ("user_id:token",), "item": ("item_id:token",), "time": ("timestamp:float",),
                "rating": ("rating:float",), "session": ("session_id:token",),
            },
            marks=("user_id:token", "item_id:token", "timestamp:float"), separator="\t", starred=True,
        ),
    ),
    "ga4": (
        Layout(
            {
                "user": ("user_id", "user_pseudo_id"), "item": ("items.item_id", "items_item_id", "item_id"),
                "time": ("event_timestamp", "event_date"), "event": ("event_name",),
                "session": ("event_params.ga_session_id", "ga_session_id"),
                "price": ("items.price", "items_price", "price"),
                "quantity": ("items.quantity", "items_quantity", "quantity"),
                "title": ("items.item_name", "items_item_name", "item_name"),
                "category": ("items.item_category", "items_item_category", "item_category"),
                "category2": ("items.item_category2", "items_item_category2", "item_category2"),
                "brand": ("items.item_brand", "items_item_brand", "item_brand"),
            },
            GA4,
            marks=("event_name", "user_pseudo_id|user_id", "event_timestamp|event_date", "items|items.item_id|item_id"),
            each=("items",), priced=True, unset="(not set)",
        ),
    ),
    "segment": (
        Layout(
            {
                "user": ("userId", "anonymousId"), "item": _segment("product_id", "sku"), "event": ("event",),
                "time": ("timestamp", "originalTimestamp", "sentAt", "receivedAt"),
                "price": _segment("price"), "quantity": _segment("quantity"), "title": _segment("name"),
                "category": _segment("category"), "brand": _segment("brand"),
            },
            SEGMENT, marks=("event", "userId|anonymousId", "properties"), each=("properties.products",), priced=True,
        ),
    ),
}  # fmt: skip
FORMATS = tuple(READY)
