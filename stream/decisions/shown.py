"""The candidates of every user's last slate: the ranker learns which of them was taken.

They are not part of the users' state: after a crash, the ranker learns nothing from a user's first step.
"""

from collections import OrderedDict
from typing import NamedTuple

from stream.config import Config
from stream.decisions.uniforms import uniforms
from stream.model.fold import Model
from stream.ranking.negatives import TRIES, Offered, rows_of
from stream.records.log import LoggedEvent, Rows
from stream.state.users import User

SHOWN_USERS = 5_000  # users whose last candidates are kept; about 30 KB each


class Shown(NamedTuple):
    """The candidates that a user's last slate was made from."""

    time: float  # event time of the slate
    decision_id: str
    offered: Offered


class ShownCandidates:
    """Those of the last `SHOWN_USERS` users."""

    def __init__(self, config: Config, model: Model) -> None:
        self.config, self.model = config, model
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    def keep(self, user_id: str, shown: Shown) -> None:
        """Keep what a user has just been shown."""
        self._shown[user_id] = shown
        self._shown.move_to_end(user_id)
        if len(self._shown) > SHOWN_USERS:
            self._shown.popitem(last=False)

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a user."""
        self._shown.pop(user_id, None)

    def rows(self, user_id: str, user: User, event: LoggedEvent) -> Rows | None:
        """Take out the candidate taken, a uniform sample of the others, and some of them that scored high."""
        shown = self._shown.pop(user_id, None)
        if shown is None or event.time < shown.time:
            return None
        name, hard = f"{self.config.policy.seed}/rows/{shown.decision_id}", self.config.ranking.negatives // 2
        uniform = self.config.ranking.negatives - hard
        rows, taken, others = rows_of(
            shown.offered, self.model.vocabulary.index(event.item_id), hard, uniforms(name, uniform + hard * TRIES),
            self.model.ranking.own, event.time - user.time, event.time,
        )  # fmt: skip
        return Rows(rows.tobytes(), taken, uniform, min(1.0, uniform / others)) if others > 0 else None
