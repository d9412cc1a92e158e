"""The verdict of `headwater chaos`, and what it prints."""

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from stream.chaos.fleet import Settings
from stream.chaos.requests import Requests
from stream.chaos.results import Faults, Result, Stall
from stream.cli import main
from stream.commands.measure import chaos
from stream.config import Config

GOOD = Result(
    Settings(1, 60.0, 2, 100.0, 50.0), [Faults("kill -9", 2, 4.0, None, None)], 1_234, 1_230, 0, 0, {}, [True, True],
    4.0,
    [Stall("events.view/0", 3.0, 9.0, 9.0, ["kill -9 -1"])],
    Requests(2_222, 2_221, 0, {"fresh": 2_200, "late": 21}, 17, 2_190, 2_180, 33, 8.5), {"accepted": 7}, [],
)  # fmt: skip
BAD = GOOD._replace(lost=3, doubled=1, broken={"settled twice": 2}, workers_equal=[True, False])


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], None]:
    """Set the result of a run; handlers of signals stay as they are."""
    monkeypatch.setattr(chaos, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=signal.SIGTERM))

    def play(result: Result) -> None:
        monkeypatch.setattr(chaos, "run", lambda *_, **__: result)

    return play


def test_options_are_the_settings_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[Settings]()
    monkeypatch.setattr(chaos, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=signal.SIGTERM))

    def play(config: Config, settings: Settings, *_: object, **__: object) -> Result:
        given.append(settings)
        return GOOD

    monkeypatch.setattr(chaos, "run", play)
    assert main(["chaos", "--seed", "3", "--minutes", "2", "--rate", "70", "--requests", "9.5", "--static"]) == 0
    assert given == [Settings(3, 120.0, 3, 70.0, 9.5, static=True)]


def test_a_good_run_ends_with_0(played: Callable[[Result], None], capsys: pytest.CaptureFixture[str]) -> None:
    played(GOOD)
    assert main(["chaos"]) == 0
    out = capsys.readouterr().out
    for text in ("kill -9", "1,234", "1,230", "2 of 2", "none", "accepted: 7", "events.view/0", "9.0 s"):
        assert text in out
    for text in ("2,222", "2,221", "fresh: 2,200, late: 21", "17", "2,190, 2,180", "33", "8.5 s"):
        assert text in out


def test_a_bad_run_fails_and_names_what_was_found(
    played: Callable[[Result], None], capsys: pytest.CaptureFixture[str]
) -> None:
    played(BAD)
    assert main(["chaos", "--json"]) == 1
    captured = capsys.readouterr()
    assert "lost: 3, doubled: 1, unanswered: 0, models differing: 1, too late: 0, settled twice: 2" in captured.err
    found: dict[str, Any] = orjson.loads(captured.out)
    assert (found["good"], found["lost"], found["settings"]["workers"]) == (False, 3, 2)
    assert found["requests"]["answers"] == {"fresh": 2_200, "late": 21}
    assert found["standstills"][0]["where"] == "events.view/0"


@pytest.mark.parametrize("changed", [{"lost": 1}, {"standstills": [Stall("events.view/0", 3.0, 9.1, 9.0, [])]}])
def test_any_finding_is_a_failure(played: Callable[[Result], None], changed: dict[str, Any]) -> None:
    played(GOOD._replace(**changed))
    assert main(["chaos", "--json"]) == 1
