"""The candidates of every user's last slate: the ranker learns which of them was taken.

They are not part of the users' state: after a crash, the ranker learns nothing from a user's first step.
"""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.config import Config
from stream.decisions.uniforms import random_bits
from stream.model.fold import Model
from stream.ranking.negatives import TRIES, write_rows
from stream.records.log import LoggedEvent, Rows
from stream.state.user import User

_BITS = np.dtype("<u4")
SHOWN_USERS = 5_000  # users whose last candidates are kept; about 30 KB each


class Shown(NamedTuple):
    """The candidates that a user's last slate was made from."""

    time: float  # event time of the slate
    decision_id: str
    slot: NDArray[np.uint8]  # see `Offered`


class ShownCandidates:
    """Those of the last `SHOWN_USERS` users, in slots that are used again, the last one freed first."""

    def __init__(self, config: Config, model: Model) -> None:
        self.model = model
        self._hard = config.ranking.negatives // 2
        self._uniform = config.ranking.negatives - self._hard
        self._name = f"{config.policy.seed}/rows/"
        self._rows = np.empty((1 + config.ranking.negatives) * len(model.ranking.columns), np.uint8)
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._free: list[NDArray[np.uint8]] = []

    def keep(self, user_id: str, shown: Shown) -> None:
        """Keep what a user has just been shown; from now on the slot belongs to these."""
        self.forget(user_id)
        self._kept[user_id] = shown
        if len(self._kept) > SHOWN_USERS:
            self.forget(next(iter(self._kept)))

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        kept = self._kept.pop(user_id, None)
        if kept is not None:
            self._free.append(kept.slot)

    def rows(self, user_id: str, user: User, event: LoggedEvent) -> Rows | None:
        """Take out the candidate taken, a uniform sample of the others, and some of them that scored high."""
        kept = self._kept.pop(user_id, None)
        if kept is None:
            return None
        self._free.append(kept.slot)
        if event.time < kept.time:
            return None
        bits = np.frombuffer(random_bits(self._name + kept.decision_id, self._uniform + self._hard * TRIES), _BITS)
        size, taken, others = write_rows(
            kept.slot, self.model.vocabulary.index(event.item_id), self._hard, bits, self.model.ranking.own,
            event.time - user.time, event.time, self._rows,
        )  # fmt: skip
        if others == 0:
            return None
        return Rows(self._rows[:size].tobytes(), taken, self._uniform, min(1.0, self._uniform / others))

    def slot(self, size: int) -> NDArray[np.uint8]:
        """A free slot of so many bytes at least, or a new one; one that is too small is given up."""
        if self._free and len(self._free[-1]) >= size:
            return self._free.pop()
        del self._free[-1:]
        return np.empty(size + size // 4, np.uint8)
