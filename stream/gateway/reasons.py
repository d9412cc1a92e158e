"""Why an item is on a slate, in words: what the explanation found, or, until it was asked for, who filled the slot."""

from collections.abc import Mapping
from typing import Any

SEEN = "you have looked at it before"
WORDS = {  # of groups of features, for an item that has more of it than the other candidates
    "popularity": "many like it", "popularity_fast": "many look at it right now", "trending": "it is on the rise",
    "new_items": "it is new", "repeats": SEEN, "buy_again": "it may be time for it again", "recently_seen": SEEN,
    "user_neighbours": "people with your taste like it", "session_neighbours": "visits like yours went on with it",
    "categories": "it is of a kind that you like", "content": "it is much like what you looked at",
    "covisitation": "it goes with what you looked at", "sequential_rules": "it follows what you looked at",
    "same_category": "it is of the kind that you looked at last", "category_share": "it is of a kind that you like",
    "age": "it is new", "idle": "many look at it right now", "trend": "it is on the rise",
    "new_since": "it is new since you were last here", "agreement": "many signs speak for it",
}  # fmt: skip
LINKS = ("covisitation", "sequential_rules", "session_neighbours", "content")  # sources that name the user's item
UNSEEN = "you have not looked at it yet"
LESS = {"repeats": UNSEEN, "recently_seen": UNSEEN, "age": "it has been here for long", "popularity": "few know it yet"}
GROUP = "popularity_by_"  # the beginning of the name of a popularity in a group of users


def filled_by(source: str) -> str:
    """What is known of a slot before its explanation.

    >>> filled_by("ranked"), filled_by("user_neighbours"), filled_by("pinned")
    ('chosen by the ranking', 'filled by user neighbours', 'put here by a rule')
    """
    if source == "pinned":
        return "put here by a rule"
    return "chosen by the ranking" if source == "ranked" else f"filled by {source.replace('_', ' ')}"


def reason_of(slot: Mapping[str, Any]) -> str:
    """Why an item is there, by its explanation: the largest contribution; who filled the slot if nothing speaks for it.

    Parameters
    ----------
    slot : of an explanation, with titles: `source`, `contributions`, `pulled_by`

    >>> seen = {"feature": "seen", "nats": 2.0, "above": True}
    >>> goes = {"feature": "covisitation", "nats": 0.1, "above": True}
    >>> pull = {"title": "Cup", "source": "covisitation"}
    >>> reason_of({"source": "ranked", "contributions": [goes, seen], "pulled_by": [pull]})
    'you have looked at it before'
    >>> reason_of({"source": "ranked", "contributions": [goes], "pulled_by": [pull]})
    'goes with Cup'
    """
    best = max(slot["contributions"], key=lambda part: float(part["nats"]), default=None)
    if slot["source"] == "pinned" or best is None or best["nats"] <= 0:
        return filled_by(slot["source"])
    feature, above = str(best["feature"]), bool(best["above"])
    if feature.startswith(("seen", "last")):
        return SEEN if above else UNSEEN
    plain = feature.replace("_", " ")
    if not above:
        return LESS.get(feature, f"it has less {plain} than the others")
    titles = [pull["title"] for pull in slot["pulled_by"] if pull["source"] == feature]
    if feature in LINKS and titles:
        return f"goes with {titles[0]}"
    if feature.startswith(GROUP):
        return f"many with the same {feature.removeprefix(GROUP)} like it"
    return WORDS.get(feature, f"{plain} speaks for it")
