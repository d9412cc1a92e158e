"""The JSON of answers and messages, made from the read model: slates with titles and reasons, and figures."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from stream.gateway.read_model import ReadModel
from stream.records.schemas import Recommendation

FILL = "fill"  # source of items in place of others that were withdrawn or excluded
PULLS = 3  # newest items of a user that reasons are made of
REASONS = {
    "popularity": "many like it", "popularity_fast": "many look at it right now", "trending": "it is on the rise",
    "new_items": "it is new", "repeats": "you have looked at it before", "buy_again": "it may be time for it again",
    "pinned": "put here by a rule", "user_neighbours": "people with your taste like it",
    "session_neighbours": "visits like yours went on with it", "categories": "it is of a kind that you like",
    "content": "it is much like what you looked at",
}  # fmt: skip
OWN_REASONS = {  # of features that are no source
    "same_category": "it is of the kind that you looked at last", "category_share": "it is of a kind that you like",
    "age": "it is new", "idle": "many look at it right now", "trend": "it is on the rise",
    "agreement": "many signs speak for it",
}  # fmt: skip


def slate_document(
    slate: Recommendation, read_model: ReadModel, k: int | None = None, exclude: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """A slate with titles and reasons, without what was excluded or withdrawn since; filled up with trending items.

    Parameters
    ----------
    k : items asked for; None: as many as were published
    """
    read_model.expire(time.time())
    history = [item for item, _ in read_model.history(slate.user_id)]
    asked = len(slate.slots) if k is None else k
    wanted = [slot for slot in slate.slots if slot.item_id not in exclude]
    slots = [slot for slot in wanted if not read_model.withheld.has(slot.item_id)]
    left_out = {"excluded": len(slate.slots) - len(wanted), "withdrawn": len(wanted) - len(slots)}
    slots = slots[:asked]
    told = read_model.reasons.get(slate.decision_id, {})
    taken = exclude.union(slot.item_id for slot in slate.slots)
    fill = read_model.trending(asked - len(slots), taken) if len(slots) < asked else []
    pulls = read_model.pulled_by([slot.item_id for slot in slots], history[:PULLS])
    return {
        "user_id": slate.user_id, "decision_id": slate.decision_id, "event_id": slate.event_id,
        "timestamp": slate.timestamp, "policy": slate.policy, "experiment": slate.experiment,
        "variant": slate.variant, "fallback": None,
        "items": [
            {
                "item_id": slot.item_id, "title": read_model.title(slot.item_id), "score": slot.score,
                "source": slot.source, "propensity": slot.propensity,
                "reason": told.get(slot.item_id)
                or reason(slot.source, slot.item_id, history, None if pull is None else read_model.title(pull)),
            }
            for slot, pull in zip(slots, pulls, strict=True)
        ] + _fillers(fill, read_model, FILL),
        **counts(asked, len(slots) + len(fill)), "filled": len(fill), "left_out": left_out,
    }  # fmt: skip


def counts(asked: int, given: int) -> dict[str, Any]:
    """How many items were asked for, and why there are fewer.

    >>> counts(40, 38)["short"]
    'asked for 40 items, got 38: no other item is known that may be shown'
    """
    why = f"asked for {asked} items, got {given}: no other item is known that may be shown"
    return {"asked": asked, "short": None if given >= asked else why}


def _fillers(found: Sequence[tuple[str, float]], read_model: ReadModel, source: str) -> list[dict[str, Any]]:
    """Items that no policy drew, so without a propensity: estimates must leave them out."""
    return [
        {"item_id": item, "title": read_model.title(item), "score": score, "source": source, "propensity": None,
         "reason": REASONS["trending"] if score > 0 else "it is in the catalogue"}
        for item, score in found
    ]  # fmt: skip


def trending_document(
    user_id: str, found: Sequence[tuple[str, float]], read_model: ReadModel, now: float, k: int | None = None
) -> Any:
    """What a user without a slate gets: trending items, marked by `fallback`."""
    items = _fillers(found, read_model, "trending")
    return {
        "user_id": user_id, "decision_id": None, "event_id": None, "timestamp": now, "policy": None,
        "experiment": "", "variant": "", "fallback": "trending", "items": items,
        **counts(len(items) if k is None else k, len(items)), "filled": 0,
        "left_out": {"excluded": 0, "withdrawn": 0},
    }  # fmt: skip


def reason(source: str, item_id: str, history: list[str], goes_with: str | None) -> str:
    """Why an item is there, in words: by its source and the item of the history that it goes with best.

    >>> reason("ranked", "saucer", ["cup"], "Cup"), reason("trending", "saucer", ["cup"], "Cup")
    ('goes with Cup', 'it is on the rise')
    """
    words = REASONS.get(source)
    if source == "ranked" and item_id in history:
        return REASONS["repeats"]  # what the user did with the item itself says most of it
    if words is not None and source not in ("session_neighbours", "content"):
        return words
    if goes_with is not None:
        return f"goes with {goes_with}"
    if item_id in history:
        return REASONS["repeats"]
    return words or ("goes with what you looked at last" if history else "a good guess for anybody")


def reason_of(contributions: Sequence[Any], goes_with: str | None) -> str | None:
    """Why an item is there, by its explanation: the largest contribution in words; None if nothing speaks for it.

    >>> reason_of([{"feature": "covisitation", "nats": 0.1}, {"feature": "seen", "nats": 2.0}], "Cup")
    'you have looked at it before'
    """
    best = max(contributions, key=lambda part: float(part["nats"]), default=None)
    if best is None or best["nats"] <= 0:
        return None
    feature = str(best["feature"])
    if feature.startswith(("seen", "last")):
        return REASONS["repeats"]
    words = OWN_REASONS.get(feature) or REASONS.get(feature)
    if words is not None and feature not in ("session_neighbours", "content"):
        return words
    return f"goes with {goes_with}" if goes_with else words or "goes with what you looked at last"


def explanation_document(found: dict[str, Any], read_model: ReadModel) -> dict[str, Any]:
    """A worker's explanation with titles, and a reason for each slot, which its slate tells from then on."""
    for slot in found["slots"]:
        slot["title"] = read_model.title(slot["item_id"])
        for pull in slot["pulled_by"]:
            pull["title"] = read_model.title(pull["item_id"])
        pulled = slot["pulled_by"][0]["title"] if slot["pulled_by"] else None
        drawn = reason(slot["source"], slot["item_id"], [], pulled)
        slot["reason"] = reason_of(slot["contributions"], pulled) or drawn
    read_model.explained(found["decision_id"], {slot["item_id"]: slot["reason"] for slot in found["slots"]})
    return found


def user_document(user_id: str, read_model: ReadModel) -> dict[str, Any] | None:
    """What is known of a user; None: nothing."""
    record, history, slate = (
        read_model.attributes.get(user_id), read_model.history(user_id), read_model.newest(user_id),
    )  # fmt: skip
    if record is None and slate is None and not history:
        return None
    return {
        "user_id": user_id, "attributes": msgspec.json.decode(record or b"{}").get("attributes", {}),
        "recent": [{"item_id": item, "title": read_model.title(item), "type": kind} for item, kind in history],
        "decision_id": None if slate is None else slate.decision_id,
    }  # fmt: skip


def stats_document(read_model: ReadModel) -> dict[str, Any]:
    """Figures and curves of the last minutes."""
    return {
        "users": len(read_model.slates),
        "items": len(read_model.items),
        "latency_ms": [None if (value := read_model.latency(q)) is None else 1e3 * value for q in (0.5, 0.99)],
        "seconds": [list(second) for second in read_model.seconds],
        "slots": dict(read_model.slots.most_common()),
        "hits": read_model.hits,
        "worth": [[state, source, *found] for (state, source), found in sorted(read_model.worth.items())],
    }
