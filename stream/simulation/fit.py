"""Shoppers fitted to a log: tastes for categories, quality of items, habits of users."""

from collections.abc import Sequence

import numpy as np

from bandits.worlds import Tastes
from bandits.worlds.tastes import rng_of
from stream.datasets.readers import Entry
from stream.errors import UsageError
from stream.records.schemas import KINDS, Item

ITEMS = 1_500  # the most frequent ones
USERS = 2_000
LEAN = 5.0  # weight of the average tastes in a shopper's own, in events
SUBS = 5  # sub-categories of a category, drawn at random


def fitted(entries: Sequence[Entry], seed: str) -> Tastes:
    """Fit tastes to events on items with categories.

    A shopper's utility for a category is the log of their share of events on it over everybody's; an item's quality
    is the log of how often it is touched, in units of its standard deviation; habits are the shopper's shares of views,
    clicks and purchases.

    Raises
    ------
    UsageError
        if there are no events on items with categories
    """
    category_of = {each.item_id: each.categories[0] for each in entries if isinstance(each, Item) and each.categories}
    events = [
        (kind, event.user_id, event.item_id) for kind, event in (each for each in entries if not isinstance(each, Item))
        if event.item_id in category_of
    ]  # fmt: skip
    if not events:
        raise UsageError("--tastes: the file must hold events on items that it gives categories; it holds none")
    items = _most_frequent([item for _, _, item in events], ITEMS)
    users = _most_frequent([user for _, user, _ in events], USERS)
    names = {name: n for n, name in enumerate(sorted({category_of[item] for item in items}))}
    place = {item: n for n, item in enumerate(items)}
    row = {user: n for n, user in enumerate(users)}
    counts, kinds = np.zeros((len(users), len(names))), np.ones((len(users), len(KINDS)))
    touched = np.zeros(len(items))
    for kind, user, item in events:
        if user in row and item in place:
            counts[row[user], names[category_of[item]]] += 1
            kinds[row[user], KINDS.index(kind)] += 1
            touched[place[item]] += 1
    share = (counts.sum(axis=0) + 1.0) / (counts.sum() + len(names))
    theirs = (counts + LEAN * share) / (counts.sum(axis=1, keepdims=True) + LEAN)
    frequent = np.log1p(touched)
    quality = 0.6 * (frequent - frequent.mean()) / max(float(frequent.std()), 1e-9)
    category = np.array([names[category_of[item]] for item in items])
    sub = SUBS * category + rng_of(f"{seed}/fitted").integers(0, SUBS, len(items))
    return Tastes(np.log(theirs / share), category, sub, quality, kinds / kinds.sum(axis=1, keepdims=True))


def _most_frequent(names: Sequence[str], most: int) -> list[str]:
    values, counts = np.unique(np.array(names), return_counts=True)
    return [str(values[n]) for n in np.lexsort((values, -counts))[:most]]
