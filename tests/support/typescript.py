"""The TypeScript client, installed and built in a folder of its own."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[2] / "clients" / "typescript"
WITHIN_S = 240.0
NODE = 20  # the oldest version


class Project(NamedTuple):
    """A copy in which packages are installed, and `dist` is built."""

    folder: Path

    def command(self, *command: str) -> str:
        """What a command prints; a failure is the test's."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, name: str, text: str) -> str:
        """Check the types of a program that uses the package, and what it prints."""
        (self.folder / "programs").mkdir(exist_ok=True)
        (self.folder / "programs" / f"{name}.ts").write_text(text)
        self.command("node_modules/.bin/tsc", "--project", "tsconfig.programs.json")
        return self.command("node", f"programs/dist/{name}.js")


def missing() -> str:
    """What this machine lacks; empty: nothing."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "node and npm are not here: apt-get install nodejs npm"
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    major = int(said.strip().removeprefix("v").partition(".")[0])
    return "" if major >= NODE else f"node must be {NODE} or later; it is {said.strip()}"


def install(folder: Path) -> Project:
    """Install and build; skips the test where that cannot be, but fails it in CI."""
    strict = os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}
    end = pytest.fail if strict else pytest.skip
    if reason := missing():
        end(reason)
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if done.returncode:
        end(f"npm ci: {done.stderr[-500:]}")
    project = Project(folder)
    project.command("npm", "run", "--silent", "build")
    return project
