"""Lists kept until a user's next event: the engine's and the baselines', made at the same time."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import INELIGIBLE, Query
from stream.config import Config
from stream.decisions.engine import Engine
from stream.decisions.shown import SHOWN_USERS
from stream.decisions.slates import DrawnSlate, SlateRequest
from stream.evaluation.baselines import ENGINE, Baseline
from stream.evaluation.stopwatch import Stopwatch
from stream.model.fold import Model
from stream.state.user import User


class Shown(NamedTuple):
    """Lists of one user: the engine's first, then the baselines' in their order."""

    lists: list[NDArray[np.int32]]
    sources: NDArray[np.uint8]  # of the engine's slots
    made: float  # event time


class Predicted(NamedTuple):
    """Probabilities of every candidate by the heads."""

    items: NDArray[np.int32]  # [n]
    probabilities: NDArray[np.float32]  # [n, 2]: click, purchase


class Recorder(Engine):
    """An engine that records the slates it drew and measures the time."""

    def __init__(self, config: Config, model: Model, stopwatch: Stopwatch) -> None:
        super().__init__(config, model)
        self.stopwatch = stopwatch
        self.drawn: dict[str, DrawnSlate] = {}  # by user, until taken

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw one by one, and keep each slate."""
        for each in asked:
            with self.stopwatch.time(ENGINE, "query"):
                (self.drawn[each.user_id],) = super().draw([each])
        return [self.drawn[each.user_id] for each in asked]

    def take(self) -> dict[str, DrawnSlate]:
        """What was drawn since this was last called, by user."""
        drawn, self.drawn = self.drawn, {}
        return drawn


class WaitingLists:
    """At most one set of lists for each user of the log.

    Parameters
    ----------
    depth : length of the baselines' lists
    novel : whether items that the user has touched are left out
    """

    def __init__(self, engine: Recorder, baselines: Sequence[Baseline], depth: int, *, novel: bool) -> None:
        self.engine, self.baselines, self.depth, self.novel = engine, baselines, depth, novel
        self._shown: dict[str, Shown] = {}
        self._predicted: OrderedDict[str, Predicted] = OrderedDict()  # of the last SHOWN_USERS users

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._shown

    def take(self, user_id: str) -> tuple[Shown | None, Predicted | None]:
        """Take out the lists of a user, and what was predicted of the candidates."""
        return self._shown.pop(user_id, None), self._predicted.pop(user_id, None)

    def keep(self, drawn: Mapping[str, DrawnSlate], users: Mapping[str, User], now: float, name: str) -> None:
        """Make all lists for users for whom the engine has just drawn a slate."""
        for user_id, found in drawn.items():
            if found.decision.sources:
                self.ask(user_id, users[user_id], now, name, None if self.novel else found)

    def ask(self, user_id: str, user: User, now: float, name: str, drawn: DrawnSlate | None = None) -> None:
        """Make all lists for a user at event time `now`; the engine's is drawn, as `name`, if it is not given."""
        model = self.engine.model
        user = user.as_of(now, self.engine.config.rewards.session_gap_s)
        if drawn is None:
            (drawn,) = self.engine.draw([SlateRequest(user_id, user, now, name, self.novel)])
        found = drawn.candidates()
        lists = self._of_baselines(model.ranker.query(user_id, user, now), user)
        self._shown[user_id] = Shown([drawn.items, *lists], np.frombuffer(drawn.decision.sources, np.uint8), now)
        self._predicted[user_id] = Predicted(found.items, model.ranking.probabilities(found.features))
        if len(self._predicted) > SHOWN_USERS:
            self._predicted.popitem(last=False)

    def _of_baselines(self, query: Query, user: User) -> list[NDArray[np.int32]]:
        model = self.engine.model
        touched = model.vocabulary.indices(list(user.seen) if self.novel else [])
        with model.catalogue.masked(touched, INELIGIBLE) as mask:
            known = mask[: len(model.vocabulary)]
            return [baseline.source.top_k(query, self.depth, known)[0] for baseline in self.baselines]
