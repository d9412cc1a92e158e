"""From a user to a slate, and to the decision that the log keeps of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, Policy, Slate, session_state
from bandits.slates.disagreement.policy import Disagreement
from stream.config import Config
from stream.decisions.asking.asked import asked_for, rank_asked, rest_of
from stream.decisions.draw import draw, write_down
from stream.decisions.uniforms import random_bits, uniforms
from stream.experiments.variants import Treatment
from stream.model.fold import Model
from stream.observe import Mix
from stream.placements import name_of
from stream.ranking.candidates import CandidateRequest, Ranked
from stream.ranking.negatives import Offered, unpack_offered
from stream.ranking.pack import Packed, Sheet
from stream.records.log import Decision
from stream.records.requests import ANYTHING, Request
from stream.state.user import User
from stream.state.users import enrolment


class SlateRequest(NamedTuple):
    """A user who is to get a slate."""

    user_id: str
    user: User
    now: float  # event time
    name: str  # of the decision to be; decides the random numbers
    novel: bool = False  # whether what the user has touched is left out
    of: Request | None = None  # that is answered
    placement: str = ""  # and page, see `Decision.placement`
    before: Sequence[str] = ()  # items that earlier pages showed


class _Paper(NamedTuple):
    """What slates of one length are written on, again and again."""

    sheet: Sheet
    bits: NDArray[np.uint32]  # random ones of each slot

    @classmethod
    def of(cls, slots: int, lists: int) -> "_Paper":
        return cls(Sheet(slots, lists, slots), np.zeros(slots, np.uint32))


class DrawnSlate(NamedTuple):
    """A slate, and what it was made from."""

    decision: Decision  # without items: there is nothing to show
    packed: Packed
    slot: NDArray[np.uint8]  # the candidates, see `Offered`

    @property
    def items(self) -> NDArray[np.int32]:
        """The items that were drawn and are shown, from the top, as the model numbers them."""
        return np.array(self.packed.items[: min(len(self.packed.sources), len(self.decision.sources))], np.int32)

    @property
    def mix(self) -> Mix:
        """Variety of the slate."""
        return Mix(*self.packed.counts)

    def candidates(self) -> Offered:
        """A copy of the candidates: the slot is used again for other users."""
        return Offered._make([part.copy() for part in unpack_offered(self.slot)])


class Slates:
    """Draws slates from the model as it is. Changes nothing.

    Parameters
    ----------
    slots : gives an array of at least so many bytes, for the candidates of a slate
    """

    def __init__(self, config: Config, model: Model, slots: Callable[[int], NDArray[np.uint8]]) -> None:
        self.config, self.model, self._slots = config, model, slots
        lengths = {config.slate.slots, *(placement.slots for placement in config.placements.values())}
        self._kinds = {name: placement.candidates for name, placement in config.placements.items()}
        self._papers = {length: _Paper.of(length, len(model.lists)) for length in sorted(lengths)}

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw slates for different users, those of one variant together."""
        variants = self.model.variants
        treatments = [variants.of(each.user_id, each.now, each.placement) for each in asked]
        if variants.experiment is None:
            return [self._draw_one(each, of) for each, of in zip(asked, treatments, strict=True)]
        drawn: dict[str, DrawnSlate] = {}
        for treatment in dict.fromkeys(treatments):
            for each, of in zip(asked, treatments, strict=True):
                if of is treatment:
                    drawn[each.user_id] = self._draw_one(each, treatment)
        return [drawn[each.user_id] for each in asked]

    def _draw_one(self, asked: SlateRequest, treatment: Treatment) -> DrawnSlate:
        """Rank, draw and write down, with all that is needed to learn from it."""
        model, policy, user, ranked = self.model, treatment.policy, asked.user, self._rank(asked, treatment)
        slot, state, name = self._slots(ranked.size), session_state(user.depth, user.events), asked.name
        sheet, bits = self._papers[treatment.slots]
        if type(policy) is Disagreement and ranked.constraints is NO_CONSTRAINTS:
            beliefs, epsilon, floor = policy.drawing()
            bits.data.cast("B")[:] = random_bits(self._seed(name), len(bits))
            draw(ranked.held, beliefs, epsilon, floor, state, bits, model.catalogue.events, sheet.array, slot)
        else:
            epsilon, slate = policy.epsilon, self._fill(policy, state, treatment, ranked, name)
            write_down(
                ranked.held, slate.items, slate.sources, slate.offered_ranks, slate.propensities,
                model.catalogue.events, sheet.array, slot,
            )  # fmt: skip
        packed = sheet.read()
        decision = Decision(
            name, asked.now, policy.name, epsilon, model.offset, state,
            list(map(model.vocabulary.ids.__getitem__, packed.items)), packed.sources, packed.offered_ranks,
            packed.propensities, packed.scores, packed.lists, reasons=packed.reasons, placement=asked.placement,
            before=list(asked.before),
        )  # fmt: skip
        if model.variants.compares(asked.placement):
            decision = self._enrol(user, decision, treatment, ranked)
        if asked.of is not None:
            rest = rest_of(model, ranked, decision.slate, asked.of, asked.before)
            decision = asked_for(decision, asked.of, len(model.lists), rest)
        return DrawnSlate(decision, packed, slot)

    def _rank(self, asked: SlateRequest, treatment: Treatment) -> Ranked:
        candidates = CandidateRequest(asked.user_id, asked.user, asked.now, asked.novel)
        kind = self._kinds.get(name_of(asked.placement), "all")
        if asked.of is None and kind == "all":
            return treatment.ranker.rank(candidates, treatment.slots)
        return rank_asked(
            self.model, treatment.ranker, candidates, asked.of or ANYTHING, treatment.slots, kind=kind,
            before=asked.before,
        )  # fmt: skip

    def _enrol(self, user: User, decision: Decision, treatment: Treatment, ranked: Ranked) -> Decision:
        """Note the variant that made a decision, and what the shadow policy would have shown in its place."""
        variants = self.model.variants
        shadow = variants.shadow
        decision = msgspec.structs.replace(decision, experiment=treatment.experiment, variant=treatment.variant)
        enrols = bool(treatment.variant) and user.enrolled != enrolment(decision)
        shown: list[str] = []
        if shadow is not None and treatment.policy is variants.at(decision.placement).policy:
            ids = self.model.vocabulary.ids
            slate = self._fill(shadow, decision.state, treatment, ranked, f"shadow/{decision.decision_id}")
            shown = [ids[item] for item in slate.items.tolist()]
        return msgspec.structs.replace(decision, enrols=enrols, shadow=shown)

    def _fill(self, policy: Policy, state: int, treatment: Treatment, ranked: Ranked, name: str) -> Slate:
        random_numbers = uniforms(self._seed(name), treatment.slots)
        return policy.draw(state, treatment.ranker.lists(), random_numbers, ranked.constraints)

    def _seed(self, name: str) -> str:
        return f"{self.config.policy.seed}/policy/{name}"
