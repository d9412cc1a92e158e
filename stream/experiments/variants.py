"""How slates are made for whom: the configured way, and the ways of an experiment's variants."""

from collections.abc import Callable
from typing import NamedTuple

from bandits import Outcome, Policy
from stream.config import Config
from stream.experiments.definition import HOLDOUT, check, variant_of, varied
from stream.ranking.candidates import Shelf
from stream.records.log import Settlement
from stream.records.schemas import Experiment, Settings

NEVER_EXPLORES: Settings = {"policy": {"name": "ranked"}}


class Setup(NamedTuple):
    """One way to make a slate."""

    experiment: str  # empty: none
    variant: str
    policy: Policy
    shelf: Shelf
    discount: float  # worth of the next slate's value


MakeSetup = Callable[[Config, str], Setup]  # configuration, text of its rules ("": those that the workers have)


class Variants:
    """The setups of the experiment that runs, or none. What they learn is theirs alone.

    The control is the configured setup itself: its policy goes on learning from everybody who takes no part.
    """

    def __init__(self, config: Config, make: MakeSetup) -> None:
        self.config, self.make = config, make
        self.configured = make(config, "")
        self.end()

    def end(self) -> None:
        """From here on all slates are made the configured way."""
        self.experiment: Experiment | None = None
        self.setups: dict[str, Setup] = {}
        self.apprentice: Policy | None = None

    def begin(self, experiment: Experiment) -> None:
        """Set an experiment up; its policies know nothing yet.

        Raises
        ------
        ExperimentError
            if this configuration cannot run it
        """
        name, where = experiment.name, f"experiment {experiment.name}"
        check(experiment, self.config, where)
        setups = {experiment.variants[0].name: self.configured}
        for variant in experiment.variants[1:]:
            setups[variant.name] = self.make(varied(self.config, variant.settings, where), variant.rules)
        if experiment.holdout:
            setups[HOLDOUT] = self.make(varied(self.config, NEVER_EXPLORES, where), "")
        self.setups = {variant: setup._replace(experiment=name, variant=variant) for variant, setup in setups.items()}
        looks_on = experiment.apprentice
        self.apprentice = None if looks_on is None else self.make(varied(self.config, looks_on, where), "").policy
        self.experiment = experiment

    def stop(self, variant: str) -> None:
        """Make the slates of a variant the configured way from here on."""
        self.setups.pop(variant, None)

    def of(self, user_id: str, now: float) -> Setup:
        """The setup of a user's slate at event time `now`."""
        if self.experiment is None:
            return self.configured
        return self.setups.get(variant_of(self.experiment, user_id, now), self.configured)

    def named(self, experiment: str, variant: str) -> Setup | None:
        """The setup that made a slate; None if its experiment has ended, or a guard has taken it off."""
        if not variant:
            return self.configured
        running = self.experiment is not None and self.experiment.name == experiment
        return self.setups.get(variant) if running else None

    def learn_one(self, settled: Settlement, outcome: Outcome) -> float | None:
        """Teach the policy that made a slate, and the one that looked on; the former's TD error."""
        if self.apprentice is not None and settled.apprentice:
            self.apprentice.learn_one(outcome)
        setup = self.named(settled.experiment, settled.variant)
        return None if setup is None else setup.policy.learn_one(outcome)

    def policies(self) -> dict[str, Policy]:
        """All that the variants learn, by the names of parts of the model."""
        found = {
            f"variant {name}": setup.policy
            for name, setup in self.setups.items()
            if setup.policy is not self.configured.policy
        }
        return found if self.apprentice is None else {**found, "apprentice": self.apprentice}
