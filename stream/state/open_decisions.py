"""The open decisions of a user: home's newest slate, and those of other placements and of further pages."""

from stream.records.log import Decision, Settlement
from stream.state.user import NOTHING, User


def all_open(user: User) -> list[Decision]:
    """All of them, home's first, then in the order in which their places were first opened."""
    home = [] if user.open is None else [user.open]
    return [*home, *user.others.values()] if user.others else home


def open_at(user: User, placement: str) -> Decision | None:
    """The one of a placement, as `Decision.placement` names it."""
    return user.others.get(placement) if placement else user.open


def find_open(user: User, decision_id: str | None) -> Decision | None:
    """The one of that name."""
    if user.open is not None and user.open.decision_id == decision_id:
        return user.open
    return next((found for found in user.others.values() if found.decision_id == decision_id), None)


def put_open(user: User, decision: Decision) -> None:
    """Open a decision, in place of the one that is open there."""
    if decision.placement:
        user.others = {**user.others, decision.placement: decision}
    else:
        user.open = decision


def close_open(user: User, settled: Settlement) -> None:
    """Close the decision that is settled, if it is the one that is open there."""
    found = user.others.get(settled.placement) if settled.placement else user.open
    if found is None or found.decision_id != settled.decision_id:
        return
    if settled.placement:
        left = {key: each for key, each in user.others.items() if key != settled.placement}
        user.others = left or NOTHING
    else:
        user.open = None
