"""What rules demand of one slate: at most so many items of a group, and items pinned to slots.

Both hold in the draw itself, so the propensities include them. A source offers the first item of its list that is not
placed, is not pinned and would break no cap given the items above; a pinned slot shows its item with propensity 1 and
leaves no choice, so no source has credit for it. Offers still depend on the items above alone.

* A cap says: among its first slots at most n items of one group. Pinned items within these slots are
  counted beforehand, so that no pin below makes a cap break; pins themselves are never refused.
* A slate whose lists have nothing left that may be shown ends. Pins below that slot move up.
"""

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, PINNED, Constraints, Slate


@register_jitable
def check_constraints(lists: NDArray[np.int32], constraints: Constraints) -> bool:
    """Refuse what would read or write beyond an array; return whether there are no constraints at all."""
    caps = constraints.at_most.size
    if constraints.first.size != caps or constraints.groups.shape[0] != caps or constraints.used.shape[0] != caps:
        raise ValueError("constraints must have one row of groups, at_most, first and used for each cap")
    if caps > 0 and (constraints.groups.shape[1] != lists.shape[0] or constraints.groups.shape[2] != lists.shape[1]):
        raise ValueError("the groups of a cap must have the shape of the lists")
    if caps > 0 and constraints.groups.max() >= constraints.used.shape[1]:
        raise ValueError("every group must have a column in used")
    if constraints.pins.size != constraints.pin_slots.size:
        raise ValueError("every pin must have a slot")
    return caps == 0 and constraints.pins.size == 0


@register_jitable
def unavailable(lists: NDArray[np.int32], constraints: Constraints) -> NDArray[np.bool_]:
    """What no source can offer from the start ``[sources, depth]``: pinned items, and the ends of short lists."""
    gone = np.zeros(lists.shape, np.bool_)
    for a in range(lists.shape[0]):
        ended = False
        for rank in range(lists.shape[1]):
            ended |= lists[a, rank] < 0
            gone[a, rank] = ended
            for pin in constraints.pins:
                gone[a, rank] |= pin == lists[a, rank]
    return gone


@register_jitable
def seek_constrained_offers(
    lists: NDArray[np.int32],
    shown: NDArray[np.int32],
    cursor: NDArray[np.int64],
    constraints: Constraints,
    used: NDArray[np.int32],
    gone: NDArray[np.bool_],
) -> int:
    """Move each source's cursor to its offer under constraints; return how many sources are live.

    Called once a slot, from the first on. ``used`` starts as a copy of ``constraints.used``, ``gone`` as
    ``unavailable``; here what stands in the slot above is counted in both, unless it is pinned.
    """
    groups, at_most, first = constraints.groups, constraints.at_most, constraints.first
    slot, live, counted = shown.size, 0, False
    for a in range(lists.shape[0]):
        cursor[a] = lists.shape[1]
        for rank in range(lists.shape[1] if slot > 0 else 0):
            if lists[a, rank] == shown[-1] and not gone[a, rank]:
                gone[a, rank] = True
                for c in range(at_most.size):
                    if not counted and groups[c, a, rank] >= 0:
                        used[c, groups[c, a, rank]] += 1
                counted = True
    for a in range(lists.shape[0]):
        for rank in range(lists.shape[1]):
            fits = not gone[a, rank]
            for c in range(at_most.size):
                group = groups[c, a, rank]
                fits &= slot >= first[c] or group < 0 or used[c, group] < at_most[c]
            if fits:
                cursor[a] = rank
                live += 1
                break
    return live


@register_jitable
def due_pin(constraints: Constraints, shown: NDArray[np.int32], live: int) -> int:
    """The pinned item that the slot below ``shown`` must show, -1 if there is none.

    Where no source is live, the next pin moves up.
    """
    for p in range(constraints.pins.size):
        placed = False
        for item in shown:
            placed |= item == constraints.pins[p]
        if not placed:
            return int(constraints.pins[p]) if live == 0 or constraints.pin_slots[p] <= shown.size else -1
    return -1


@register_jitable
def place_pin(slate: Slate, slot: int, item: int) -> None:
    """Show a pinned item: certain, and drawn from no source."""
    slate.items[slot] = item
    slate.sources[slot] = PINNED
    slate.offered_ranks[slot, :] = EXHAUSTED
    slate.probabilities[slot, :] = 0.0
    slate.propensities[slot] = 1.0
