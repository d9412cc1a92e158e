"""Policies by name, from the guide's example on; `python -m bandits`."""

import ast
import re
import sys
import types
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from bandits import make_policy, policy_names, policy_parameters, registry
from bandits.__main__ import main
from stream.config import Config, ConfigError, Policy
from stream.model.fold import Model

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"


def install(monkeypatch: pytest.MonkeyPatch, name: str, source: str, attribute: str) -> None:
    """Offer an attribute of a module made of `source` as an installed distribution does."""
    module = types.ModuleType("strange_policies")
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    point = EntryPoint(name, f"{module.__name__}:{attribute}", registry.GROUP)

    def entry_points(**wanted: Any) -> EntryPoints:
        return EntryPoints([point]).select(**wanted)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def test_the_guides_policy_obeys_the_laws_and_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "top_source", blocks("python")[0], "TopSource")
    assert "top_source" in policy_names()
    assert policy_parameters("top_source") == ["epsilon"]
    said: list[str] = []
    assert main(["top_source"], said.append) == 0, said
    model = Model(Config(policy=Policy(name="top_source", epsilon=0.2)))
    assert model.policy.name == "top_source"
    assert model.policy.epsilon == pytest.approx(0.2)


@pytest.mark.parametrize("n", [1, 2])
def test_the_guides_bandit_and_agent_run(n: int) -> None:
    exec(blocks("python")[n], {})


def test_the_guide_imports_from_the_root_alone() -> None:
    named = [
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for block in blocks("python")
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert {name for name in named if name and name.split(".")[0] in {"bandits", "learners", "stream"}} == {"bandits"}


def test_installed_policies_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "lazy", "class Lazy:\n    name = 'idle'\n    def draw(self): ...", "Lazy")
    with pytest.raises(ValueError, match=r"must have every verb of bandits.Policy and the name 'lazy'.*lacks propens"):
        make_policy("lazy", sources=2, slots=2)
    install(monkeypatch, "gone", "", "Gone")
    with pytest.raises(ValueError, match="must be importable; got AttributeError"):
        make_policy("gone", sources=2, slots=2)


def test_a_policy_that_is_not_there_is_a_setting_that_cannot_be_used() -> None:
    with pytest.raises(ConfigError, match=r"configuration: policy.name: policy 'salsa' is unknown; must be one of"):
        Model(Config(policy=Policy(name="salsa")))


def test_without_a_known_name_the_names_are_listed() -> None:
    said: list[str] = []
    assert main([], said.append) == 2
    assert "  thompson\n" in said[0]
    assert main(["salsa"], said.append) == 2
    assert "policy 'salsa' is unknown" in said[-1]
