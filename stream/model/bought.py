"""What else people bought who bought an item: links between purchases, learned from the steps of the log."""

from typing import Final

import numpy as np

from learners import PURCHASE, CoVisitation, Interaction, Vocabulary
from learners.base import NEVER
from stream.model.interactions import interaction
from stream.records.log import LoggedEvent, Step

BOUGHT: Final = "bought"  # name of the part
BOUGHT_NEIGHBOURS: Final = 32  # links an item: a list has 40 at most, and they take 256 bytes
_NOTHING = np.empty(0, np.int32)


def learn_purchase(bought: CoVisitation, vocabulary: Vocabulary, step: Step, event: LoggedEvent, item: int) -> None:
    """Link an item that was bought with those of the user's recent items that were bought before, the last ones most.

    Rows are made for items that were bought, and those of lower numbers: without purchases there are none.
    """
    bought.add_item(item)
    seen = interaction(vocabulary, step, event, item)
    times = seen.past.bought
    order = np.argsort(-times, kind="stable")[: np.count_nonzero(times > NEVER)]
    before = seen.recent[order]
    bought.learn_one(Interaction(item, PURCHASE, event.time, before[before != item], _NOTHING))
