"""What the commands share: options as one object, libraries that need not be there."""

import dataclasses
import importlib
import sys
from pathlib import Path

import pytest

from stream import cli
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
