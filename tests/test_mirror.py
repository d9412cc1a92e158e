"""Tests mirror the rooms: each source file has its test file in the same place, or stands below with a reason."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bandits", "learners", "stream")

ARM = "one bandit of many: tests/bandits/arms/test_arms.py holds all of them to the laws and to known regrets"
AGENT = "one agent of many: tests/bandits/control/test_control.py runs all of them on the same problems"
WORLD = "tests/bandits/worlds/test_worlds.py compares all worlds with their known answers"
SIMULATED = "runs under faults, with mutants, in tests/simulation; with a broker in tests/kafka/test_worker.py"
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
    "stream/bench/echo.py": "needs a broker: tests/stream/commands/measure/test_bench.py runs it by --transport",
    "stream/bench/latency.py": "needs a broker: tests/stream/commands/measure/test_bench.py",
    "stream/bench/restart.py": "needs a broker; tests/stream/bench/test_backlog.py has what it waits for",
    "stream/bench/stages.py": "the work of the scenarios: tests/stream/bench/test_scenarios.py runs each",
    "stream/bench/transport.py": "needs a broker: tests/stream/commands/measure/test_bench.py",
    "stream/chaos/audit.py": "needs a broker: tests/stream/chaos/test_run.py",
    "stream/chaos/traffic.py": "needs a broker: tests/stream/chaos/test_run.py",
    "stream/client/dead_letters.py": "needs a broker: tests/kafka/test_dead.py",
    "stream/client/experiment_status.py": "needs a broker: tests/kafka/test_experiment_run.py; doctests",
    "stream/client/watch.py": "needs a broker: tests/kafka/test_replay_run.py; doctests",
    "stream/commands/measure/ope.py": "declares options; tests/stream/ope/test_log.py runs it",
    "stream/commands/operate/dead.py": "declares options; tests/kafka/test_dead.py runs it",
    "stream/commands/operate/forget.py": "declares options; tests/kafka/test_worker_group.py runs it",
    "stream/commands/operate/model.py": "declares options; tests/kafka/test_worker_group.py runs it",
    "stream/commands/operate/recommend.py": "declares options; tests/kafka/test_replay_run.py runs it",
    "stream/commands/operate/replay.py": "declares options; tests/kafka/test_replay_run.py runs it",
    "stream/commands/run/config.py": "declares options; tests/stream/test_cli.py runs it",
    "stream/commands/run/demo.py": "declares options; tests/stream/demo/test_play.py runs it",
    "stream/commands/run/gateway.py": "declares options; tests/kafka/test_gateway.py runs it",
    "stream/commands/run/topics.py": "declares options; tests/stream/kafka/test_admin.py runs it",
    "stream/commands/run/worker.py": "declares options; tests/kafka/test_worker_errors.py runs it",
    "stream/decisions/arrivals.py": "declares the types of what a shard takes",
    "stream/decisions/mix.py": "one count: tests/stream/decisions/test_engine.py has its answer",
    "stream/errors.py": "declares errors and their exit codes; tests/stream/test_cli.py",
    "stream/evaluation/stopwatch.py": "wraps a clock: doctest, and tests/stream/evaluation/test_baselines.py",
    "stream/gateway/api.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/gateway/problems.py": "declares a document; doctest, and tests/kafka/test_gateway.py",
    "stream/gateway/reader.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/kafka/connections.py": "needs a broker: tests/kafka/test_worker.py; tests/simulation/kafka.py replaces it",
    "stream/metrics/dashboards.py": "declares panels: tests/deploy/test_monitoring.py, tests/kafka/test_boards_run.py",
    "stream/observe.py": "declares hooks that do nothing",
    "stream/ope/tables.py": "prints a report: tests/stream/ope/test_log.py runs it",
    "stream/processes/servers.py": "starts child processes: tests/kafka/test_worker.py and others",
    "stream/processes/supervisor.py": "a child ends with its parent: tests/stream/processes/test_broker.py",
    "stream/records/schemas.py": "declares records; tests/stream/records/test_asyncapi.py has their schemas",
    "stream/rules/compile.py": "doctests; tests/stream/rules/test_apply.py, tests/stream/rules/test_lists.py",
    "stream/rules/describe.py": "doctests; tests/stream/rules/test_docs.py and tests/stream/rules/test_file.py",
    "stream/rules/kernels.py": "kernels of rules: tests/stream/rules/test_apply.py, tests/stream/rules/test_worlds.py",
    "stream/settings.py": "declares settings; tests/stream/test_config.py has their limits",
    "stream/simulation/live.py": "needs a broker: tests/kafka/test_worker.py",
    "stream/worker/outbox.py": "declares topic and key of records; tests/simulation/invariants.py checks them",
    "stream/worker/snapshotter.py": SIMULATED,
    "stream/worker/worker.py": SIMULATED,
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
