"""Tests mirror the rooms: each source file has its test file in the same place, or stands below with a reason."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bandits", "learners", "stream")

SIMULATED = "runs under faults, with mutants, in tests/simulation; with a broker in tests/kafka/test_worker.py"
EXEMPT: dict[str, str] = {  # source file -> what it is, and where it is tested
    "bandits/__main__.py": "the command line of checks; tests/bandits/test_arm_checks.py runs it",
    "learners/__main__.py": "the command line of checks; tests/learners/test_guide.py runs it",
    "stream/app.py": "passes settings to Faust and polls to the worker; each test in tests/kafka starts it",
    "stream/bench/kafka/echo.py": "needs a broker: tests/stream/commands/measure/test_bench.py runs it by --transport",
    "stream/bench/kafka/latency.py": "needs a broker: tests/stream/commands/measure/test_bench.py",
    "stream/bench/kafka/restart.py": "needs a broker; tests/stream/bench/kafka/test_backlog.py has what it waits for",
    "stream/bench/stages.py": "the work of the scenarios: tests/stream/bench/test_scenarios.py runs each",
    "stream/bench/kafka/start.py": "needs a broker: tests/stream/commands/measure/test_bench.py",
    "stream/bench/kafka/transport.py": "needs a broker: tests/stream/commands/measure/test_bench.py",
    "stream/chaos/audit.py": "needs a broker: tests/stream/chaos/test_run.py",
    "stream/chaos/traffic.py": "needs a broker: tests/stream/chaos/test_run.py",
    "stream/client/bulk/exporting.py": "needs a broker: tests/kafka/test_bulk.py",
    "stream/client/bulk/importing.py": "needs a broker: tests/kafka/test_bulk.py",
    "stream/client/bulk/merged.py": "needs a broker: tests/kafka/test_bulk.py",
    "stream/client/dead_letters.py": "needs a broker: tests/kafka/test_dead.py",
    "stream/client/http/async_client.py": "tests/stream/client/http/test_client.py runs both clients",
    "stream/client/http/call.py": "what calls are made of: doctests, and tests/stream/client/http/test_calls.py",
    "stream/client/http/list_calls.py": "tests/stream/client/http/test_calls.py makes them all",
    "stream/client/http/errors.py": "declares errors: doctest, and tests/stream/client/http/test_retries.py",
    "stream/client/experiment_status.py": "needs a broker: tests/kafka/test_experiment_run.py; doctests",
    "stream/client/questions.py": "needs a broker: tests/kafka/test_lists.py",
    "stream/client/watch.py": "needs a broker: tests/kafka/test_replay_run.py; doctests",
    "stream/commands/measure/ope.py": "declares options; tests/stream/ope/test_log.py runs it",
    "stream/commands/operate/ask.py": "declares options; tests/kafka/test_lists.py runs it",
    "stream/commands/operate/dead.py": "declares options; tests/kafka/test_dead.py runs it",
    "stream/commands/operate/export.py": "declares options; tests/kafka/test_bulk.py runs it",
    "stream/commands/operate/import.py": "declares options; tests/kafka/test_bulk.py runs it",
    "stream/commands/operate/forget.py": "declares options; tests/kafka/test_worker_group.py runs it",
    "stream/commands/operate/model.py": "declares options; tests/kafka/test_worker_group.py runs it",
    "stream/commands/operate/recommend.py": "declares options; tests/kafka/test_replay_run.py runs it",
    "stream/commands/operate/replay.py": "declares options; tests/kafka/test_replay_run.py runs it",
    "stream/commands/run/config.py": "declares options; tests/stream/test_cli.py runs it",
    "stream/commands/run/demo.py": "declares options; tests/stream/demo/test_play.py runs it",
    "stream/commands/run/gateway.py": "declares options; tests/kafka/test_gateway.py runs it",
    "stream/commands/run/topics.py": "declares options; tests/stream/kafka/test_admin.py runs it",
    "stream/commands/run/worker.py": "declares options; tests/kafka/test_worker_errors.py runs it",
    "stream/compiling/__main__.py": "a child process: tests/stream/compiling/test_children.py starts it",
    "stream/datasets/catalogues.py": "files beside a log: tests/stream/datasets/test_ready.py reads each kind",
    "stream/datasets/objects.py": "tests/stream/datasets/test_ready.py reads each kind of object",
    "stream/datasets/raw/bad.py": "tests/stream/commands/test_options.py: what is said of lines left out",
    "stream/datasets/raw/text.py": "encodings, line ends: tests/stream/datasets/test_sniff.py",
    "stream/datasets/raw/unpack.py": "packed files: tests/stream/datasets/test_sniff.py reads each kind",
    "stream/datasets/sniff_objects.py": "tests/stream/datasets/test_sniff.py finds out each kind",
    "stream/datasets/suggest.py": "tests/stream/datasets/test_sniff.py runs the command that it suggests",
    "stream/decisions/arrivals.py": "declares the types of what a shard takes",
    "stream/errors.py": "declares errors and their exit codes; tests/stream/test_cli.py",
    "stream/evaluation/stopwatch.py": "wraps a clock: doctest, and tests/stream/evaluation/test_baselines.py",
    "stream/gateway/api.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/gateway/contract/__main__.py": "writes a file: tests/stream/gateway/contract/test_document.py compares it",
    "stream/gateway/asking/requester.py": "needs a broker: tests/kafka/test_gateway_requests.py",
    "stream/gateway/handlers/asked.py": "needs a broker: tests/kafka/test_gateway_requests.py",
    "stream/gateway/handlers/catalogue.py": "needs a broker: tests/kafka/test_gateway_changes.py",
    "stream/gateway/handlers/lists.py": "tests/stream/gateway/answers/test_pages.py asks for its lists",
    "stream/gateway/handlers/parts.py": "declares what handlers find; tests/kafka/test_gateway.py",
    "stream/gateway/handlers/probes.py": "tests/stream/gateway/routes/test_users.py asks them all",
    "stream/gateway/problems.py": "declares a document; doctest, and tests/kafka/test_gateway.py",
    "stream/gateway/reader.py": "needs a broker: tests/kafka/test_gateway.py",
    "stream/gateway/routes/events.py": "declares requests: tests/stream/gateway/contract/test_document.py",
    "stream/gateway/routes/items.py": "declares requests: tests/stream/gateway/contract/test_document.py",
    "stream/gateway/routes/lists.py": "declares requests: tests/stream/gateway/contract/test_document.py",
    "stream/gateway/routes/service.py": "declares requests: tests/stream/gateway/contract/test_document.py",
    "stream/gateway/routes/shared.py": "declares parameters: tests/stream/gateway/contract/test_document.py",
    "stream/kafka/connections.py": "needs a broker: tests/kafka/test_worker.py; tests/simulation/kafka.py replaces it",
    "stream/metrics/panels.py": "parts of panels: tests/deploy/test_monitoring.py",
    "stream/metrics/dashboards.py": "declares panels: tests/deploy/test_monitoring.py, tests/kafka/test_boards_run.py",
    "stream/observe.py": "declares hooks that do nothing",
    "stream/ope/tables.py": "prints a report: tests/stream/ope/test_log.py runs it",
    "stream/processes/supervisor.py": "a child ends with its parent: tests/stream/processes/test_broker.py",
    "stream/records/http/asked.py": "declares records; tests/stream/gateway/asking/test_bodies.py reads them",
    "stream/records/http/answers.py": "declares records; tests/stream/gateway/routes/test_users.py has their schemas",
    "stream/records/http/lists.py": "declares records; tests/stream/gateway/routes/test_users.py has their schemas",
    "stream/records/http/messages.py": "declares records; tests/stream/client/http/test_messages.py reads them",
    "stream/records/schemas.py": "declares records; tests/stream/records/test_asyncapi.py has their schemas",
    "stream/rules/compile.py": "doctests; tests/stream/rules/test_apply.py, tests/stream/rules/test_lists.py",
    "stream/rules/describe.py": "doctests; tests/stream/rules/test_docs.py and tests/stream/rules/test_file.py",
    "stream/rules/kernels.py": "kernels of rules: tests/stream/rules/test_apply.py, tests/stream/rules/test_worlds.py",
    "stream/settings.py": "declares settings; tests/stream/test_config.py has their limits",
    "stream/simulation/live.py": "needs a broker: tests/kafka/test_worker.py",
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
