"""Imports point down: learners | bandits <- core <- edge; and the core is pure."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bandits", "learners", "stream")
CORE = {
    f"stream.{name}"
    for name in (
        "schemas", "topics", "codec", "config", "rewards", "log", "users", "catalogue", "features", "candidates",
        "observe", "model", "engine", "publish", "recovery", "snapshot", "fingerprints", "evaluate", "formats",
        "layouts", "errors", "protocol", "contestants", "journal", "report", "ratings", "stopwatch", "ranking",
        "facts", "rules", "rules_compiled", "rules_file", "rules_kernels", "rules_lists", "rules_table", "rules_words",
        "refresh", "change", "experiment", "tally", "variants", "told", "sampling",
    )
}  # fmt: skip
INPUT_OUTPUT = {"faust", "mode", "aiokafka", "kafka", "confluent_kafka", "prometheus_client", "click", "rich"}
CLOCKS = {"time", "asyncio", "threading", "random", "secrets", "uuid", "socket", "os"}
LONGEST = 450


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def imported(node: ast.AST) -> Iterator[str]:
    """Modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        whole = node.module or ""
        for alias in node.names:
            yield f"{whole}.{alias.name}" if f"{whole}.{alias.name}" in MODULES else whole


@cache
def imports(module: str) -> frozenset[str]:
    return frozenset(name for node in ast.walk(tree(module)) for name in imported(node))


@cache
def reached(module: str) -> frozenset[str]:
    """All of headwater's modules that come with this one."""
    found, waiting = {module}, [module]
    while waiting:
        for name in imports(waiting.pop()):
            if name in MODULES and name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def roots(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports(module)}


def test_the_modules_are_found() -> None:
    assert len(MODULES) > 50
    assert set(MODULES) >= CORE
    assert "stream.state.users" in imports("stream.decisions.engine")
    assert "numpy" in imports("stream.decisions.engine")


@pytest.mark.parametrize(
    ("package", "others"), [("bandits", {"learners", "stream"}), ("learners", {"bandits", "stream"})]
)
def test_learners_and_bandits_are_peers_and_blind(package: str, others: set[str]) -> None:
    for module in MODULES:
        if module.split(".")[0] == package:
            assert not roots(module) & (others | INPUT_OUTPUT | {"msgspec", "orjson"}), module


@pytest.mark.parametrize("module", sorted(CORE))
def test_the_core_knows_neither_kafka_nor_terminal_nor_metrics(module: str) -> None:
    assert {name for name in reached(module) if name.startswith("stream.")} <= CORE, "not even by way of others"
    assert not roots(module) & INPUT_OUTPUT


@pytest.mark.parametrize("module", sorted({*CORE, *(name for name in MODULES if not name.startswith("stream"))}))
def test_time_and_luck_are_arguments(module: str) -> None:
    """Neither is imported, so neither can be asked; an edge hands them in. The doctest of a law may draw numbers."""
    checks, edge = module in {"bandits.checks", "learners.checks"}, module.endswith(".__main__")
    assert not roots(module) & (CLOCKS - ({"random"} if checks else {"time"} if edge else set()))
    calls = [ast.unparse(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    assert not [
        call for call in calls if re.search(r"\bnow\(|datetime\.(now|today|utcnow)|date\.today|urandom", call + "(")
    ]
    assert not [call for call in calls if re.match(r"(np|numpy)\.random\.(?!default_rng|Generator|PCG64)", call)]


def test_metrics_are_declared_in_one_file() -> None:
    users = {module: imports(module) for module in MODULES if "prometheus_client" in roots(module)}
    assert set(users) == {"stream.metrics.worker", "stream.processes.servers", "stream.gateway.app"}
    named = {name for name in users["stream.processes.servers"] if name.startswith("prometheus_client")}
    assert named == {"prometheus_client.parser"}, "to read what the worker tells"


def test_faust_stays_at_the_edge() -> None:
    users = {module for module in MODULES if roots(module) & {"faust", "mode"}}
    edge = {
        "stream.app",
        "stream.commands.run.worker",
        "stream.worker.intake",
        "stream.kafka.faust_polls",
        "stream.worker.worker",
    }
    assert users == edge | {"stream.bench.echo"}, "the transport alone, which is measured"


def test_private_methods_of_others_are_overridden_in_one_file() -> None:
    """Deep modules of Faust and aiokafka, where what is private lives."""
    deep = {
        module for module in MODULES
        if any(name.startswith(("faust.transport", "faust.app", "aiokafka.client")) for name in imports(module))
    }  # fmt: skip
    assert deep == {"stream.kafka.faust_polls"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_stand_at_the_top(module: str) -> None:
    inside = [
        f"{MODULES[module].relative_to(ROOT)}:{statement.lineno}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If | ast.Try)
        for statement in ast.walk(node)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert not inside


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Of a cycle, whoever comes first meets a half-made module."""
    cycles = {
        tuple(sorted((module, name)))
        for module in MODULES
        for name in imports(module) & set(MODULES)
        if name != module and module in reached(name)
    }
    assert not cycles


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_stay_small(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_file_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module))
