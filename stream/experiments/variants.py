"""Which treatment makes a user's slate: the configured one, or that of an experiment's variant."""

from collections.abc import Callable
from typing import NamedTuple

from bandits import Policy
from stream.config import Config
from stream.experiments.definition import HOLDOUT, check, variant_of, varied
from stream.ranking.candidates import CandidateRanker
from stream.records.log import Settlement
from stream.records.schemas import Experiment, Settings

NEVER_EXPLORES: Settings = {"policy": {"name": "ranked"}}


class Treatment(NamedTuple):
    """One way to make a slate."""

    experiment: str  # empty: none
    variant: str
    policy: Policy
    ranker: CandidateRanker
    discount: float  # worth of the next slate's value


MakeTreatment = Callable[[Config, str], Treatment]  # configuration, text of its rules ("": the workers' own)


class Variants:
    """The treatments of the running experiment, if any; each learns from its own decisions only.

    The control is the configured treatment itself: its policy also learns from users who take no part.
    """

    def __init__(self, config: Config, make: MakeTreatment) -> None:
        self.config, self.make = config, make
        self.configured = make(config, "")
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
        treatments = {experiment.variants[0].name: self.configured}
        for variant in experiment.variants[1:]:
            treatments[variant.name] = self.make(varied(self.config, variant.settings, where), variant.rules)
        if experiment.holdout:
            treatments[HOLDOUT] = self.make(varied(self.config, NEVER_EXPLORES, where), "")
        self.treatments = {
            variant: treatment._replace(experiment=name, variant=variant) for variant, treatment in treatments.items()
        }
        shadow = experiment.shadow
        self.shadow = None if shadow is None else self.make(varied(self.config, shadow, where), "").policy
        self.experiment = experiment

    def stop(self, variant: str) -> None:
        """Use the configured treatment for a variant's slates from here on."""
        self.treatments.pop(variant, None)

    def of(self, user_id: str, now: float) -> Treatment:
        """The treatment of a user's slate at event time `now`."""
        if self.experiment is None:
            return self.configured
        return self.treatments.get(variant_of(self.experiment, user_id, now), self.configured)

    def named(self, experiment: str, variant: str) -> Treatment | None:
        """The treatment that made a slate; None if its experiment has ended, or a guard has stopped it."""
        if not variant:
            return self.configured
        running = self.experiment is not None and self.experiment.name == experiment
        return self.treatments.get(variant) if running else None

    def learners(self, settled: Settlement) -> tuple[Policy | None, Policy | None]:
        """Who learns from a settled decision: the policy that made the slate, and the shadow policy."""
        treatment = self.named(settled.experiment, settled.variant)
        return None if treatment is None else treatment.policy, self.shadow if settled.shadow else None

    def policies(self) -> dict[str, Policy]:
        """The policies of the variants, by the names of parts of the model."""
        found = {
            f"variant {name}": treatment.policy
            for name, treatment in self.treatments.items()
            if treatment.policy is not self.configured.policy
        }
        return found if self.shadow is None else {**found, "shadow": self.shadow}
