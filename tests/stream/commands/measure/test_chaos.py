"""The verdict of `headwater chaos`, and what it prints."""

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from stream.chaos.fleet import Settings
from stream.chaos.results import Faults, Result, Stall
from stream.cli import main
from stream.commands.measure import chaos

GOOD = Result(
    Settings(1, 60.0, 2, 100.0), [Faults("kill -9", 2, 4.0, None, None)], 1_234, 1_230, 0, 0, {}, [True, True], 4.0,
    [Stall("events.view/0", 3.0, 9.0, 9.0, ["kill -9 -1"])], {"accepted": 7}, [],
)  # fmt: skip
BAD = GOOD._replace(lost=3, doubled=1, broken={"settled twice": 2}, workers_equal=[True, False])


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], None]:
    """Set the result of a run; handlers of signals stay as they are."""
    monkeypatch.setattr(chaos, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=signal.SIGTERM))

    def play(result: Result) -> None:
        monkeypatch.setattr(chaos, "run", lambda *_, **__: result)

    return play


def test_a_good_run_ends_with_0(played: Callable[[Result], None], capsys: pytest.CaptureFixture[str]) -> None:
    played(GOOD)
    assert main(["chaos"]) == 0
    out = capsys.readouterr().out
    for text in ("kill -9", "1,234", "1,230", "2 of 2", "none", "accepted: 7", "events.view/0", "9.0 s"):
        assert text in out


def test_a_bad_run_fails_and_names_what_was_found(
    played: Callable[[Result], None], capsys: pytest.CaptureFixture[str]
) -> None:
    played(BAD)
    assert main(["chaos", "--json"]) == 1
    captured = capsys.readouterr()
    assert "lost: 3, doubled: 1, models differing: 1, too late: 0, settled twice: 2" in captured.err
    found: dict[str, Any] = orjson.loads(captured.out)
    assert (found["good"], found["lost"], found["settings"]["workers"]) == (False, 3, 2)
    assert found["standstills"][0]["where"] == "events.view/0"


@pytest.mark.parametrize("changed", [{"lost": 1}, {"standstills": [Stall("events.view/0", 3.0, 9.1, 9.0, [])]}])
def test_any_finding_is_a_failure(played: Callable[[Result], None], changed: dict[str, Any]) -> None:
    played(GOOD._replace(**changed))
    assert main(["chaos", "--json"]) == 1
