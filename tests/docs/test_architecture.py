"""docs/architecture.md is true: its rooms, its walk and every file it names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.rooms import PAGE, ROOT, with_table

TEXT = PAGE.read_text("utf-8")
WALK = re.findall(r"^\|[ \d]*\| \[([\w/.]+)\]\(\.\./([\w/.]+)\) \| `([\w.]+)` \|", TEXT, re.MULTILINE)
NAMES = sorted(set(re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", TEXT)))


@cache
def defined(file: Path) -> frozenset[str]:
    """Functions, classes and `Class.method`s of a file."""
    found = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{method.name}" for method in methods}
    return frozenset(found)


def files_of(name: str) -> list[str]:
    """Where a name is defined."""
    sources = (
        file for package in ("bandits", "learners", "stream") for file in sorted(ROOT.glob(f"{package}/**/*.py"))
    )
    return [str(file.relative_to(ROOT)) for file in sources if name in defined(file)]


def test_the_table_of_rooms_is_current() -> None:
    assert with_table(TEXT) == TEXT, "run `python -m tests.docs.rooms`"


def test_the_walk_is_found() -> None:
    assert len(WALK) > 25
    assert {"Steps.take", "Acceptance.judge", "outcomes"} <= {name for *_, name in WALK}


@pytest.mark.parametrize(("shown", "link", "name"), WALK)
def test_each_step_of_the_walk_exists(shown: str, link: str, name: str) -> None:
    assert shown == link
    assert name in defined(ROOT / link), f"`{name}` is defined in {files_of(name)}"


@pytest.mark.parametrize("name", NAMES)
def test_each_name_in_the_text_exists(name: str) -> None:
    assert files_of(name)
