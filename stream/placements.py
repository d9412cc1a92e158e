"""Placements: the places of a site that show slates of their own beside *home*, and their settings.

`HOME` is always there: the sections slate, policy and ranking describe it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from stream.records.requests import Kind
from stream.records.schemas import HOME

NAME = r"^[a-z][a-z0-9_-]{0,39}$"
MOST = 20  # placements beside home: each has a ranker of its own, some MB
MAX_PAGES = 10  # of one placement that are open at once, the first included
CANDIDATES = get_args(Kind)  # kinds of candidates that there are
ASKED = "asked"  # in place of home where a request narrows what may be shown: home's own slate stays as it is
_PAGE = "/"

Name = Annotated[str, Meta(pattern=NAME)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Events = Annotated[float, Meta(gt=0)]
_Weight = Annotated[float, Meta(ge=0)]


class Placement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place of the site with slates of its own (docs/placements.md); what is left out is as for home."""

    slots: Annotated[int, Meta(ge=1, le=40, description="items on a slate")] = 10
    push: Annotated[
        bool, Meta(description="publish a slate after each event, as for home; otherwise one is made on request")
    ] = False
    candidates: Annotated[str, Meta(description="what a slate is chosen from: " + ", ".join(CANDIDATES))] = "all"
    exposure: Annotated[
        Literal["assumed", "reported"],
        Meta(
            description="assumed: whoever acts next has seen the slate; reported: only an event with its decision_id "
            "says that it was seen, without one nothing is learned from it"
        ),
    ] = "assumed"
    rules: Annotated[str, Meta(description="TOML file of rules (docs/rules.md); empty: those of section slate")] = ""
    learning: Annotated[
        Literal["own", "shared"],
        Meta(description="own: a policy of its own, which learns from its slates alone; shared: home's, for both"),
    ] = "own"
    policy: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,100}$", description="name of its own policy; empty: as section policy")
    ] = ""
    epsilon: Annotated[_Share | None, Meta(description="as in section policy; of its own policy")] = None
    epsilon_floor: Annotated[_Share | None, Meta(description="as in section policy")] = None
    epsilon_half_life: Annotated[_Events | None, Meta(description="as in section policy")] = None
    next_weight: Annotated[_Weight | None, Meta(description="as in section ranking")] = None
    click_weight: Annotated[_Weight | None, Meta(description="as in section ranking")] = None
    purchase_weight: Annotated[_Weight | None, Meta(description="as in section ranking")] = None

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the settings `names` that are given."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


POLICY = ("epsilon", "epsilon_floor", "epsilon_half_life")
WEIGHTS = ("next_weight", "click_weight", "purchase_weight")


def fault(placements: Mapping[str, Placement], slots: int) -> str:
    """What is wrong with the placements of a site, whose home has so many slots; empty: nothing.

    >>> fault({"home": Placement()}, 20)
    'placements.home: home is always there: sections slate, policy and ranking describe it; take another name'
    """
    if len(placements) > MOST:
        return f"placements: must be at most {MOST} beside home; got {len(placements)}"
    for name, placement in placements.items():
        where = f"placements.{name}"
        if name == HOME:
            return f"{where}: home is always there: sections slate, policy and ranking describe it; take another name"
        if name == ASKED:
            return f"{where}: requests that narrow what may be shown have this name; take another"
        if placement.candidates not in CANDIDATES:
            return f"{where}.candidates: must be one of {', '.join(CANDIDATES)}; got {placement.candidates!r}"
        if placement.learning == "shared" and (placement.policy or placement.given(*POLICY)):
            return f"{where}.learning: shared takes home's policy as it is: leave out policy and epsilon, or learn own"
        if placement.learning == "shared" and placement.slots > slots:
            return f"{where}.slots: with learning shared must be at most slate.slots ({slots}); got {placement.slots}"
    return ""


def name_of(key: str) -> str:
    """The placement of a decision, from `Decision.placement`.

    >>> name_of(""), name_of("/2"), name_of("cart"), name_of("cart/3")
    ('home', 'home', 'cart', 'cart')
    """
    return key.partition(_PAGE)[0] or HOME


def page_of(key: str) -> int:
    """The page of a decision, from 1.

    >>> page_of(""), page_of("cart/3")
    (1, 3)
    """
    return int(key.partition(_PAGE)[2] or 1)


def key_of(name: str, page: int = 1) -> str:
    """What `Decision.placement` says of a page of a placement: nothing of home's first.

    >>> key_of("home"), key_of("home", 2), key_of("cart"), key_of("cart", 3)
    ('', '/2', 'cart', 'cart/3')
    """
    return ("" if name == HOME else name) + (f"{_PAGE}{page}" if page > 1 else "")


def assumes(placements: Mapping[str, Placement], key: str) -> bool:
    """Whether users are assumed to have seen slates of this key: those of home, and of what is configured no more, too.

    >>> site = {"mail": Placement(exposure="reported")}
    >>> assumes(site, ""), assumes(site, "mail")
    (True, False)
    """
    placement = placements.get(name_of(key)) if placements and key else None
    return placement is None or placement.exposure == "assumed"


def pushes(placements: Mapping[str, Placement], key: str) -> bool:
    """Whether slates of this key are published by themselves: home's first pages, and those of placements that push.

    >>> pushes({"cart": Placement(push=True)}, "cart"), pushes({"cart": Placement(push=True)}, "cart/2")
    (True, False)
    """
    if not key:
        return True
    placement = placements.get(key)
    return placement is not None and placement.push
