"""The image has all that it needs, runs without rights, and its commands work."""

import fnmatch
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from stream.cli import COMMANDS
from stream.config import Config

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "stream" / "gateway" / "console"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


class Instruction(NamedTuple):
    """One line of a Dockerfile."""

    word: str
    rest: str


def instructions() -> list[Instruction]:
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    return [Instruction(*line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def the(word: str) -> list[str]:
    return [instruction.rest for instruction in instructions() if instruction.word == word]


def copied() -> list[str]:
    return [source for line in the("COPY") for source in line.split()[:-1]]


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^ ;]+)", text, flags=re.MULTILINE))


def test_copied_files_are_there_and_sent_to_the_daemon() -> None:
    first, *rest = (line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] != "#")
    assert first == "*"
    let_in = {line[1:] for line in rest if line.startswith("!")}
    assert let_in == set(copied())
    assert all((ROOT / source).exists() for source in copied())


def test_all_of_the_project_is_copied() -> None:
    packages = {name.removesuffix("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    assert packages | files <= set(copied())
    # What is not Python is only installed if it is declared as data.
    declared = PROJECT["tool"]["setuptools"]["package-data"]
    for package in packages:
        found = [path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        strays = [
            path for path in found if not any(fnmatch.fnmatch(path.name, each) for each in ("*.py", *declared["*"]))
        ]
        assert [path for path in strays if path.parent != CONSOLE] == []
    patterns = declared["stream.gateway"]
    data = [path.relative_to(CONSOLE.parent) for path in CONSOLE.iterdir()]
    assert [path for path in data if not any(fnmatch.fnmatch(str(path), pattern) for pattern in patterns)] == []


def test_python_is_new_enough() -> None:
    (base,) = the("FROM")
    version = re.fullmatch(r"python:3\.(\d+)-slim", base)
    assert version is not None
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert int(version[1]) >= 11


def test_runs_as_nobody_in_particular() -> None:
    words = [instruction.word for instruction in instructions()]
    (user,) = the("USER")
    assert user.isdecimal()
    assert int(user) > 0
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert f"--uid {user} " in next(line for line in the("RUN") if "useradd" in line)


def test_entry_point_is_the_command() -> None:
    (entry,) = the("ENTRYPOINT")
    (name,) = json.loads(entry)
    assert name in PROJECT["project"]["scripts"]
    assert the("EXPOSE") == [f"{Config().worker.port} {Config().gateway.port}"]


def test_requirements_are_those_that_are_tested() -> None:
    runtime, tested = pins("requirements-runtime.lock"), pins("requirements.lock")
    assert runtime.items() <= tested.items()
    wanted = {re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert wanted <= runtime.keys()
    for_development = {re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["optional-dependencies"]["dev"]}
    assert not for_development & runtime.keys()
    text = (ROOT / "requirements-runtime.lock").read_text("utf-8")
    assert len(re.findall(r"^[^ #].*\\\n    --hash=sha256:", text, flags=re.MULTILINE)) == len(runtime)


class Worker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        healthy: bool = self.server.healthy  # type: ignore[attr-defined]  # set by the test
        self.send_response(200 if healthy and self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in the base class
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Worker) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
def test_health_check_tells_healthy_from_sick(server: HTTPServer, healthy: bool, code: int) -> None:
    server.healthy = healthy  # type: ignore[attr-defined]  # read by the handler
    (check,) = the("HEALTHCHECK")
    command = json.loads(check.split("CMD")[1])
    assert command[0] == "python"
    assert "'/healthz'" in command[-1]
    assert f"'{Config().worker.port}'" in command[-1]
    environment = os.environ | {"HEADWATER_WORKER_PORT": str(server.server_address[1])}
    done = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == code


def test_health_check_fails_where_nothing_listens() -> None:
    (check,) = the("HEALTHCHECK")
    command = json.loads(check.split("CMD")[1])
    environment = os.environ | {"HEADWATER_WORKER_PORT": "1"}
    done = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1


def test_kernels_are_compiled_at_build_for_any_processor() -> None:
    words = [f"{instruction.word} {instruction.rest}" for instruction in instructions()]
    assert words.index(f"USER {the('USER')[0]}") < words.index("RUN headwater kernels"), "they are the worker's"
    assert "kernels" in COMMANDS
    set_ = dict(each.split("=", 1) for line in the("ENV") for each in line.split())
    # the name alone would leave the features of the machine that builds, and both belong to a kernel's key
    assert (set_["NUMBA_CPU_NAME"], set_["NUMBA_CPU_FEATURES"]) == ("generic", '""')
    assert any('--owner headwater "$NUMBA_CACHE_DIR"' in line for line in the("RUN"))
