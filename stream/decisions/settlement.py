"""What an event is worth, and what it makes of the slate that the user had before: the settlement."""

from typing import Annotated

from msgspec import Meta, Struct

from stream.records.log import Decision, LoggedEvent, Settlement
from stream.records.schemas import OutcomeType

MAX = 1e6  # of a reward; also keeps infinity out


class Rewards(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one table of rewards, and the two times that bound a slate's credit."""

    view: Annotated[float, Meta(ge=0, le=MAX, description="reward of a view of a slate's item")] = 1.0
    click: Annotated[float, Meta(ge=0, le=MAX, description="of a click")] = 2.0
    purchase: Annotated[float, Meta(ge=0, le=MAX, description="of a purchase")] = 10.0
    session_gap_s: Annotated[float, Meta(gt=0, description="seconds of event time; longer silence ends a session")] = (
        1800.0
    )
    idle_s: Annotated[
        float,
        Meta(gt=0, description="seconds of event time until a user without any event leaves the working memory"),
    ] = 90 * 86_400.0
    attribution_window_s: Annotated[
        float, Meta(gt=0, description="seconds of event time until an unanswered slate is settled at 0")
    ] = 1800.0

    def of(self, kind: int) -> float:
        """Reward of an event by its kind (index in schemas.KINDS)."""
        return (self.view, self.click, self.purchase)[kind]


def settle(open_: Decision, event: LoggedEvent, *, same_session: bool, discount: float, rewards: Rewards) -> Settlement:
    """Settle the open decision by the user's next event.

    * dated before the slate, or naming another decision: the user cannot have answered this one. Void, no learning.
    * later than the attribution window: silence. Reward 0, discount 0.
    * an item of the slate: a hit, rewarded by the event's type. Any other item: a miss, 0. Both are discounted by
      `discount` if the session goes on, and by 0 if it ended with this decision.
    """
    if event.time < open_.time or event.decision_id not in (None, open_.decision_id):
        return _settlement(open_, "void", -1, 0.0, 0.0, event.time)
    if event.time > open_.time + rewards.attribution_window_s:
        return silence(open_, rewards)
    slate = open_.slate
    hit = slate.index(event.item_id) if event.item_id in slate else -1
    reward = rewards.of(event.kind) if hit >= 0 else 0.0
    return _settlement(open_, "hit" if hit >= 0 else "miss", hit, reward, discount if same_session else 0.0, event.time)


def silence(open_: Decision, rewards: Rewards) -> Settlement:
    """Settle a decision at 0 that nobody answered within the attribution window: silence is an answer."""
    return _settlement(open_, "silent", -1, 0.0, 0.0, open_.time + rewards.attribution_window_s)


def replaced(open_: Decision, now: float) -> Settlement:
    """Close a decision whose slate gives way to a newer one before anybody answered it: nothing is learned from it."""
    return _settlement(open_, "replaced", -1, 0.0, 0.0, now)


def _settlement(
    open_: Decision, outcome: OutcomeType, hit: int, reward: float, discount: float, settled_at: float
) -> Settlement:
    return Settlement(
        open_.decision_id, outcome, hit, reward, discount, open_.time, settled_at, open_.policy, open_.state,
        open_.slate, open_.sources, open_.offered_ranks, open_.propensities, open_.lists,
        open_.experiment, open_.variant, open_.shadow,
    )  # fmt: skip
