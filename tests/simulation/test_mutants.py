"""A simulation that finds nothing proves nothing: without any one of these rules, some schedule must fail."""

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.run import play

SEEDS = 2000  # searched for schedules that suit
PLAYED = 300  # of them


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_missing_rule_is_detected(mutant: Mutant) -> None:
    suitable = (schedule for seed in range(SEEDS) if mutant.suits(schedule := mutant.made(seed)))
    for _, schedule in zip(range(PLAYED), suitable):
        violation = play(schedule, mutant.patches).violation
        if violation is not None and violation.rule in mutant.caught_by:
            return
    pytest.fail(f"{mutant.name}: nothing was noticed in {PLAYED} schedules")
