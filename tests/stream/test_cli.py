"""The command line: quick help, one line per error, exit codes that mean something."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from stream import cli
from stream.config import Config
from stream.errors import BrokerError, CheckError, HeadwaterError, TopicError, UsageError

NOWHERE = "127.0.0.1:1"  # nothing listens there


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_BROKER", raising=False)
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)


def modules() -> dict[str, str]:
    """Every command's file: its name, and the room it is in."""
    files = (Path(cli.__file__).parent / "commands").glob("*/*.py")
    return {path.stem: path.parent.name for path in files if path.stem != "__init__"}


def test_the_table_names_every_command() -> None:
    assert modules() == {name: room for name, (room, _) in cli.COMMANDS.items()}


@pytest.mark.parametrize("name", sorted(modules()))
def test_the_table_says_what_the_command_says(name: str) -> None:
    command: click.Command = importlib.import_module(f"stream.commands.{cli.COMMANDS[name][0]}.{name}").command
    assert command.get_short_help_str(limit=200).removesuffix(".") == cli.COMMANDS[name][1]
    assert len(cli.COMMANDS[name][1]) <= 64, "must stand on one line of 80 columns"


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_command_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    out = capsys.readouterr().out
    examples = out[out.index("Examples:") :]
    assert f"headwater {name}" in examples


def test_help_is_quick_and_imports_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    asks = "import sys, stream.cli; stream.cli.main(['--help']); heavy = {'numba', 'faust', 'kafka', 'numpy', 'rich'}"
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", f"{asks}; sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < 3.0  # 0.2 s where nothing else runs
    for name, (_, text) in cli.COMMANDS.items():
        assert f"{name} " in done.stdout
        assert text in done.stdout
    for code in ("0 fine", "1 a check failed", "2 wrong usage", "3 broker", "4 topics", "130 Ctrl-C"):
        assert code in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'. Try `headwater --help`."),
        (["config", "--frob"], 2, "No such option: --frob Try `headwater config --help`."),
        (["ask", "similar"], 2, "ask similar: of what? Give its id"),
        (["ask", "popular", "teapot"], 2, "ask popular: is of all items: leave 'teapot' out"),
        (
            ["ask", "audience", "teapot", "--category", "Tea"],
            2,
            "ask audience: --category is for popular, rising, latest",
        ),
        (["recommend"], 2, "Missing argument 'USER'. Try `headwater recommend --help`."),
        (["--config", "/nowhere.toml", "config"], 2, "configuration /nowhere.toml: cannot be read"),
        (["config", "--config", "/nowhere.toml"], 2, "configuration /nowhere.toml: cannot be read"),
        (["replay", "/nowhere.csv", "--broker", NOWHERE], 2, "/nowhere.csv: there is no such file"),
        (["replay", "x.csv", "--rate", "1", "--speed-up", "2"], 2, "--rate and --speed-up exclude each other"),
        (["replay", "x.csv", "--rate", "nan"], 2, "Invalid value for '--rate': must be a number; got 'nan'"),
        (
            ["replay", "x.csv", "--limit", "1_000"],
            2,
            "Invalid value for '--limit': must be a whole number; got '1_000'",
        ),
        (["watch", "--limit", " 5"], 2, "Invalid value for '--limit': must be a whole number; got ' 5': leave out"),
        (["dead", "show", "\uff11"], 2, "Invalid value for 'OFFSET': must be a whole number; got '\uff11': write the"),
        (["recommend", "u1 "], 2, "Invalid value for 'USER': must not begin or end with white space; got 'u1 '"),
        (["watch", "--user", "u\u200b"], 2, "Invalid value for '--user': must have no control or invisible characters"),
        (["forget", ""], 2, "USER: must not be empty"),
        (["topics", "--broker", NOWHERE], 3, f"broker not reachable: {NOWHERE}"),
        (["--broker", NOWHERE, "recommend", "u1"], 3, f"broker not reachable: {NOWHERE}"),
        (["watch", "--broker", NOWHERE], 3, f"broker not reachable: {NOWHERE}"),
        (["worker", "--broker", NOWHERE], 3, f"broker not reachable: {NOWHERE}"),
    ],
)
def test_an_error_is_one_line(arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"headwater: {says}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HeadwaterError("m"), 1),
        (CheckError("m"), 1),
        (UsageError("m"), 2),
        (BrokerError("m"), 3),
        (TopicError("m"), 4),
        (click.FileError("f"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: click.Command("fails", callback=fail))
    assert cli.main(["fails"]) == code


def test_no_command_reads_a_number_as_python_does() -> None:
    def lenient(command: click.Command) -> list[str]:
        own = [each.name or "" for each in command.params if type(each.type) in (click.IntRange, click.FloatRange)]
        own += [each.name or "" for each in command.params if each.type in (click.INT, click.FLOAT)]
        nested = command.commands.values() if isinstance(command, click.Group) else ()
        return own + [name for each in nested for name in lenient(each)]

    for name in cli.COMMANDS:
        command = cli.cli.get_command(click.Context(cli.cli), name)
        assert command is not None
        assert lenient(command) == [], name


def test_only_a_lost_broker_is_worth_a_second_try() -> None:
    kinds = (HeadwaterError, CheckError, UsageError, BrokerError, TopicError)
    assert [kind.retriable for kind in kinds] == [False, False, False, True, False]


def test_settings_come_from_the_nearest_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broker(*arguments: str) -> str:
        assert cli.main(arguments) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("broker = "))

    assert broker("config") == f'broker = "{Config().kafka.broker}"'
    file = tmp_path / "headwater.toml"
    file.write_text('[kafka]\nbroker = "file:1"\n')
    monkeypatch.setenv("HEADWATER_CONFIG", str(file))
    assert broker("config") == 'broker = "file:1"'
    monkeypatch.setenv("HEADWATER_BROKER", "short:1")
    assert broker("config") == 'broker = "short:1"'
    monkeypatch.setenv("HEADWATER_KAFKA_BROKER", "environment:1")
    assert broker("config") == 'broker = "environment:1"'
    assert broker("--broker", "before:1", "config") == 'broker = "before:1"'
    assert broker("--broker", "before:1", "config", "--broker", "after:1") == 'broker = "after:1"'


def test_printed_settings_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config"]) == 0
    printed = capsys.readouterr().out
    file = tmp_path / "headwater.toml"
    file.write_text(printed)
    assert cli.main(["config", "--config", str(file)]) == 0
    assert capsys.readouterr().out == printed


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m stream.cli config | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("# The cluster and how it is read.\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config"], ["config", "--help"]])
def test_output_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "stream.cli", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "headwater: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("arguments", [["--help"], ["config"], ["frobnicate"]])
def test_a_pipe_that_is_closed_already_is_no_traceback(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "stream.cli", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    both = subprocess.run(command, stdout=writing, stderr=writing, check=False)
    os.close(writing)
    code = 2 if arguments == ["frobnicate"] else 0
    assert (done.returncode, both.returncode) == (code, code)
    assert done.stderr.count("\n") == (1 if code else 0)
