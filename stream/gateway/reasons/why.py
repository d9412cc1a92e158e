"""Why an item is on a slate: what the explanation found, or, until it was asked for, who filled the slot."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

LINKS = ("covisitation", "sequential_rules", "session_neighbours", "content")  # sources that name the user's item
LESS = {
    "repeats": "unseen", "recently_seen": "unseen", "age": "no_longer_new", "new_since": "no_longer_new",
    "popularity": "little_known",
}  # fmt: skip
GROUP = "popularity_by_"  # the beginning of the name of a popularity in a group of users


class Reason(NamedTuple):
    """A reason without its words: the name of a template, and what stands in its one place, if it has one."""

    template: str
    value: str = ""


RISING, LISTED = Reason("trending"), Reason("in_catalogue")  # of items that no policy drew


@lru_cache(1_000)
def filled_by(source: str) -> Reason:
    """What is known of a slot before its explanation.

    >>> filled_by("ranked"), filled_by("user_neighbours")
    (Reason(template='by_ranking', value=''), Reason(template='by_source', value='user neighbours'))
    """
    if source == "pinned":
        return Reason("by_rule")
    return Reason("by_ranking") if source == "ranked" else Reason("by_source", source.replace("_", " "))


def reason_of(slot: Mapping[str, Any]) -> Reason:
    """Why an item is there, by its explanation: the largest contribution; who filled the slot if nothing speaks for it.

    Parameters
    ----------
    slot : of an explanation, with titles: `source`, `contributions`, `pulled_by`

    >>> seen = {"feature": "seen", "nats": 2.0, "above": True}
    >>> goes = {"feature": "covisitation", "nats": 0.1, "above": True}
    >>> pull = {"title": "Cup", "source": "covisitation"}
    >>> reason_of({"source": "ranked", "contributions": [goes, seen], "pulled_by": [pull]})
    Reason(template='seen', value='')
    >>> reason_of({"source": "ranked", "contributions": [goes], "pulled_by": [pull]})
    Reason(template='goes_with', value='Cup')
    """
    best = max(slot["contributions"], key=lambda part: float(part["nats"]), default=None)
    if slot["source"] == "pinned" or best is None or best["nats"] <= 0:
        return filled_by(slot["source"])
    feature, above = str(best["feature"]), bool(best["above"])
    if feature.startswith(("seen", "last")):
        return Reason("seen" if above else "unseen")
    if not above:
        return Reason(LESS[feature]) if feature in LESS else Reason("less", feature.replace("_", " "))
    titles = [pull["title"] for pull in slot["pulled_by"] if pull["source"] == feature]
    if feature in LINKS and titles:
        return Reason("goes_with", titles[0])
    if feature.startswith(GROUP):
        return Reason("group", feature.removeprefix(GROUP))
    return Reason(feature)
