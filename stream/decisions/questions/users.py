"""Which users of a shard may want an item, or are like a user: both are pointed to by a weighted set of items."""

from collections.abc import Callable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from learners import UserNeighbours
from learners.neighbours.user_histories import history_of
from stream.model.fold import Model
from stream.ranking.lists.users import weigh
from stream.state.users import Users, number

MOST: Final = 20_000  # users of a shard that are looked at, those active last
AT_ONCE: Final = 250  # users of one part: a good half of a millisecond
POINTING: Final = 100  # items like the one in question
RECENT: Final = 20  # items of a user that others are compared by
DAY: Final = 86_400.0
NO_ITEM: Final = -1


class FoundUser(NamedTuple):
    """A user of the answer."""

    user_id: str
    score: float
    through: int  # the item of theirs that weighs most


def audience(model: Model, users: Users, item: int, k: int, now: float) -> Iterator[list[FoundUser] | None]:
    r"""Users most likely to want an item that they do not have yet; of one without an event too, by its description.

    $$\frac{1}{\sqrt{1 + d_u}} \frac{\sum_{i \in u} s_i}{\sqrt{|u| + 5}}$$

    over the newest 50 items of user $u$, $s_i$ their similarity to the item, $d_u$ the days since the user was last
    there. Yields None after each part, at last the users.

    Parameters
    ----------
    item : the model's number
    now : event time, unix seconds
    """
    found = model.item_lists.similar(np.array([item], np.int32), POINTING, now, withdrawn=True)
    weights = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
    return _pointed_to(model, users, weights, k, _Look(item, lambda time: (1.0 + max(0.0, now - time) / DAY) ** -0.5))


def similar_users(model: Model, users: Users, user_id: str, k: int) -> Iterator[list[FoundUser] | None] | None:
    r"""Users with items in common with a user of any shard, by a damped cosine over the last 20 of these.

    $$\frac{\sum_{i \in u} w_i}{\sqrt{\sum_i w_i^2} \sqrt{|u| + 5}}, \quad w_q = e^{-q / 5} \ln(1 + U / n_{i_q})$$

    for the user's last items $i_0, i_1, \dots$, of $U$ users, $n_i$ of whom had item $i$. None if the model has no item
    of the user.
    """
    (source,) = (cast("UserNeighbours", source) for source in model.sources if source.name == UserNeighbours.name)
    history = history_of(source.users, number(user_id))[:RECENT]
    if len(history) == 0:
        return None
    rarity = np.log1p(source.users.totals[-1] / np.maximum(1, source.users.counts[history]))
    values = np.exp(-np.arange(len(history)) / 5.0) * rarity
    values /= np.sqrt(np.sum(values * values))
    weights = dict(zip(history.tolist(), values.tolist(), strict=True))
    return _pointed_to(model, users, weights, k, _Look(NO_ITEM, lambda _: 1.0, user_id))


class _Look(NamedTuple):
    """How users are looked at."""

    without: int  # item that they must not have
    fresh: Callable[[float], float]  # factor by the time of their last event
    except_: str = ""  # user


def _pointed_to(
    model: Model, users: Users, weights: dict[int, float], k: int, look: _Look
) -> Iterator[list[FoundUser] | None]:
    by_item = np.zeros(model.catalogue.size)
    by_item[list(weights)] = list(weights.values())
    names, found = iter(list(islice(reversed(users), MOST))) if weights else iter(()), list[FoundUser]()
    while some := list(islice(names, AT_ONCE)):
        found = _best(found + _weighed(model, users, some, by_item, look), k)
        yield None
    yield found


def _weighed(
    model: Model, users: Users, names: list[str], by_item: NDArray[np.float64], look: _Look
) -> list[FoundUser]:  # fmt: skip
    known, found = users.numbers.indices(model.vocabulary), list[FoundUser]()
    for user_id in names:
        user = users.get(user_id)  # they may have left since the last part
        if user is not None and user.events and user_id != look.except_:
            score, through = weigh(user.block, known, by_item, look.without)
            if score > 0.0:
                found.append(FoundUser(user_id, score * look.fresh(user.time), through))
    return found


def _best(found: list[FoundUser], k: int) -> list[FoundUser]:
    return nsmallest(k, found, key=lambda each: (-each.score, each.user_id))
