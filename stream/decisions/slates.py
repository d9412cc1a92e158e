"""From a user to a slate, and from a slate to the decision that the log keeps of it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bandits import Policy, Slate, session_state
from stream.config import Config
from stream.decisions.uniforms import uniforms
from stream.experiments.variants import Treatment
from stream.model.fold import Model
from stream.ranking.candidates import CandidateRequest, Candidates
from stream.records.log import Decision
from stream.state.user import User
from stream.state.users import enrolment


class SlateRequest(NamedTuple):
    """A user who is to get a slate."""

    user_id: str
    user: User
    now: float  # event time
    name: str  # of the decision to be; decides the random numbers
    novel: bool = False  # whether what the user has touched is left out


class DrawnSlate(NamedTuple):
    """A slate, and what it was made from."""

    candidates: Candidates
    slate: Slate
    treatment: Treatment  # that made it


class Slates:
    """Draws slates from the model as it is. Changes nothing."""

    def __init__(self, config: Config, model: Model) -> None:
        self.config, self.model = config, model

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw slates for different users, those of one variant together."""
        variants = self.model.variants
        if variants.experiment is None:
            return [self._draw_one(each, variants.configured) for each in asked]
        drawn: dict[str, DrawnSlate] = {}
        treatments = [variants.of(each.user_id, each.now) for each in asked]
        for treatment in dict.fromkeys(treatments):
            for each, of in zip(asked, treatments, strict=True):
                if of is treatment:
                    drawn[each.user_id] = self._draw_one(each, treatment)
        return [drawn[each.user_id] for each in asked]

    def _draw_one(self, asked: SlateRequest, treatment: Treatment) -> DrawnSlate:
        request = CandidateRequest(asked.user_id, asked.user, asked.now, asked.novel)
        candidates = treatment.ranker.candidates_for(request, self.config.slate.slots)
        return DrawnSlate(candidates, self._fill(treatment.policy, asked.user, candidates, asked.name), treatment)

    def decision(self, asked: SlateRequest, drawn: DrawnSlate) -> Decision:
        """Write down a drawn slate with all that is needed to learn from it."""
        model, (found, slate, treatment), user = self.model, drawn, asked.user
        policy = treatment.policy
        items, lists, scores = model.ranker.pack(found, slate.items)
        decision = Decision(
            asked.name, asked.now, policy.name, policy.epsilon, model.offset, session_state(user.depth, user.events),
            list(map(model.vocabulary.ids.__getitem__, items.tolist())), slate.sources.tobytes(),
            slate.offered_ranks.tobytes(), slate.propensities.tobytes(),
            scores.tobytes(), lists.tobytes(),
        )  # fmt: skip
        return decision if model.variants.experiment is None else self._enrol(user, decision, drawn)

    def _enrol(self, user: User, decision: Decision, drawn: DrawnSlate) -> Decision:
        """Note the variant that made a decision, and what the shadow policy would have shown in its place."""
        treatment, shadow = drawn.treatment, self.model.variants.shadow
        decision = msgspec.structs.replace(decision, experiment=treatment.experiment, variant=treatment.variant)
        enrols = bool(treatment.variant) and user.enrolled != enrolment(decision)
        shown: list[str] = []
        if shadow is not None and treatment.policy is self.model.policy:
            ids = self.model.vocabulary.ids
            slate = self._fill(shadow, user, drawn.candidates, f"shadow/{decision.decision_id}")
            shown = [ids[item] for item in slate.items.tolist()]
        return msgspec.structs.replace(decision, enrols=enrols, shadow=shown)

    def _fill(self, policy: Policy, user: User, found: Candidates, name: str) -> Slate:
        random_numbers = uniforms(f"{self.config.policy.seed}/policy/{name}", self.config.slate.slots)
        return policy.draw(session_state(user.depth, user.events), found.lists, random_numbers, found.constraints)
