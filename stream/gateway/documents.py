"""The JSON of answers and messages, made from the read model: slates with titles and reasons, and figures."""

from collections.abc import Sequence
from typing import Any

from stream.gateway.read_model import ReadModel
from stream.records.schemas import Recommendation

PULLS = 3  # newest items of a user that reasons are made of
REASONS = {
    "popularity": "many like it", "popularity_fast": "many look at it right now", "trending": "it is on the rise",
    "new_items": "it is new", "repeats": "you have looked at it before", "buy_again": "it may be time for it again",
    "pinned": "put here by a rule", "user_neighbours": "people with your taste like it",
    "session_neighbours": "visits like yours went on with it", "categories": "it is of a kind that you like",
    "content": "it is much like what you looked at",
}  # fmt: skip


def slate_document(
    slate: Recommendation, read_model: ReadModel, k: int | None = None, exclude: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """A slate with titles and reasons; `k` and `exclude` shorten it."""
    history = [item for item, _ in read_model.history(slate.user_id)]
    slots = [slot for slot in slate.slots if slot.item_id not in exclude][:k]
    pulls = read_model.pulled_by([slot.item_id for slot in slots], history[:PULLS])
    return {
        "user_id": slate.user_id, "decision_id": slate.decision_id, "event_id": slate.event_id,
        "timestamp": slate.timestamp, "policy": slate.policy, "experiment": slate.experiment,
        "variant": slate.variant, "fallback": None,
        "items": [
            {
                "item_id": slot.item_id, "title": read_model.title(slot.item_id), "score": slot.score,
                "source": slot.source, "propensity": slot.propensity,
                "reason": reason(slot.source, slot.item_id, history, None if pull is None else read_model.title(pull)),
            }
            for slot, pull in zip(slots, pulls, strict=True)
        ],
    }  # fmt: skip


def trending_document(user_id: str, found: Sequence[tuple[str, float]], read_model: ReadModel, now: float) -> Any:
    """What a user without a slate gets: trending items, marked by `fallback`."""
    items = [
        {"item_id": item, "title": read_model.title(item), "score": score, "source": "trending", "propensity": None,
         "reason": REASONS["trending"] if score > 0 else "it is in the catalogue"}
        for item, score in found
    ]  # fmt: skip
    return {
        "user_id": user_id, "decision_id": None, "event_id": None, "timestamp": now, "policy": None,
        "experiment": "", "variant": "", "fallback": "trending", "items": items,
    }  # fmt: skip


def reason(source: str, item_id: str, history: list[str], goes_with: str | None) -> str:
    """Why an item is there, in words: by its source and the item of the history that it goes with best.

    >>> reason("ranked", "saucer", ["cup"], "Cup"), reason("trending", "saucer", ["cup"], "Cup")
    ('goes with Cup', 'it is on the rise')
    """
    words = REASONS.get(source)
    if words is not None and source not in ("session_neighbours", "content"):
        return words
    if goes_with is not None:
        return f"goes with {goes_with}"
    if item_id in history:
        return REASONS["repeats"]
    return words or ("goes with what you looked at last" if history else "a good guess for anybody")


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
