"""A site with an experiment: two variants, visits of users."""

from typing import Any

import numpy as np

from stream.config import Policy
from stream.records.log import ExperimentChange, Step
from stream.records.schemas import Experiment, Variant
from tests.support.site import Site, T, did, steps

ITEMS = "abcdefghijklmnop"


def two(name: str = "x", **fields: Any) -> Experiment:
    control, bold = Variant(name="control", share=0.5), Variant(name="bold", share=0.5)
    if "bold" in fields:
        bold = Variant(name="bold", share=0.5, **fields.pop("bold"))
    return Experiment(name=name, variants=[control, bold], **({"starts_at": T} | fields))


def site(experiment: Experiment | None = None) -> Site:
    found = Site(ITEMS, policy=Policy(name="sarsa"))
    if experiment is not None:
        found.take(ExperimentChange(experiment.name, experiment))
    return found


def visits(found: Site, events: int, seed: int = 1, users: int = 40) -> list[Step]:
    """Users look at things, most often at what they are shown first."""
    rng, told = np.random.default_rng(seed), list[Step]()
    for n in range(events):
        user = f"u{rng.integers(users)}"
        known = found.shard.users.get(user)
        slate = known.open.slate if known is not None and known.open is not None else list(ITEMS)
        item = slate[min(rng.geometric(0.5) - 1, len(slate) - 1)] if rng.random() < 0.7 else rng.choice(list(ITEMS))
        told += steps(found.take(did(user, str(item), T + 10.0 * n, int(rng.integers(3)), event_id=f"{seed}-{n}")))
    return told
