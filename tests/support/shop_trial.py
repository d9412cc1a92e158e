"""Short runs of a policy or reference in a simulated shop."""

from bandits.worlds import REFERENCES, SETTINGS, Tastes, Trial, run
from bandits.worlds.trials import make

DECISIONS = 3_000


def trial(name: str, world: str, tastes: Tastes, seed: str = "s", decisions: int = DECISIONS) -> Trial:
    return run(SETTINGS[world], name if name in REFERENCES else make(name), seed, decisions, tastes)
