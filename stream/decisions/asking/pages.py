"""Where the slate of a request stands: at which placement, on which page, and what it leaves out, as shown before."""

from collections.abc import Mapping
from typing import NamedTuple

from stream.decisions.uniforms import uniforms
from stream.placements import ASKED, MAX_PAGES, Placement, key_of, name_of, page_of
from stream.records.log import Decision
from stream.records.requests import Request
from stream.records.schemas import HOME
from stream.state.open_decisions import find_open
from stream.state.user import User


class Place(NamedTuple):
    """Where a slate is to stand."""

    key: str  # see `Decision.placement`
    before: list[str]  # items that the pages before it showed
    time: float | None = None  # event time of the page before: one that goes on is made as of then


def place_of(request: Request, user: User, placements: Mapping[str, Placement]) -> Place | str:
    """Where the slate of a request stands; a sentence if there is no such place."""
    known = HOME, *placements
    if request.placement not in known:
        return f"request: `placement` must be one of {', '.join(known)}; got {request.placement[:100]!r}"
    if request.after is None:
        return Place(key_of(ASKED if request.narrow and request.placement == HOME else request.placement), [])
    made = find_open(user, request.after)
    if made is None:
        return (
            f"request: `after` must be a decision that is open; {request.after!r} is not, since an event, silence or a "
            "newer slate closed it: ask without `after`, with what is shown in `exclude`"
        )
    name, page = name_of(made.placement), page_of(made.placement)
    if request.placement not in (HOME, name):
        return (
            f"request: `after` is a decision of {name}; leave out `placement`, or give that; got {request.placement!r}"
        )
    if page >= MAX_PAGES:
        return f"request: `after` is page {page}, and there are {MAX_PAGES}: ask without it, with `exclude`"
    return Place(key_of(name, page + 1), made.before + made.slate, made.time)


def rotated(open_: Decision | None, chance: float, name: str) -> list[str]:
    """Items that a slate leaves out, since the one that was asked for there before showed them in vain.

    A slate that an event has caused is none: nobody need have seen it.

    Parameters
    ----------
    open_ : what is open there
    chance : of each item
    name : decides the random numbers
    """
    if not chance or open_ is None or not open_.request_id:
        return []
    drawn = uniforms(name, len(open_.slate)).tolist()
    return [item for item, number in zip(open_.slate, drawn, strict=True) if number < chance]
