"""From a user's history to ranked candidates in one compiled call.

A call from Python takes and returns arrays one by one, some 1 us each, or 2 to 3 where caches are cold: history,
session and moment go from kernel to kernel here.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.ranking.desk import Asker
from stream.ranking.features import Moment
from stream.ranking.finish import finish
from stream.ranking.gather import gather
from stream.ranking.past import moment_of, past_of, session_of


@njit(cache=True)
def rank(
    held: Any, block: NDArray[np.uint8], known: NDArray[np.int32], renewed: NDArray[np.int32], user: int, now: float,
    size: int, events: int, k: int, width: int, exclude_bought: bool, novel: bool, weight: float, plain: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Gather, describe and score; see `gather` and `finish`.

    Parameters
    ----------
    block, known, renewed : of the user, see `past_of`
    user : number
    plain : whether the mixer's scores alone rank, and list 0 is filled by them

    Returns
    -------
    Items, rows, scores, lists, places and times, as in `Candidates`: a plain tuple, which numba gives to Python sooner
    than a named one.
    """
    past = past_of(block, known, renewed)
    asker = Asker(past, session_of(block, known, renewed), user, now)
    count, lists = gather(held, asker, size, k, width, exclude_bought, novel)
    kind, twice, repeat_rate, immediate_rate, seen, depth, in_session, gap = moment_of(block, now)
    moment = Moment(kind, twice, repeat_rate, immediate_rate, seen, depth, in_session, gap, now)
    items, rows, scores, places = finish(held, count, past, moment, events, weight, lists[:1] if plain else lists[:0])
    return items, rows, scores, lists, places, past.times
