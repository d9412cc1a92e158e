"""What else people bought who bought an item: links between purchases, learned from the steps of the log."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners import PURCHASE, CoVisitation, Interaction, Vocabulary
from stream.model.interactions import places_of
from stream.records.log import LoggedEvent, Step
from stream.state.user_block import PAST

BOUGHT: Final = "bought"  # name of the part
BOUGHT_NEIGHBOURS: Final = 32  # links an item: they take 256 bytes
_NOTHING = np.empty(0, np.int32)


def learn_purchase(bought: CoVisitation, vocabulary: Vocabulary, step: Step, event: LoggedEvent, item: int) -> None:
    """Link an item that was bought with those of the user's recent items that were bought before, the last ones most.

    Rows are made for items that were bought, and those of lower numbers: without purchases there are none.
    """
    bought.add_item(item)
    bought.learn_one(Interaction(item, PURCHASE, event.time, _before(vocabulary, step, event, item), _NOTHING))


def _before(vocabulary: Vocabulary, step: Step, event: LoggedEvent, item: int) -> NDArray[np.int32]:
    """The recent items that were bought, other than `item`: the last purchase first."""
    past = np.frombuffer(step.past, PAST)
    if len(past) == 0 or len(past) != len(step.recent):
        return _NOTHING
    gaps = past["bought"]  # seconds since the last purchase, infinite without one
    order = gaps.argsort(kind="stable")[: np.count_nonzero(gaps < np.inf)]
    if len(order) == 0:
        return _NOTHING
    found = np.array(places_of(vocabulary, step, event), np.int32)[order]
    kept: NDArray[np.int32] = found[(found != item) & (found >= 0)]
    return kept
