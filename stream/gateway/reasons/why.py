"""Why an item is on a slate: what contributes most to its score, or, where nothing does, who filled the slot."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

LINKS = ("covisitation", "sequential_rules", "session_neighbours", "content")  # sources that name the user's item
LESS_OF = "less "  # before a feature in `Slot.because`
LESS = {
    "repeats": "unseen", "recently_seen": "unseen", "age": "no_longer_new", "new_since": "no_longer_new",
    "popularity": "little_known", **dict.fromkeys(("popularity_fast", "idle", "trend", "trending"), "quiet"),
}  # fmt: skip
GROUP = "popularity_by_"  # the beginning of the name of a popularity in a group of users


class Reason(NamedTuple):
    """A reason without its words: the name of a template, and what stands in its one place, if it has one."""

    template: str
    value: str = ""


RISING, LISTED = Reason("trending"), Reason("in_catalogue")  # of items that no policy drew

OF_ITEM = {"covisitation": "goes_with", "content": "alike", "bought": "bought_with"}  # templates with its title
OF_ALL = {"latest": "new_items"}  # templates of other names than their sources


def listed(source: str, title: str = "") -> Reason:
    """Why an item is on a list of the model: of one for another item, whose title it is, or of one for all.

    >>> listed("content", "Cup"), listed("latest")
    (Reason(template='alike', value='Cup'), Reason(template='new_items', value=''))
    """
    return Reason(OF_ITEM[source], title) if source in OF_ITEM else Reason(OF_ALL.get(source, source))


@lru_cache(1_000)
def filled_by(source: str) -> Reason:
    """What is known of a slot when nothing speaks for its item.

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
    if best is None or best["nats"] <= 0:
        return filled_by(slot["source"])
    pulled = [pull["title"] for pull in slot["pulled_by"] if pull["source"] == best["feature"]]
    return _spoken(slot["source"], best["feature"], above=bool(best["above"]), pulled=pulled)


@lru_cache(1_000)
def noted(source: str, because: str) -> Reason:
    """Why an item is there, by what its slate says of the slot, see `Slot`.

    >>> noted("ranked", "seen"), noted("ranked", "less age")
    (Reason(template='seen', value=''), Reason(template='no_longer_new', value=''))
    """
    feature = because.removeprefix(LESS_OF)
    return _spoken(source, feature, above=feature == because) if because else filled_by(source)


def _spoken(source: str, feature: str, *, above: bool, pulled: Sequence[str] = ()) -> Reason:
    """The reason of a slot to which a group of features contributes most.

    Parameters
    ----------
    above : whether the item has more of it than the average candidate
    pulled : titles of the user's items that raised its score in the source of this name
    """
    if source == "pinned":
        return filled_by(source)
    if feature.startswith(("seen", "last")):
        return Reason("seen" if above else "unseen")
    if not above:
        return Reason(LESS[feature]) if feature in LESS else Reason("less", feature.replace("_", " "))
    if feature in LINKS and pulled:
        return Reason("goes_with", pulled[0])
    if feature.startswith(GROUP):
        return Reason("group", feature.removeprefix(GROUP))
    return Reason(feature)
