"""From a user's history to ranked candidates in one compiled call.

A call from Python takes and returns arrays one by one, some 1 us each, or 2 to 3 where caches are cold: history,
session and moment go from kernel to kernel here, and what was found stays in the room.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.ranking.desk import CANDIDATES, PAST, Asker
from stream.ranking.features import Moment
from stream.ranking.finish import finish
from stream.ranking.gather import gather
from stream.ranking.negatives import offered_bytes
from stream.ranking.past import moment_of, past_of, session_of


@njit(cache=True)
def rank(
    held: Any, block: NDArray[np.uint8], known: NDArray[np.int32], renewed: NDArray[np.int32], user: int, now: float,
    size: int, events: int, k: int, width: int, exclude_bought: bool, novel: bool, weight: float, plain: bool,
) -> int:  # fmt: skip
    """Gather, describe and score into the room; see `gather` and `finish`.

    Parameters
    ----------
    block, known, renewed : of the user, see `past_of`
    user : number
    plain : whether the mixer's scores alone rank, and list 0 is filled by them

    Returns
    -------
    Bytes that the candidates take when they are kept, see `pack_offered`.
    """
    past = past_of(block, known, renewed)
    asker = Asker(past, session_of(block, known, renewed), user, now)
    gather(held, asker, size, k, width, exclude_bought, novel)
    kind, twice, repeat_rate, immediate_rate, seen, depth, in_session, gap = moment_of(block, now)
    moment = Moment(kind, twice, repeat_rate, immediate_rate, seen, depth, in_session, gap, now)
    finish(held, past, moment, events, weight, plain)
    room = held.it.room.it
    return offered_bytes(room.counts[CANDIDATES], len(room.columns), room.counts[PAST])
