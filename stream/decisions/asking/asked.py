"""What a request makes of a slate: what is ranked for it, and how its decision reads."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits import EXHAUSTED, PINNED
from stream.decisions.arrivals import Answer, SlateAsked
from stream.model.fold import Model
from stream.ranking.candidates import CandidateRanker, CandidateRequest, Ranked
from stream.ranking.lists.items import ItemLists, Listing
from stream.ranking.pack import PAD
from stream.ranking.reasons import FOLLOWS
from stream.records.log import Decision
from stream.records.requests import MAX_CANDIDATES, Request, Wanted
from stream.rules.filter import meets, unheld
from stream.state.user import User

LISTED = 100  # items of a kind that are ranked


class Rest(NamedTuple):
    """What follows the slots that a policy drew, where the items of a slate were given."""

    items: list[str]
    scores: list[float]


NO_REST = Rest([], [])


def rank_asked(
    model: Model, ranker: CandidateRanker, asked: CandidateRequest, request: Wanted, slots: int, *, kind: str,
    before: Sequence[str] = (),
) -> Ranked:  # fmt: skip
    """Rank what a request asks for, into lists of so many slots.

    Parameters
    ----------
    kind : of candidates, where the request does not say it, see `Kind`
    before : items that earlier pages showed
    """
    catalogue, anchors = model.catalogue, _known(model, dict.fromkeys(request.anchors))
    asked = asked._replace(user=_in_context(asked.user, request, model), anchors=anchors)
    kind = "all" if request.candidates else request.from_ or kind
    focus = anchors if len(anchors) else ranker.past(asked.user).items[:1]
    left_out = np.zeros(catalogue.size, np.bool_)
    if request.filter and not request.candidates:
        left_out = ~meets(request.filter, catalogue.facts.table, np.arange(catalogue.size, dtype=np.int32))
    if kind == "category" and len(focus):
        left_out |= catalogue.category[: catalogue.size] != catalogue.category[focus[0]]
    for items in (_known(model, request.exclude), _known(model, before), anchors):
        left_out[items] = True
    with catalogue.without(left_out):
        if request.candidates:
            return _rank_given(model, ranker, asked, request, slots)
        found = _listed(model.item_lists, kind, focus, asked.now)
        return ranker.rank_given(asked, found, slots, np.zeros(len(found))) if len(found) else ranker.rank(asked, slots)


def _rank_given(
    model: Model, ranker: CandidateRanker, asked: CandidateRequest, request: Wanted, slots: int
) -> Ranked:  # fmt: skip
    given = request.given()
    items = _known(model, given)
    if request.filter:
        items = items[meets(request.filter, model.catalogue.facts.table, items)]
    prices = np.array([given[model.vocabulary.ids[item]] or 0.0 for item in items.tolist()])
    return ranker.rank_given(asked, items, slots, prices)


def _listed(lists: ItemLists, kind: str, focus: NDArray[np.int32], now: float) -> NDArray[np.int32]:
    """Items of a kind, for the user's ranking; none: all may be shown, also where the model knows none of the kind."""
    if kind in ("popular", "rising", "latest"):
        by: dict[str, Callable[[int, float], Listing]] = {
            "popular": lists.popular, "rising": lists.rising, "latest": lists.latest,
        }  # fmt: skip
        return by[kind](LISTED, now).items
    if kind == "similar" and len(focus):
        return lists.similar(focus, LISTED, now).items
    if kind == "cart" and len(focus):
        bought, alike = lists.also_bought(focus, LISTED, now).items, lists.similar(focus, LISTED, now)
        instead = alike.items[[because == "content" for because in alike.because]]
        return bought[~np.isin(bought, instead)]
    return np.empty(0, np.int32)


def _in_context(user: User, request: Wanted, model: Model) -> User:
    """The user in the groups that the request puts them in."""
    groups = {name: request.context[name] for name in model.config.sources.traits.split(",") if name in request.context}
    return msgspec.structs.replace(user, traits=user.traits | groups) if groups else user


def rest_of(model: Model, ranked: Ranked, drawn: list[str], request: Request, before: Sequence[str]) -> Rest:
    """The given items beneath those that were drawn: in the ranking's order, at last those that nothing is known of.

    None where no items were given.
    """
    if not request.candidates:
        return NO_REST
    ids, taken = model.vocabulary.ids, {*drawn, *request.exclude, *request.anchors, *before}
    known = zip(map(ids.__getitem__, ranked.order.tolist()), ranked.scores.tolist(), strict=True)
    found = [(item, score) for item, score in known if item not in taken]
    if model.catalogue.allow_unknown and not request.filter:
        found += [(item, 0.0) for item in request.given() if model.vocabulary.index(item) < 0 and item not in taken]
    return Rest([item for item, _ in found], [score for _, score in found])


def asked_for(decision: Decision, request: Request, lists: int, rest: Rest = NO_REST) -> Decision:
    """The decision as the answer to a request: its first `k` slots, which were drawn without looking further down.

    There is no choice in the slots of the rest: like those that a rule fixes, they teach a policy nothing.

    Parameters
    ----------
    lists : that the slate was drawn from
    """
    drawn = len(decision.sources)
    k = min(drawn + len(rest.items), request.k or MAX_CANDIDATES)
    own, more = min(drawn, k), max(0, k - drawn)
    if more:
        decision = _with_items(decision, rest.items[:more])
    return msgspec.structs.replace(
        decision, sources=decision.sources[:own] + bytes([PINNED]) * more,
        offered_ranks=decision.offered_ranks[: own * lists] + bytes([EXHAUSTED]) * (more * lists),
        propensities=decision.propensities[: 4 * own] + np.ones(more, np.float32).tobytes(),
        scores=decision.scores[: 4 * own] + np.array(rest.scores[:more], np.float32).tobytes(),
        shadow=decision.shadow[:k], reasons=decision.reasons[:own] + bytes([FOLLOWS]) * more,
        request_id=request.request_id,
    )  # fmt: skip


def answered(asked: SlateAsked, decision: Decision | None, model: Model) -> Answer:
    """The answer to a request that got a decision, or none since there is nothing to show."""
    return (
        Answer(asked, None, "empty", _why_empty(asked.request, model)) if decision is None else Answer(asked, decision)
    )


def _why_empty(request: Request, model: Model) -> str:
    lacking = unheld(request.filter, model.catalogue.facts.table)
    if lacking:
        return f"no item meets the filter: none has {' or '.join(map(repr, lacking))}; see the names in the catalogue"
    asked = [name for name in ("candidates", "filter", "after") if getattr(request, name)]
    of = f" of those that {' and '.join(f'`{name}`' for name in asked)} leave" if asked else ""
    return f"no item{of} may be shown to this user now"


def _known(model: Model, item_ids: Iterable[str]) -> NDArray[np.int32]:
    """Numbers of those items that the model knows."""
    numbers = np.array([model.vocabulary.index(item_id) for item_id in item_ids], np.int32)
    return numbers[numbers >= 0]


def _with_items(decision: Decision, more: list[str]) -> Decision:
    """Put further items behind those of the slate, before the others of the lists."""
    shown = decision.slate + more
    places = {item: place for place, item in enumerate(dict.fromkeys(shown + decision.items))}
    moved = np.array([places[item] for item in decision.items] + [PAD], np.uint16)
    old = np.frombuffer(decision.lists, np.uint16)
    lists = moved[np.where(old == PAD, len(decision.items), old)]
    return msgspec.structs.replace(decision, items=list(places), lists=lists.tobytes())
