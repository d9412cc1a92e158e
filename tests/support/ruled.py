"""A site with rules, for the tests of rules."""

from pathlib import Path
from typing import Any

from stream.config import Policy, Slate
from stream.decisions.slates import SlateRequest
from stream.records.log import ItemChange, ProfileChange
from stream.records.schemas import Item, Scalar
from tests.support.site import Site, T

DAY = 86_400.0


def ruled(place: Path, text: str, *items: Item, policy: str = "ranked", **slate: Any) -> Site:
    """A site with these rules and items, that always shows the ranking."""
    place.write_text(text)
    chosen: Any = policy  # a name that the parameters of a test hold as text
    site = Site(slate=Slate(rules=str(place), **({"slots": 5} | slate)), policy=Policy(name=chosen))
    site.take(*(ItemChange(item.item_id, item) for item in items))
    return site


def things(names: str, **fields: Any) -> list[Item]:
    return [Item(item_id=name, **fields) for name in names]


def shown(site: Site, user: str = "u", now: float = T) -> list[str]:
    """The slate in order; everything in the lists is on it if there is room."""
    person = site.shard.users.get(user) or site.shard.users["u"]
    (drawn,) = site.engine.draw([SlateRequest(user, person, now, "test")])
    return drawn.decision.slate


def known(site: Site, user: str, **attributes: Scalar) -> None:
    site.take(ProfileChange(user, attributes))
