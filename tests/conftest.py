"""One real Kafka for the whole session; logging restored after each test; at the end, what was not tested."""

import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator

import hypothesis
import pytest

from stream.processes.broker import Broker, kafka_available
from tests.support.browser import chromium
from tests.support.typescript import Project, install

# No test may depend on speed: the first example loads kernels.
hypothesis.settings.register_profile("headwater", deadline=None)
hypothesis.settings.load_profile("headwater")

NUMBERS = itertools.count(1)
TOOLS = {  # word of a reason -> Debian packages that bring the tool, what is tested with it
    "promtool": ("prometheus", "alerts and the settings of Prometheus"),
    "prometheus": ("prometheus", "dashboards and alerts in a running Prometheus"),
    "chromium": ("chromium", "the console in a browser"),
    "docker": ("docker-compose", "docker-compose.yml"),
    "maven": ("maven", "all that needs Kafka"),
    "mvn": ("maven", "all that needs Kafka"),
    "compiler": ("openjdk-17-jdk-headless", "the Java snippet of the docs"),
    "npm": ("nodejs npm", "the TypeScript client"),
    "java": ("openjdk-17-jdk-headless maven", "all that needs Kafka"),
}
INSTALL = "sudo apt-get update && sudo apt-get install -y --no-install-recommends"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which parts were not tested, and the one command that brings what they need."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()) if report.longrepr]
    lines = untested(reasons)
    if lines:
        terminalreporter.section("not tested on this machine")
        for line in lines:
            terminalreporter.write_line(line)


def untested(reasons: Iterable[str]) -> list[str]:
    """Lines of the summary, from the reasons of skipped tests."""
    parts, packages, others = Counter[tuple[str, str]](), dict[str, None](), Counter[str]()
    for reason in (reason.removeprefix("Skipped: ") for reason in reasons):
        word = next((word for word in TOOLS if word in reason.lower()), None)
        if word is None:
            others[reason] += 1
            continue
        parts[TOOLS[word]] += 1
        packages |= dict.fromkeys(TOOLS[word][0].split())
    lines = [f"{count:4} tests of {part}: need {needs}" for (needs, part), count in parts.most_common()]
    lines += [f"{count:4} tests: {reason}" for reason, count in others.most_common()]
    return [*lines, f"to test them too: {INSTALL} {' '.join(sorted(packages))}"] if packages else lines


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


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The TypeScript client, built once for the session."""
    return install(tmp_path_factory.mktemp("typescript") / "client")


@pytest.fixture(scope="module")
def needs_browser() -> None:
    """Skip without Chromium; in CI that is a failure."""
    if chromium() is None:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
            pytest.fail("chromium must be installed", pytrace=False)
        pytest.skip("chromium is not installed (Debian package chromium)")


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
