"""Tests mirror the rooms: each source file has its test file in the same place, or stands below with a reason."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bandits", "learners", "stream")

ARM = "one bandit of many: tests/bandits/arms/test_arms.py holds all of them to the laws and to known regrets"
AGENT = "one agent of many: tests/bandits/control/test_control.py runs all of them on the same problems"
WORLD = "tests/bandits/worlds/test_worlds.py compares all worlds with their known answers"
COMMAND = "declares options and calls one function; tests/stream/test_cli.py and tests/kafka run it"
SIMULATED = "runs under faults in tests/simulation/test_simulation.py, and with a broker in tests/kafka/test_worker.py"
EXEMPT: dict[str, str] = {  # source file -> what it is, and where it is tested
    "bandits/__main__.py": "the command line of checks; tests/bandits/test_registry.py runs it",
    "bandits/arm_checks.py": "laws, which tests/bandits/arms/test_arms.py runs, also on bandits that break them",
    "bandits/arms/base.py": "declares a record and a protocol",
    "bandits/arms/epsilon_greedy.py": ARM,
    "bandits/arms/exp3.py": ARM,
    "bandits/arms/gaussian.py": ARM,
    "bandits/arms/lin_ts.py": ARM,
    "bandits/arms/lin_ucb.py": ARM,
    "bandits/arms/linear.py": ARM,
    "bandits/arms/softmax.py": ARM,
    "bandits/arms/thompson.py": ARM,
    "bandits/arms/ucb.py": ARM,
    "bandits/base.py": "declares records and a protocol",
    "bandits/checks.py": "laws, which tests/bandits/test_laws.py runs, also on policies that break them",
    "bandits/control/agent.py": "the base of all agents: tests/bandits/control/test_control.py",
    "bandits/control/double_q_learning.py": AGENT,
    "bandits/control/expected_sarsa.py": AGENT,
    "bandits/control/q_learning.py": AGENT,
    "bandits/control/sarsa.py": AGENT,
    "bandits/control/sarsa_lambda.py": AGENT,
    "bandits/control/transition.py": "declares records",
    "bandits/control/values.py": AGENT,
    "bandits/control/watkins.py": AGENT,
    "bandits/ope/estimators.py": "",
    "bandits/ope/intervals.py": "",
    "bandits/ope/slates.py": "",
    "bandits/schedules.py": "",
    "bandits/slates/arms.py": "",
    "bandits/slates/matched_sums.py": "",
    "bandits/slates/policy.py": "",
    "bandits/slates/q_learning.py": "",
    "bandits/slates/ranked.py": "",
    "bandits/slates/sarsa.py": "",
    "bandits/slates/states.py": "",
    "bandits/worlds/settings.py": WORLD,
    "bandits/worlds/shop.py": WORLD,
    "bandits/worlds/trials.py": WORLD,
    "learners/__main__.py": "the command line of checks; tests/learners/test_guide.py runs it",
    "learners/arrays/grow.py": "",
    "learners/arrays/handle.py": "",
    "learners/base.py": "declares records and a protocol",
    "learners/checks.py": "laws, which tests/learners/test_sources.py and tests/learners/test_guide.py run",
    "learners/content/index.py": "",
    "learners/content/nearest.py": "",
    "learners/content/scores.py": "",
    "learners/content/tokens.py": "",
    "learners/factors/arrivals.py": "",
    "learners/interactions.py": "",
    "learners/links/covisitation.py": "",
    "learners/links/sequential_rules.py": "",
    "learners/links/table.py": "",
    "learners/metrics/log_loss.py": "",
    "learners/neighbours/blocks.py": "",
    "learners/neighbours/histories.py": "",
    "learners/neighbours/neighbourhood.py": "",
    "learners/neighbours/owners.py": "",
    "learners/neighbours/sessions.py": "",
    "learners/neighbours/user_histories.py": "",
    "learners/popularity/categories.py": "",
    "learners/registry.py": "tests/learners/test_guide.py: finds the example of the guide, and shows each error",
    "learners/repeats/recently_seen.py": "",
    "learners/vocabulary.py": "",
    "stream/app.py": "passes settings to Faust and polls to the worker; each test in tests/kafka starts it",
    "stream/bench/catalogue_size.py": "",
    "stream/bench/echo.py": "",
    "stream/bench/gateway.py": "",
    "stream/bench/load.py": "",
    "stream/bench/rebalance.py": "",
    "stream/bench/soak.py": "",
    "stream/bench/workloads.py": "",
    "stream/chaos/fleet.py": "starts processes: tests/kafka/test_chaos.py",
    "stream/chaos/pauses.py": "",
    "stream/chaos/run.py": "starts processes: tests/kafka/test_chaos.py",
    "stream/client/dead_letters.py": "needs a broker: tests/kafka/test_dead.py",
    "stream/client/experiment_status.py": "",
    "stream/client/model_file.py": "",
    "stream/client/watch.py": "",
    "stream/commands/measure/bench.py": COMMAND,
    "stream/commands/measure/chaos.py": COMMAND,
    "stream/commands/measure/evaluate.py": COMMAND,
    "stream/commands/measure/ope.py": COMMAND,
    "stream/commands/measure/simulate.py": COMMAND,
    "stream/commands/measure/tune.py": COMMAND,
    "stream/commands/operate/dead.py": COMMAND,
    "stream/commands/operate/experiment.py": COMMAND,
    "stream/commands/operate/forget.py": COMMAND,
    "stream/commands/operate/model.py": COMMAND,
    "stream/commands/operate/recommend.py": COMMAND,
    "stream/commands/operate/replay.py": COMMAND,
    "stream/commands/operate/rules.py": COMMAND,
    "stream/commands/operate/watch.py": COMMAND,
    "stream/commands/options.py": "",
    "stream/commands/plot.py": "",
    "stream/commands/run/broker.py": COMMAND,
    "stream/commands/run/config.py": COMMAND,
    "stream/commands/run/demo.py": COMMAND,
    "stream/commands/run/gateway.py": COMMAND,
    "stream/commands/run/topics.py": COMMAND,
    "stream/commands/run/worker.py": COMMAND,
    "stream/datasets/layouts.py": "",
    "stream/decisions/explain.py": "",
    "stream/decisions/settlement.py": "",
    "stream/demo/data.py": "",
    "stream/demo/figures.py": "",
    "stream/demo/play.py": "starts processes: tests/kafka/test_demo_run.py",
    "stream/demo/score.py": "",
    "stream/demo/screen.py": "",
    "stream/errors.py": "declares errors and their exit codes; tests/stream/test_cli.py",
    "stream/evaluation/journal.py": "",
    "stream/evaluation/ratings.py": "",
    "stream/evaluation/report.py": "",
    "stream/evaluation/stopwatch.py": "",
    "stream/evaluation/tables.py": "",
    "stream/evaluation/tune.py": "",
    "stream/experiments/results.py": "",
    "stream/gateway/api.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/gateway/app.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/gateway/feed.py": "",
    "stream/gateway/openapi.py": "",
    "stream/gateway/problems.py": "",
    "stream/gateway/reader.py": "",
    "stream/gateway/writer.py": "",
    "stream/kafka/admin.py": "needs a broker: tests/kafka/test_admin.py",
    "stream/kafka/connections.py": "needs a broker: tests/kafka/test_worker.py; tests/simulation/kafka.py replaces it",
    "stream/kafka/security.py": "needs brokers with TLS and SASL: tests/kafka/test_secure.py, tests/kafka/test_sasl.py",
    "stream/kernels/in_place.py": "overrides two methods; tests/stream/kernels/test_place.py runs it",
    "stream/metrics/dashboards.py": "declares panels; tests/kafka/test_boards_run.py runs each query",
    "stream/model/interactions.py": "",
    "stream/observe.py": "declares hooks that do nothing",
    "stream/ope/log.py": "",
    "stream/ope/open_bandit.py": "",
    "stream/ope/report.py": "",
    "stream/ope/tables.py": "",
    "stream/processes/broker.py": "needs a broker: tests/kafka/test_broker.py",
    "stream/processes/kafka_home.py": "downloads Kafka: tests/kafka/test_kafka_home.py",
    "stream/processes/mock_broker.py": "a broker: tests/kafka/test_mock_broker.py",
    "stream/processes/servers.py": "starts child processes: tests/kafka/test_worker.py and others",
    "stream/processes/supervisor.py": "",
    "stream/ranking/candidates.py": "",
    "stream/ranking/negatives.py": "",
    "stream/records/schemas.py": "declares records; tests/stream/records/test_asyncapi.py has their schemas",
    "stream/records/topics.py": "declares topics; its functions are their doctests",
    "stream/rules/compile.py": "",
    "stream/rules/describe.py": "",
    "stream/rules/kernels.py": "",
    "stream/rules/parse.py": "",
    "stream/simulation/fit.py": "",
    "stream/simulation/live.py": "",
    "stream/state/attributes.py": "",
    "stream/worker/health.py": "",
    "stream/worker/outbox.py": "",
    "stream/worker/replica.py": SIMULATED,
    "stream/worker/snapshotter.py": SIMULATED,
    "stream/worker/takeover.py": SIMULATED,
    "stream/worker/worker.py": SIMULATED,
    "stream/worker/writer.py": SIMULATED,
}
SOURCES = sorted(
    str(file.relative_to(ROOT))
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if file.name != "__init__.py"  # exports; what a room is stands in docs/architecture.md
)


def mirrored(source: str) -> Path:
    """The test file of a source file.

    >>> mirrored("stream/state/users.py").relative_to(ROOT).as_posix()
    'tests/stream/state/test_users.py'
    """
    path = Path(source)
    return ROOT / "tests" / path.parent / f"test_{path.name}"


def test_the_sources_are_found() -> None:
    assert len(SOURCES) > 150
    assert "stream/decisions/engine.py" in SOURCES


@pytest.mark.parametrize("source", [source for source in SOURCES if source not in EXEMPT])
def test_each_source_file_has_a_test_file(source: str) -> None:
    assert mirrored(source).exists(), f"{source}: write {mirrored(source).relative_to(ROOT)}, or say why not"


@pytest.mark.parametrize("source", EXEMPT)
def test_no_exemption_is_stale(source: str) -> None:
    assert source in SOURCES, f"{source} is gone: take it out of EXEMPT"
    assert not mirrored(source).exists(), f"{source} has a test file now: take it out of EXEMPT"


@pytest.mark.parametrize(("source", "reason"), EXEMPT.items())
def test_each_exemption_has_a_reason(source: str, reason: str) -> None:
    assert len(reason) > 20, f"{source}: must say what it is and where it is tested; got {reason!r}"


@pytest.mark.parametrize(("source", "reason"), EXEMPT.items())
def test_reasons_name_tests_that_exist(source: str, reason: str) -> None:
    named = [word.strip(",;:()") for word in reason.split() if word.startswith("tests/")]
    assert not [name for name in named if not (ROOT / name).exists()], source
