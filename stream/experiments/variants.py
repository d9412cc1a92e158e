"""Which treatment makes a user's slate: the configured one, or that of an experiment's variant."""

from collections.abc import Callable
from typing import NamedTuple

from bandits import Policy
from stream.config import Config
from stream.experiments.definition import HOLDOUT, check, variant_of, varied
from stream.placements import ASKED, key_of, name_of
from stream.ranking.candidates import CandidateRanker
from stream.records.log import Decision, Settlement
from stream.records.schemas import HOME, Experiment, Settings

PLACED = "placement "  # begins the names of parts of the model that are policies of placements
NEVER_EXPLORES: Settings = {"policy": {"name": "ranked"}}


class Treatment(NamedTuple):
    """One way to make a slate."""

    experiment: str  # empty: none
    variant: str
    policy: Policy
    ranker: CandidateRanker
    discount: float  # worth of the next slate's value
    slots: int


MakeTreatment = Callable[[Config, str], Treatment]  # configuration, text of its rules ("": the workers' own)


class Variants:
    """The treatments of home, of placements, and of the running experiment, if any.

    Each of an experiment learns from its own decisions only. The control is the configured treatment of the placement
    itself: its policy also learns from users who take no part.
    """

    def __init__(self, config: Config, make: MakeTreatment) -> None:
        self.config, self.make = config, make
        self.configured = make(config, "")
        self.placed = {name: make(config.at(name), "") for name in config.placements}
        for name, placement in config.placements.items():
            if placement.learning == "shared":
                self.placed[name] = self.placed[name]._replace(policy=self.configured.policy)
        self.end()

    def end(self) -> None:
        """Use the configured treatment for all slates from here on."""
        self.experiment: Experiment | None = None
        self.treatments: dict[str, Treatment] = {}
        self.shadow: Policy | None = None

    def begin(self, experiment: Experiment) -> None:
        """Start an experiment with untrained policies.

        Raises
        ------
        ExperimentError
            if this configuration cannot run it
        """
        name, where = experiment.name, f"experiment {experiment.name}"
        check(experiment, self.config, where)
        config = self.config if experiment.placement == HOME else self.config.at(experiment.placement)
        treatments = {experiment.variants[0].name: self.at(key_of(experiment.placement))}
        for variant in experiment.variants[1:]:
            treatments[variant.name] = self.make(varied(config, variant.settings, where), variant.rules)
        if experiment.holdout:
            treatments[HOLDOUT] = self.make(varied(config, NEVER_EXPLORES, where), "")
        self.treatments = {
            variant: treatment._replace(experiment=name, variant=variant) for variant, treatment in treatments.items()
        }
        shadow = experiment.shadow
        self.shadow = None if shadow is None else self.make(varied(config, shadow, where), "").policy
        self.experiment = experiment

    def stop(self, variant: str) -> None:
        """Use the configured treatment for a variant's slates from here on."""
        self.treatments.pop(variant, None)

    def at(self, placement: str) -> Treatment:
        """The configured treatment of a placement's slates; home's for one that is configured no more."""
        return self.placed.get(name_of(placement), self.configured) if placement else self.configured

    def compares(self, placement: str) -> bool:
        """Whether the slates of a placement take part in the experiment."""
        return self.experiment is not None and name_of(placement) == self.experiment.placement

    def of(self, user_id: str, now: float, placement: str = "") -> Treatment:
        """The treatment of a user's slate of a placement at event time `now`."""
        configured = self.at(placement)
        if self.experiment is None or not self.compares(placement):
            return configured
        return self.treatments.get(variant_of(self.experiment, user_id, now), configured)

    def named(self, made: Decision | Settlement) -> Treatment | None:
        """The treatment that made a slate; None if its placement or experiment is gone, or a guard has stopped it."""
        if made.variant:
            running = self.experiment is not None and self.experiment.name == made.experiment
            return self.treatments.get(made.variant) if running else None
        if not made.placement or (name := name_of(made.placement)) in (HOME, ASKED):
            return self.configured
        return self.placed.get(name)

    def learners(self, settled: Settlement) -> tuple[Policy | None, Policy | None]:
        """Who learns from a settled decision: the policy that made the slate, and the shadow policy."""
        treatment = self.named(settled)
        return None if treatment is None else treatment.policy, self.shadow if settled.shadow else None

    def policies(self) -> dict[str, Policy]:
        """The policies of placements and of variants, each once, by the names of parts of the model."""
        named = {f"{PLACED}{name}": each for name, each in self.placed.items()}
        named |= {f"variant {name}": each for name, each in self.treatments.items()}
        found, known = dict[str, Policy](), {id(self.configured.policy)}
        for name, treatment in named.items():
            if id(treatment.policy) not in known:
                known.add(id(treatment.policy))
                found[name] = treatment.policy
        return found if self.shadow is None else {**found, "shadow": self.shadow}
