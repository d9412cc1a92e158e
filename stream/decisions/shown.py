"""The candidates of every user's last slate of each placement: the ranker learns which of them was taken.

They are not part of the users' state: after a crash, the ranker learns nothing from a user's first step.

The slate of a user who went away is old when they come back: other items are popular by then, and what the ranker
learns from it does not hold for a slate that is made when they ask. So of a share of them (`ranking.asked_share`) it
learns from the candidates that they would have got then.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.config import Config
from stream.decisions.uniforms import random_bits, uniforms
from stream.model.fold import Model
from stream.ranking.candidates import CandidateRequest
from stream.ranking.negatives import TRIES, offered_bytes, pack_offered, write_rows
from stream.records.log import LoggedEvent, Rows
from stream.state.user import User

_BITS = np.dtype("<u4")
SHOWN_USERS = 5_000  # slates whose candidates are kept, the newest; about 30 KB each


class Shown(NamedTuple):
    """The candidates that a user's last slate was made from."""

    time: float  # event time of the slate
    name: str  # decides which of them are learned
    slot: NDArray[np.uint8]  # see `Offered`


class ShownCandidates:
    """Those of the last `SHOWN_USERS` slates, in slots that are used again, the last one freed first."""

    def __init__(self, config: Config, model: Model) -> None:
        self.model, self._slots, self._session_gap_s = model, config.slate.slots, config.rewards.session_gap_s
        self._hard = config.ranking.negatives // 2
        self._uniform = config.ranking.negatives - self._hard
        self._seed, self._share = config.policy.seed, config.ranking.asked_share
        self._rows = np.empty((1 + config.ranking.negatives) * len(model.ranking.columns), np.uint8)
        self._kept: OrderedDict[tuple[str, str], Shown] = OrderedDict()  # by user and `Decision.placement`
        self._free: list[NDArray[np.uint8]] = []

    def keep(self, user_id: str, shown: Shown, placement: str = "") -> None:
        """Keep what a user has just been shown at a placement; from now on the slot belongs to these."""
        self.drop(user_id, placement)
        self._kept[user_id, placement] = shown
        if len(self._kept) > SHOWN_USERS:
            self.drop(*next(iter(self._kept)))

    def drop(self, user_id: str, placement: str) -> None:
        """Drop what is kept of a user at a placement: it is settled, and not to be learned from."""
        kept = self._kept.pop((user_id, placement), None)
        if kept is not None:
            self._free.append(kept.slot)

    def forget(self, user_id: str, placements: Iterable[str]) -> None:
        """Drop all that is kept of a user: of home, and of these placements, where a decision is open."""
        for placement in ("", *placements):
            self.drop(user_id, placement)

    def renew(self, user_id: str, user: User, event: LoggedEvent) -> None:
        """Before an event: where a silence that ends sessions lies between the user's last list and now, make one now.

        Of which events is decided by their ids. Without such a silence the two lists would hardly differ.
        """
        if event.time - user.time <= self._session_gap_s or not user.events:
            return
        kept, name = self._kept.get((user_id, "")), f"asked/{event.event_id}"
        if (kept is not None and event.time - kept.time <= self._session_gap_s) or not self._drawn(name):
            return
        ranker = self.model.variants.of(user_id, event.time).ranker
        request = CandidateRequest(user_id, user.as_of(event.time, self._session_gap_s), event.time)
        found = ranker.candidates_for(request, self._slots)
        slot = self.slot(offered_bytes(len(found.items), found.features.shape[1], len(found.times)))
        columns = np.ascontiguousarray(found.features.T)
        pack_offered(slot, found.items, columns, found.scores, found.places, found.times)
        self.keep(user_id, Shown(event.time, name, slot))

    def _drawn(self, name: str) -> bool:
        share = self._share
        return share == 1.0 or (share > 0.0 and float(uniforms(f"{self._seed}/{name}", 1)[0]) < share)

    def rows(self, user_id: str, user: User, event: LoggedEvent, placement: str = "") -> Rows | None:
        """Take out the candidate taken, a uniform sample of the others, and some of them that scored high."""
        kept = self._kept.pop((user_id, placement), None)
        if kept is None:
            return None
        self._free.append(kept.slot)
        if event.time < kept.time:
            return None
        bits = np.frombuffer(random_bits(f"{self._seed}/rows/{kept.name}", self._uniform + self._hard * TRIES), _BITS)
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
