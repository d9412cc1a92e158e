"""Which open slates are refreshed.

A slate is as old as the event that caused it. Where trends move, the slates of users who are still active are refreshed
when there is capacity, the oldest first. Times are event times, compared with the watermark of the shard: nothing ages
while no event comes.
"""

from typing import NamedTuple

from stream.decisions.open_slates import OpenSlates


class Limits(NamedTuple):
    """Whose slate is refreshed, in event time."""

    made_before: float  # the slate
    active_since: float  # the user
    silent_before: float  # a slate made before is settled by silence instead


def stale(slates: OpenSlates, limits: Limits, most: int) -> list[str]:
    """Take out users whose open slate should be refreshed, at most so many, the oldest slate first.

    A user who is no longer active is dropped: only an event brings them back, and that makes a new slate, or none.

    >>> stale(OpenSlates({}), Limits(9.0, 0.0, 0.0), 5)
    []
    """
    found: list[str] = []
    while len(found) < most and (oldest := slates.pop(limits.made_before)) is not None:
        if oldest.at >= limits.silent_before and oldest.user.time >= limits.active_since:
            found.append(oldest.user_id)
    return found
