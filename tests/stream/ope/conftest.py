"""One log for all tests of off-policy evaluation."""

import pytest

from stream.ope.replay import Log, prepare
from stream.records.schemas import Outcome
from tests.support.off_policy import World, policy


@pytest.fixture(scope="module")
def logged() -> list[Outcome]:
    return World(2).run(policy("sarsa", 0.7), 4_000, learning=True)


@pytest.fixture(scope="module")
def log(logged: list[Outcome]) -> Log:
    return prepare(logged)
