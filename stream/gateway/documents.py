"""The JSON of answers and messages, made from the read model: slates with titles and reasons, and figures."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from stream.gateway.fields.chosen import View, described
from stream.gateway.read_model import ReadModel
from stream.gateway.reasons.why import LISTED, RISING, noted, reason_of
from stream.gateway.reasons.words import Words
from stream.records.schemas import HOME, Recommendation

FILL = "fill"  # source of items in place of others that were withdrawn or excluded


def item_document(item_id: str, read_model: ReadModel, fields: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An item of a list: its id, its title (the id if it has none), what the list says of it, and chosen fields."""
    found = {"item_id": item_id, "title": read_model.title(item_id), **more}
    return found | described(read_model.items.get(item_id), fields) if fields else found


def slate_document(
    slate: Recommendation, read_model: ReadModel, view: View, k: int | None = None,
    exclude: frozenset[str] = frozenset(), *, fill: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """A slate with titles and reasons, without what was excluded or withdrawn since; filled up with trending items.

    A reason is what contributes most to the score: as the slate says, or its explanation, once that has been asked for.

    Parameters
    ----------
    k : items asked for; None: as many as were published
    fill : whether trending items take the places of what is missing
    """
    read_model.expire(time.time())
    asked = len(slate.slots) if k is None else k
    wanted = [slot for slot in slate.slots if slot.item_id not in exclude]
    slots = [slot for slot in wanted if not read_model.withheld.has(slot.item_id)]
    left_out = {"excluded": len(slate.slots) - len(wanted), "withdrawn": len(wanted) - len(slots)}
    slots = slots[:asked]
    told = read_model.reasons.get(slate.decision_id, {})
    taken = exclude.union(slot.item_id for slot in slate.slots)
    fillers = read_model.trending(asked - len(slots), taken) if fill and len(slots) < asked else []
    return {
        "user_id": slate.user_id, "decision_id": slate.decision_id, "event_id": slate.event_id,
        "timestamp": slate.timestamp, "policy": slate.policy, "experiment": slate.experiment,
        "variant": slate.variant, "placement": slate.placement, "fallback": None,
        "items": [
            item_document(
                slot.item_id, read_model, view.fields, score=slot.score, source=slot.source,
                propensity=slot.propensity,
                reason=view.words.say(told.get(slot.item_id) or noted(slot.source, slot.because)),
            )
            for slot in slots
        ] + _fillers(fillers, read_model, view, FILL),
        **counts(asked, len(slots) + len(fillers)), "filled": len(fillers), "left_out": left_out,
    }  # fmt: skip


def counts(asked: int, given: int) -> dict[str, Any]:
    """How many items were asked for, and why there are fewer.

    >>> counts(40, 38)["short"]
    'asked for 40 items, got 38: no other item is known that may be shown'
    """
    why = f"asked for {asked} items, got {given}: no other item is known that may be shown"
    return {"asked": asked, "short": None if given >= asked else why}


def _fillers(
    found: Sequence[tuple[str, float]], read_model: ReadModel, view: View, source: str
) -> list[dict[str, Any]]:
    """Items that no policy drew, so without a propensity: estimates must leave them out."""
    return [
        item_document(
            item, read_model, view.fields, score=score, source=source, propensity=None,
            reason=view.words.say(RISING if score > 0 else LISTED),
        )
        for item, score in found
    ]  # fmt: skip


def trending_document(
    user_id: str, found: Sequence[tuple[str, float]], read_model: ReadModel, view: View, k: int | None = None,
    placement: str = HOME,
) -> dict[str, Any]:  # fmt: skip
    """What a user without a slate gets: trending items, marked by `fallback`, as of the newest event."""
    items = _fillers(found, read_model, view, "trending")
    return {
        "user_id": user_id, "decision_id": None, "event_id": None, "timestamp": read_model.withheld.newest,
        "policy": None, "experiment": "", "variant": "", "placement": placement, "fallback": "trending", "items": items,
        **counts(len(items) if k is None else k, len(items)), "filled": 0,
        "left_out": {"excluded": 0, "withdrawn": 0},
    }  # fmt: skip


def explanation_document(found: dict[str, Any], read_model: ReadModel, words: Words) -> dict[str, Any]:
    """A worker's explanation with titles, and a reason for each slot, which its slate tells from then on."""
    reasons = {}
    for slot in found["slots"]:
        slot["title"] = read_model.title(slot["item_id"])
        for pull in slot["pulled_by"]:
            pull["title"] = read_model.title(pull["item_id"])
        reasons[slot["item_id"]] = reason = reason_of(slot)
        slot["reason"] = words.say(reason)
    read_model.explained(found["decision_id"], reasons)
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
        "recent": [item_document(item, read_model, type=kind) for item, kind in history],
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
