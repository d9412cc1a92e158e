"""One real Kafka for the whole session; the level of logging, restored after each test."""

import itertools
import logging
import os
from collections.abc import Iterator

import pytest

from stream.processes.broker import Broker, kafka_available

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def needs_kafka() -> None:
    """Skip where Kafka cannot run; in CI that is a failure."""
    if (reason := kafka_available()) is not None:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def broker(needs_kafka: None) -> Iterator[Broker]:
    """The session's broker: share it, under a `namespace` of one's own."""
    with Broker() as running:
        yield running


@pytest.fixture(autouse=True)
def logging_level() -> Iterator[None]:
    """Restore what commands that run in this process disable."""
    before = logging.root.manager.disable
    yield
    logging.disable(before)


@pytest.fixture
def namespace() -> str:
    """Prefix of topic and group names that no other test of this session has."""
    return f"test-{next(NUMBERS)}."
