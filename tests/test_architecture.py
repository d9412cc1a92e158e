"""The folder tree is the architecture: rooms, tiers, sizes; and who may know of time, Faust and Prometheus."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bandits", "learners", "stream")
PICTURE = ROOT / "docs" / "architecture.md"  # its tiers are the rule: a room imports from tiers below its own only
PURE_ABOVE = "stream.kafka"  # rooms below its tier know no Kafka, clock or terminal
FILES = {"stream.config", "stream.datasets", "stream.rules"}  # they read what a person wrote
INPUT_OUTPUT = {"faust", "mode", "aiokafka", "kafka", "confluent_kafka", "prometheus_client", "click", "rich"}
CLOCKS = {"time", "asyncio", "threading", "random", "secrets", "uuid", "socket", "os"}
MAX_LINES, MAX_FILES, MAX_PARAMETERS = 300, 14, 8


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def tiers() -> list[list[str]]:
    """The picture's tiers, from the bottom up: `state`, a line of its own, is tier n of `stream.state`."""
    block = PICTURE.read_text().split("```tiers\n")[1].split("```")[0]
    names = [line.split("#")[0].replace("|", " ").split() for line in block.splitlines()]
    known = {"bandits", "learners"}
    return [[name if name in known else f"stream.{name}" for name in tier] for tier in names if tier][::-1]


TIER = {name: n for n, tier in enumerate(tiers()) for name in tier}
PURE = {name for name, n in TIER.items() if n < TIER[PURE_ABOVE]}


def room(module: str) -> str:
    """The room that a module is in, or the module itself where it stands at the top of `stream`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "stream" else ".".join(parts[:2])


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
    assert {room(module) for module in MODULES} == {"stream", *TIER}
    assert "stream.state.user" in imports("stream.decisions.engine")
    assert "numpy" in imports("stream.decisions.shown")


@pytest.mark.parametrize(
    ("package", "others"), [("bandits", {"learners", "stream"}), ("learners", {"bandits", "stream"})]
)
def test_learners_and_bandits_are_peers_and_blind(package: str, others: set[str]) -> None:
    for module in MODULES:
        if module.split(".")[0] == package:
            assert not roots(module) & (others | INPUT_OUTPUT | {"msgspec", "orjson"}), module


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"stream"}))
def test_imports_point_down(module: str) -> None:
    upward = {
        name for name in imports(module) & set(MODULES) - {"stream"}
        if room(name) != room(module) and TIER[room(name)] >= TIER[room(module)]
    }  # fmt: skip
    assert not upward, f"{room(module)} is on tier {TIER[room(module)]} of docs/architecture.md"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room(name) in PURE))
def test_pure_rooms_know_neither_kafka_nor_terminal_nor_metrics(module: str) -> None:
    assert not roots(module) & INPUT_OUTPUT


def test_a_starting_worker_does_not_import_what_measures() -> None:
    assert not {room(name) for name in reached("stream.app")} & {"stream.evaluation", "stream.simulation", "stream.ope"}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room(name) in PURE))
def test_time_and_randomness_are_arguments(module: str) -> None:
    """Neither is imported, so neither can be asked; an edge hands them in. The doctest of a law may draw numbers."""
    checks, edge = module in {"bandits.checks", "learners.checks"}, module.endswith(".__main__")
    assert not roots(module) & (CLOCKS - ({"random"} if checks else {"time"} if edge else set()))
    calls = [ast.unparse(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    assert not [
        call for call in calls if re.search(r"\bnow\(|datetime\.(now|today|utcnow)|date\.today|urandom", call + "(")
    ]
    assert not [call for call in calls if re.match(r"(np|numpy)\.random\.(?!default_rng|Generator|PCG64)", call)]


def test_metrics_are_declared_in_their_room() -> None:
    users = {module for module in MODULES if "prometheus_client" in roots(module)}
    assert "stream.metrics" in {room(module) for module in users}
    for module in users:
        if room(module) != "stream.metrics":
            named = {name for name in imports(module) if name.startswith("prometheus_client")}
            assert named == {"prometheus_client.parser"}, f"{module} may read metrics, not declare them"


def test_faust_stays_at_the_edge() -> None:
    users = {module for module in MODULES if roots(module) & {"faust", "mode"}}
    edge = {
        "stream.app",
        "stream.commands.run.worker",
        "stream.worker.intake",
        "stream.kafka.faust_polls",
        "stream.kafka.polls",
        "stream.worker.ownership",
        "stream.worker.positions",
        "stream.worker.rounds",
        "stream.worker.worker",
    }
    assert users == edge | {"stream.bench.kafka.echo"}, "the transport alone, which is measured"


def test_private_methods_of_others_are_overridden_in_one_file_a_library() -> None:
    """Deep modules of Faust and aiokafka, where what is private lives."""
    places = {
        "stream.kafka.faust_polls": ("faust.transport", "faust.app"),
        "stream.kafka.aiokafka_changes": ("aiokafka.client", "aiokafka.conn."),
    }
    for place, deep in places.items():
        assert {module for module in MODULES if any(name.startswith(deep) for name in imports(module))} == {place}


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
    assert len(MODULES[module].read_text().splitlines()) <= MAX_LINES


def test_rooms_stay_small() -> None:
    files = Counter(path.parent for path in MODULES.values() if path.stem not in {"__init__", "__main__"})
    assert not {str(folder): n for folder, n in files.items() if n > MAX_FILES}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_functions_take_few_parameters(module: str) -> None:
    """But for kernels, which numba compiles: they take structured arguments, or stand behind a small function."""
    long = {
        node.name: count
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not any("njit" in ast.unparse(decorator) for decorator in node.decorator_list)
        and (count := parameters(node)) > MAX_PARAMETERS
    }
    assert not long


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments a caller may give."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_file_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module))
