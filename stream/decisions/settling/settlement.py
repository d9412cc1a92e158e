"""Settlement: the outcome and reward of a user's open slates, by the next event or by silence."""

from collections.abc import Callable, Sequence

from stream.config import Rewards
from stream.records.log import Decision, LoggedEvent, Settlement
from stream.records.schemas import OutcomeType

Settle = Callable[[Decision], Settlement]


def settle_all(open_: Sequence[Decision], event: LoggedEvent, settle: Settle) -> list[Settlement]:
    """Settle decisions of one user by the same event; the one that the event answers comes last.

    The item is credited once: to the newest slate that has it, as the last that the user can have seen. Older ones
    that have it too are `replaced`: they were neither taken nor left.

    Parameters
    ----------
    open_ : home's first
    settle : one alone
    """
    found = list(map(settle, open_))
    if len(found) < 2:
        return found
    hits = [n for n, each in enumerate(found) if each.hit >= 0]
    credited = max(hits, key=lambda n: (open_[n].time, -n), default=0)
    for n in hits:
        if n != credited:
            found[n] = replaced(open_[n], event.time)
    return [*found[:credited], *found[credited + 1 :], found[credited]]


def settle(open_: Decision, event: LoggedEvent, *, same_session: bool, discount: float, rewards: Rewards) -> Settlement:
    """Settle the open decision by the user's next event.

    * naming another decision, or none and dated before the slate: the user cannot have answered this one. Void, no
      learning. An event that names it has answered it, whatever the clock says that dated it: many count whole seconds.
    * later than the attribution window: silence. Reward 0, discount 0.
    * an item of the slate: a hit, rewarded by the event's type. Any other item: a miss, 0. Both are discounted by
      `discount` if the session goes on, and by 0 if it ended with this decision.
    """
    named = event.decision_id == open_.decision_id
    if not named and (event.decision_id is not None or event.time < open_.time):
        return _settlement(open_, "void", -1, 0.0, 0.0, event.time)
    if event.time > open_.time + rewards.attribution_window_s:
        return silence(open_, rewards)
    discount, slate, at = discount if same_session else 0.0, open_.slate, max(open_.time, event.time)
    if event.item_id not in slate:
        return _settlement(open_, "miss", -1, 0.0, discount, at, slate)
    return _settlement(open_, "hit", slate.index(event.item_id), rewards.of(event.kind), discount, at, slate)


def silence(open_: Decision, rewards: Rewards, *, seen: bool = True) -> Settlement:
    """Settle a decision that got no event within the attribution window, at reward 0; void if nobody has `seen` it."""
    return _settlement(open_, "silent" if seen else "void", -1, 0.0, 0.0, open_.time + rewards.attribution_window_s)


def replaced(open_: Decision, now: float) -> Settlement:
    """Close a decision that a newer slate replaces before an event settled it; nothing is learned from it."""
    return _settlement(open_, "replaced", -1, 0.0, 0.0, now)


def _settlement(
    open_: Decision, outcome: OutcomeType, hit: int, reward: float, discount: float, settled_at: float,
    slate: list[str] | None = None,
) -> Settlement:  # fmt: skip
    return Settlement(
        open_.decision_id, outcome, hit, reward, discount, open_.time, settled_at, open_.policy, open_.state,
        open_.slate if slate is None else slate, open_.sources, open_.offered_ranks, open_.propensities, open_.lists,
        open_.experiment, open_.variant, open_.shadow, open_.placement,
    )  # fmt: skip
