"""What the commands share: options as one object, libraries that need not be there."""

import dataclasses
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from stream import cli
from stream.datasets.how import from_file
from stream.datasets.readers import LeftOut, read
from stream.ope.log import messages_of_file
from stream.ope.log import read as read_outcomes
from tests.support.rated import write_rated_log

SOURCE = {
    "format_", "columns", "events", "default_event", "time_unit", "separator", "encoding", "layout", "skip_bad",
}  # fmt: skip
COLLECTED = ("bench", "evaluate", "ope", "simulate", "tune")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_BROKER", raising=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rated_log(tmp_path_factory.mktemp("log"))


@pytest.mark.parametrize("name", COLLECTED)
def test_each_option_has_a_field_of_its_name(name: str) -> None:
    module = importlib.import_module(f"stream.commands.measure.{name}")
    options = {parameter.name for parameter in module.command.params} - {"config", "broker"}
    if name in {"evaluate", "simulate", "tune"}:  # which read a file of events
        assert options >= SOURCE
        options -= SOURCE
    assert {field.name for field in dataclasses.fields(module.Options)} == options
    assert module.Options.__dataclass_params__.frozen


@pytest.mark.parametrize(
    ("library", "module", "arguments", "extra"),
    [
        ("matplotlib", "stream.commands.plot", ["evaluate", "--plot", "c.png"], "headwater[plots]"),
        ("optuna", "stream.evaluation.tune", ["tune"], "headwater[tune]"),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(
    log: Path, library: str, module: str, arguments: list[str], extra: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main([*arguments, str(log)]) == 2
    assert f"pip install '{extra}'" in capsys.readouterr().err


ROOT = Path(__file__).parents[3]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "language"), [("start.md", "json"), ("files.md", "json"), ("files.md", "csv")])
def test_the_files_that_the_docs_show_are_read(tmp_path: Path, page: str, language: str) -> None:
    (block,) = blocks(page, language)
    file = tmp_path / "log"
    file.write_text(block)
    found = [entry for entry in read(file) if isinstance(entry, tuple)]
    assert len(found) == block.count("\n") - (language == "csv")
    if language == "csv":
        assert (found[1][1].price, found[1][1].quantity) == (19.9, 2.0)


def test_the_layout_file_that_the_docs_show_is_read(tmp_path: Path) -> None:
    layout = tmp_path / "shop.toml"
    (block,) = blocks("files.md", "toml")
    layout.write_text(block)
    log = tmp_path / "log"
    log.write_text("customer\tsku\twhen\twhat\nada\ttea\t1700000000000\tOrder, paid\nada\ttea\t1700000000001\tleft\n")
    ((kind, event),) = (entry for entry in read(log, how=from_file(layout)) if isinstance(entry, tuple))
    assert (kind, event.timestamp, event.quantity) == ("purchase", 1_700_000_000.0, 1.0)


def foreign(folder: Path, *spoilt: str) -> Path:
    """A log of users and items with names of its own, 40 rows, with bad lines after the header."""
    rows = [f"u{n % 4},i{n % 7},{1_700_000_000 + 60 * n},tea\n" for n in range(40)]
    path = folder / "foreign.csv"
    path.write_text("".join(["user,sku,at,kind\n", *spoilt, *rows]))
    return path


COLUMNS = ["--columns", "user=user,item=sku,time=at,category=kind"]


@pytest.mark.parametrize("command", ["evaluate", "tune"])
def test_commands_leave_out_bad_lines_alike(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = foreign(tmp_path, 'u9,"i9,1700000000,tea\n', "u9,i9\n")
    more = (
        ["--resamples", "0", "--json"]
        if command == "evaluate"
        else ["--trials", "1", "--out", str(tmp_path / "o.toml")]
    )
    arguments = [command, str(path), *more]
    assert cli.main(arguments) == 2
    guess = capsys.readouterr().err
    assert f"it looks like: headwater {command} {path} --columns user=user,item=sku,time=at" in guess
    assert cli.main([*arguments, *COLUMNS]) == 2
    assert f"{path} line 2: a quote opens a field" in capsys.readouterr().err
    assert cli.main([*arguments, *COLUMNS, "--skip-bad"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("2 lines left out: ")
    assert f"{path} line 3: must have 4 columns; got 2" in captured.err
    if command == "evaluate":
        assert json.loads(captured.out)["events"] == 40


def test_simulated_tastes_come_from_any_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = foreign(tmp_path, "u9,i9\n")
    arguments = ["simulate", "--tastes", str(path), *COLUMNS]
    assert cli.main(arguments) == 2
    assert f"{path} line 2: must have 4 columns; got 2" in capsys.readouterr().err
    assert cli.main([*arguments, "--skip-bad"]) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("1 line left out: ")
    assert "must hold more than" in captured, "it was read, and holds few users"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--columns", "buyer=user"], "--columns: must be one of user, item, time"),
        (["--columns", "user"], "--columns: must be pairs such as a=b,c=d; got 'user'"),
        (["--events", "sold=sale"], "--events sold: must be one of view, click, purchase, skip; got 'sale'"),
        (["--layout", "none.toml"], "--layout none.toml: cannot be read: No such file or directory"),
        (["--encoding", "klingon"], "--encoding: must be an encoding that Python knows"),
    ],
)
def test_what_is_said_about_a_file_must_make_sense(
    log: Path, option: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(log), *option]) == 2
    assert says in capsys.readouterr().err


def test_outcomes_that_cannot_be_read_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text("\n{]\n")
    assert cli.main(["ope", str(path), "--skip-bad"]) == 1
    left_out = LeftOut()
    assert read_outcomes(messages_of_file(path), str(path), left_out) == []
    assert str(left_out.first[0]).startswith(f"{path} line 2: must be an outcome")
