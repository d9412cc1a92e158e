"""`make help` lists every target, and pre-commit and the public CI run what `make lint` and `.ci/run` run."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make (\w+) +\S", done.stdout, re.MULTILINE) == re.findall(
        r"^([a-z]+):", MAKEFILE, re.MULTILINE
    )
    assert set(re.findall(r"^  make (\w+)", done.stdout, re.MULTILINE)) == set(phony.group(1).split())


def test_pre_commit_runs_the_tools_of_lint_from_the_environment() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "no network"
    entries = [hook["entry"] for hook in hooks[0]["hooks"]]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    tools = set(re.findall(r"\$\(BIN\)/(\w+(?: (?:format|check))?)", recipe.group(1)))
    assert tools == {"ruff format", "ruff check", "mypy"}
    assert all(any(entry.startswith(f".venv/bin/{tool}") for entry in entries) for tool in tools)
    named = [word for entry in entries for word in entry.split() if word.startswith("tests/")]
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_public_workflow_calls_the_ci_script() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    steps = workflow["jobs"]["all"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps[:-1])


def test_the_packages_ship_their_types() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("stream", "learners", "bandits"))
